// The decoder of videos on tiny graphs: what a request may say, what comes out, and that it stops when told.

import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createImageDecoder } from '../../../decoders/image/latent-diffusion-image.ts';
import { openVideoGraphs } from '../../../decoders/video/graphs.ts';
import type { VideoGraphs } from '../../../decoders/video/graphs.ts';
import { createVideoDecoder, latentDiffusionVideo } from '../../../decoders/video/latent-diffusion-video.ts';
import { readConfig } from '../../../decoders/video/settings.ts';
import { fromPlanar, toPlanar } from '../../../decoders/image/pixels.ts';
import { closeMedia, decodeImage, decodeVideo, inspectImage, inspectVideo, isMarkedGenerated, readProvenance } from '../../../media/index.ts';
import { resizePixels } from '../../../media/resize.ts';
import type { DecodeRequest, Decoder } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { context, make, picture, tokens } from '../image/tiny.ts';
import { counting, latentsOf, makeVideo, psnr, tinyConfig, tinySource } from './tiny.ts';

const config = readConfig(tinyConfig);
const white = { width: 128, height: 128, fit: 'contain', background: [255, 255, 255] } as const;
// Needs no codec of mp4.
const quick = { format: 'webp' };

let decoder: Decoder;
const others: (() => Promise<void>)[] = [];
beforeEach(async () => {
  decoder = await latentDiffusionVideo.open(tinySource());
});
afterEach(async () => {
  await decoder.dispose();
  await decoder.dispose();
  for (const close of others.splice(0)) await close();
  expect(openSessionCount()).toBe(0);
});
afterAll(closeMedia);

/** The graphs without the decoder, closed after the test. */
async function openGraphs(): Promise<VideoGraphs> {
  const graphs = await openVideoGraphs(tinySource(), config);
  others.push(graphs.release);
  return graphs;
}

const colours = async (): ReturnType<typeof picture> => picture(150, 100, (x, y) => [Math.round(255 * x), Math.round(255 * y), 40]);

describe('a video from conditioning', () => {
  test.each([
    [2, 1], [15, 1], [16, 1], [17, 2], [31, 2], [40, 3],
  ])('of %i frames takes %i windows, and the file holds them at its rate', async (frames, windows) => {
    const { media, progress, result } = await makeVideo(decoder, { options: { ...quick, frames, fps: 10 } });
    const steps = tinyConfig.image.steps + windows * tinyConfig.steps;
    expect(progress).toEqual(Array.from({ length: steps }, (_, i) => ({ type: 'progress', step: i + 1, steps })));
    expect(media).toMatchObject({ modality: 'video', mediaType: 'image/webp' });
    expect(await inspectVideo(media)).toMatchObject({ width: 128, height: 128, frames, seconds: frames / 10, hasSound: false });
    expect(result.companion?.['frames']?.shape).toEqual([frames, 1024]);
    expect(result.companion?.['times']?.shape).toEqual([frames]);
    expect(result.companion?.['times']?.data.at(-1)).toBeCloseTo((frames - 1) / 10, 5);
  });

  test.each([
    ['mp4', 'video/mp4', 7], ['webm', 'video/webm', 25], ['gif', 'image/gif', 10], ['webp', 'image/webp', 1],
  ] as const)('as %s is %s with its settings, at its size', async (format, mediaType, fps) => {
    const options = { format, fps, frames: 3, width: 200, steps: 1, previewEvery: 9 };
    const { media } = await makeVideo(decoder, { provenance: { prompt: 'a red ball', seed: 5, previewEvery: 9, steps: 4 }, options });
    expect(media).toMatchObject({ modality: 'video', mediaType });
    const header = await inspectVideo(media);
    expect(header).toMatchObject({ width: 200, height: 200, frames: 3 });
    expect(header.seconds).toBeCloseTo(3 / fps, 2);
    expect(readProvenance(media)).toEqual({ prompt: 'a red ball', seed: 5, frames: 3, fps, width: 200, steps: 1, guidanceScale: 2, scheduler: 'flow-match-euler', format });
    expect(isMarkedGenerated(media)).toBe(true);
  });

  test('shares its first frame with the picture of the same seed', async () => {
    const image = await make(await openImageDecoder(), {}, 7);
    const { result } = await makeVideo(decoder, { options: quick }, context(7));
    const graphs = await openGraphs();
    const first = fromPlanar(await graphs.image.decode(latentsOf(result, 0)));
    expect((await decodeImage(image.media, white)).pixels).toEqual(new Uint8Array(first));
  });

  test('is what the sampler of training makes of the same noise and words', async () => {
    type Stage = { steps: number; guidanceScale: number; shift: number };
    const fixture: { seed: number; frames: number; differenceScale: number; still: Stage; motion: Stage; latents: { data: string } } = JSON.parse(
      readFileSync(new URL('../../fixtures/video-sampling.json', import.meta.url), 'utf8'),
    );
    const stage = ({ steps, guidanceScale, shift }: Stage): object => ({ steps, guidanceScale, schedulers: { 'flow-match-euler': { shift, timestepSpacing: 'trailing' } } });
    const { seed, frames, differenceScale, still, motion } = fixture;
    const sampled = await latentDiffusionVideo.open(tinySource({ ...tinyConfig, differenceScale, ...stage(motion), image: { ...tinyConfig.image, ...stage(still) } }));
    others.push(async () => sampled.dispose());
    const { result } = await makeVideo(sampled, { options: { ...quick, frames } }, context(seed));
    const bytes = Buffer.from(fixture.latents.data, 'base64');
    for (let i = 0; i < bytes.length / 4; i += 1) expect(Math.abs(result.companion!['frames']!.data[31 * i]! - bytes.readFloatLE(4 * i))).toBeLessThan(1e-3);
  });

  test('is the same bytes for the same seed, whatever runs beside it, and with previews', async () => {
    const alone = await makeVideo(decoder, {}, context(7));
    const [other, previewed, phased] = await Promise.all([makeVideo(decoder, {}, context(8)), makeVideo(decoder, { options: { previewEvery: 1 } }, context(7)), makeVideo(decoder, { conditioning: tokens(1) }, context(7))]);
    expect(previewed.media.id).toBe(alone.media.id);
    expect(other.media.id).not.toBe(alone.media.id);
    expect(phased.media.id).not.toBe(alone.media.id);
  });

  test('asked to be longer begins with the same frames', async () => {
    const [short, long] = [await makeVideo(decoder, { options: { ...quick, frames: 5 } }), await makeVideo(decoder, { options: { ...quick, frames: 20 } })];
    for (let frame = 0; frame < 5; frame += 1) expect(latentsOf(long.result, frame)).toEqual(latentsOf(short.result, frame));
    expect(latentsOf(long.result, 19)).not.toEqual(latentsOf(long.result, 15));
  });

  test('where the bundle says so repeats what was made, cut where it comes nearest to its beginning', async () => {
    const repeating = await latentDiffusionVideo.open(tinySource({ ...tinyConfig, longer: 'repeat' }));
    others.push(async () => repeating.dispose());
    const { result: window } = await makeVideo(repeating, { options: quick });
    const { result, progress } = await makeVideo(repeating, { options: { ...quick, frames: 40 } });
    expect(progress).toHaveLength(5);
    const away = (frame: number): number => Math.hypot(...latentsOf(window, frame).map((value, i) => value - latentsOf(window, 0)[i]!));
    const period = [12, 13, 14, 15].toSorted((a, b) => away(a) - away(b))[0]!;
    for (let frame = 0; frame < 40; frame += 1) expect(latentsOf(result, frame)).toEqual(latentsOf(window, frame % period));
    expect(window.companion).toEqual((await makeVideo(decoder, { options: quick })).result.companion);
  });

  test('draws the first frame from other words where a graph gives them, and the motion from the given ones', async () => {
    const graphs = await openGraphs();
    const seen: Float32Array[] = [];
    const watched = createVideoDecoder(config, {
      ...graphs,
      stillTokens: async (given) => given.map((value) => value / 2),
      image: { ...graphs.image, predictor: (condition) => (seen.push(condition.tokens), graphs.image.predictor(condition)) },
      predictor: (condition) => (seen.push(condition.tokens), graphs.predictor(condition)),
    });
    await makeVideo(watched, { options: quick });
    expect(seen).toEqual([tokens().tokens.data.map((value) => value / 2), tokens().tokens.data]);
    await expect(latentDiffusionVideo.open(tinySource({ ...tinyConfig, still: true }))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('draws the noise of its first frame before anything else, and that of the motion from a fork', async () => {
    for (const references of [[], [{ role: 'follow' as const, media: await colours() }]]) {
      const { random, drawn, forks } = counting(createRandom(3));
      await makeVideo(decoder, { references, options: { ...quick, frames: 20 } }, { ...context(), random });
      expect(drawn).toEqual([1024]);
      expect(forks).toEqual(['motion']);
    }
  });

  test('follows guidance and the negative conditioning in both stages', async () => {
    const graphs = await openGraphs();
    const seen: { nullTokens: Float32Array; guidanceScale: number }[] = [];
    const watched = createVideoDecoder(config, {
      ...graphs,
      image: { ...graphs.image, predictor: (condition) => (seen.push(condition), graphs.image.predictor(condition)) },
      predictor: (condition) => (seen.push(condition), graphs.predictor(condition)),
    });
    await makeVideo(watched, { negative: tokens(2), options: { ...quick, guidanceScale: 5 } });
    expect(seen).toMatchObject([{ guidanceScale: 2, nullTokens: tokens(2).tokens.data }, { guidanceScale: 5, nullTokens: tokens(2).tokens.data }]);
    const warned = async (changes: Partial<DecodeRequest>): Promise<string[]> => (await makeVideo(decoder, { ...changes, negative: tokens(1), options: { ...quick, guidanceScale: 1 } })).warnings;
    expect(await warned({})).toEqual([]);
    expect(await warned({ references: [{ role: 'follow', media: await colours() }] })).toEqual(['negative_unused']);
  });

  test('shows first the picture, then three frames side by side, small and marked', async () => {
    const { previews, progress } = await makeVideo(decoder, { options: { ...quick, steps: 3, previewEvery: 2 } });
    expect(progress).toHaveLength(6);
    expect(previews.map((preview) => preview.step)).toEqual([2, 4]);
    expect(await inspectImage(previews[0]!.media)).toMatchObject({ width: 64, height: 64 });
    expect(await inspectImage(previews[1]!.media)).toMatchObject({ width: 192, height: 64 });
    for (const { media } of previews) expect(isMarkedGenerated(media)).toBe(true);
  });
});

describe('a given picture', () => {
  test('is the first frame, whatever the seed', async () => {
    const media = await colours();
    const graphs = await openGraphs();
    const pixels = new Uint8Array(fromPlanar(await graphs.image.decode(await graphs.image.encode(toPlanar((await decodeImage(media, white)).pixels)))));
    // Random weights make noise, which no codec of videos keeps; its means it does.
    const small = { ...white, width: 16, height: 16 };
    const expected = resizePixels({ width: 128, height: 128, channels: 3, pixels }, small);
    for (const seed of [1, 2]) {
      const made = await makeVideo(decoder, { references: [{ role: 'follow', media }], options: { format: 'mp4' } }, context(seed));
      expect(made.progress.at(-1)).toEqual({ type: 'progress', step: 2, steps: 2 });
      const { frames: [first] } = await decodeVideo(made.media, { ...small, times: [0] });
      expect(psnr(first!, expected)).toBeGreaterThan(30);
    }
  });

  test('is the first of several, and must be readable', async () => {
    const [media, other] = [await colours(), await picture(64, 64, () => [0, 0, 0])];
    const one = await makeVideo(decoder, { references: [{ role: 'follow', media }], options: quick });
    const two = await makeVideo(decoder, { references: [{ role: 'follow', media }, { role: 'follow', media: other }], options: quick });
    expect(two.warnings).toEqual(['reference_ignored']);
    expect(two.media.id).toBe(one.media.id);
    expect(decoder.follows).toEqual(['image']);
    await expect(makeVideo(decoder, { references: [{ role: 'follow', media: { ...media, bytes: media.bytes.subarray(0, 200) } }] })).rejects.toMatchObject({ code: 'bad_media' });
  });
});

async function openImageDecoder(): Promise<Decoder> {
  const graphs = await openGraphs();
  return createImageDecoder(config.image, graphs.image);
}
