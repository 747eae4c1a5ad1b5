// The decoder of videos on tiny graphs: changing a given video, joining a sound, stopping, and what is refused.

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openVideoGraphs } from '../../../decoders/video/graphs.ts';
import type { VideoGraphs } from '../../../decoders/video/graphs.ts';
import { createVideoDecoder, latentDiffusionVideo } from '../../../decoders/video/latent-diffusion-video.ts';
import { readConfig } from '../../../decoders/video/settings.ts';
import { toPlanar } from '../../../decoders/image/pixels.ts';
import { closeMedia, decodeAudio, decodeVideo, encodeAudio, inspectVideo, isMarkedGenerated, readProvenance } from '../../../media/index.ts';
import type { Decoder, Media } from '../../../src/contracts.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { context, picture, request, tokens } from '../image/tiny.ts';
import { clip, latentsOf, makeVideo, tinyConfig, tinySource } from './tiny.ts';

const config = readConfig(tinyConfig);
// Needs no codec of mp4.
const quick = { format: 'webp' };

let decoder: Decoder;
const others: (() => Promise<void>)[] = [];
beforeEach(async () => {
  decoder = await latentDiffusionVideo.open(tinySource());
});
afterEach(async () => {
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

/** A bar that moves to the right. */
const bar = async (frames = 16, fps = 8): Promise<Media> => clip(frames, fps, (x, _, t) => (Math.abs(x - t) < 0.1 ? [0, 0, 0] : [255, 200, 90]));
const sound = async (seconds = 2): Promise<Media> =>
  encodeAudio({ samples: Float32Array.from({ length: 16000 * seconds }, (_, i) => 0.5 * Math.sin(i / 6)), sampleRateHz: 16000 }, { format: 'wav', provenance: null, mark: true });

/** Counts the runs of every graph; aborts after `after` of them. */
async function watched(after: number): Promise<{ decoder: Decoder; runs: string[]; signal: AbortSignal }> {
  const graphs = await openGraphs();
  const controller = new AbortController();
  const runs: string[] = [];
  const counted = <A extends unknown[], R>(name: string, run: (...given: A) => Promise<R>) => async (...given: A): Promise<R> => {
    if (runs.push(name) === after) controller.abort(new Error('enough'));
    return run(...given);
  };
  const watching: VideoGraphs = {
    ...graphs,
    image: { ...graphs.image, decode: counted('decode', async (latents: Float32Array) => graphs.image.decode(latents)), predictor: (condition) => counted('picture', graphs.image.predictor(condition)) },
    predictor: (condition) => counted('motion', graphs.predictor(condition)),
  };
  return { decoder: createVideoDecoder(config, watching), runs, signal: controller.signal };
}

describe('an edit', () => {
  test('of strength 0 is the video through the autoencoder', async () => {
    const media = await bar(20);
    const { result, progress, warnings } = await makeVideo(decoder, { references: [{ role: 'edit', media }], options: { ...quick, strength: 0, frames: 20 } });
    expect(progress).toEqual([]);
    expect(warnings).toEqual([]);
    const graphs = await openGraphs();
    const { frames } = await decodeVideo(media, { width: 128, height: 128, fit: 'contain', background: [255, 255, 255], times: Array.from({ length: 20 }, (_, frame) => frame / 8) });
    for (const [index, pixels] of frames.entries()) {
      const expected = await graphs.image.encode(toPlanar(pixels));
      expect(Math.max(...latentsOf(result, index).map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4);
    }
  });

  test('below 1 begins at the noised video in both stages, at 1 anew', async () => {
    const references = [{ role: 'edit' as const, media: await bar() }];
    const options = { ...quick, steps: 4 };
    const [half, full, without] = [
      await makeVideo(decoder, { references, options: { ...options, strength: 0.5 } }),
      await makeVideo(decoder, { references, options: { ...options, strength: 1 } }),
      await makeVideo(decoder, { options }),
    ];
    expect(half.progress).toHaveLength(1 + 2);
    expect(full.progress).toHaveLength(3 + 4);
    expect(new Set([half.media.id, full.media.id, without.media.id]).size).toBe(3);
  });

  test('with a picture moves the picture', async () => {
    const media = await bar();
    const still = await picture(128, 128, () => [20, 90, 200]);
    const { result, progress } = await makeVideo(decoder, { references: [{ role: 'edit', media }, { role: 'follow', media: still }], options: { ...quick, strength: 0 } });
    expect(progress).toEqual([]);
    const moved = await makeVideo(decoder, { references: [{ role: 'edit', media }], options: { ...quick, strength: 0 } });
    const change = (of: typeof result): Float32Array => latentsOf(of, 9).map((value, i) => value - latentsOf(of, 0)[i]!);
    expect(latentsOf(result, 0)).not.toEqual(latentsOf(moved.result, 0));
    const [ours, theirs] = [change(result), change(moved.result)];
    expect(Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(1e-3);
  });

  test('says what of the video is not used', async () => {
    const warned = async (media: Media, options: object, more: Media[] = []): Promise<string[]> =>
      (await makeVideo(decoder, { references: [media, ...more].map((each) => ({ role: 'edit', media: each })), options: { ...quick, steps: 1, ...options } })).warnings;
    expect(await warned(await bar(8), {})).toEqual(['source_ended']);
    expect(await warned(await bar(8), { frames: 40 })).toEqual(['source_ended']);
    expect(await warned(await bar(30), {})).toEqual(['source_cut']);
    expect(await warned(await bar(16), {}, [await bar(4)])).toEqual(['reference_ignored']);
    expect((await makeVideo(decoder, { options: { ...quick, strength: 0.5 } })).warnings).toEqual(['strength_unused']);
  });

  test('refuses what cannot be read', async () => {
    const media = await clip(8, 8, (x) => [Math.round(255 * x), 0, 0], 'mp4');
    const edit = (bytes: Uint8Array): Promise<unknown> => makeVideo(decoder, { references: [{ role: 'edit', media: { ...media, bytes } }] });
    await expect(edit(media.bytes.subarray(0, media.bytes.length / 2))).rejects.toMatchObject({ code: 'bad_media' });
    await expect(edit(new Uint8Array(0))).rejects.toMatchObject({ code: 'bad_media' });
  });
});

describe('joining', () => {
  test.each(['mp4', 'webm'])('puts the sound into the %s and leaves its metadata', async (format) => {
    const { media } = await makeVideo(decoder, { provenance: { prompt: 'a bell' }, options: { format, steps: 1 } });
    const joined = await decoder.join!(media, [await sound()], context());
    expect(await inspectVideo(joined)).toMatchObject({ frames: 16, hasSound: true });
    expect((await decodeAudio(joined, { sampleRateHz: 16000, maxSeconds: 10 })).seconds).toBeCloseTo(2, 1);
    expect(readProvenance(joined)).toEqual(readProvenance(media));
    expect(isMarkedGenerated(joined)).toBe(true);
    expect((await decoder.join!(media, [await sound()], context())).id).toBe(joined.id);
  });

  test.each(['gif', 'webp'])('is refused for a %s', async (format) => {
    const { media } = await makeVideo(decoder, { options: { format, steps: 1 } });
    await expect(decoder.join!(media, [await sound()], context())).rejects.toMatchObject({ code: 'bad_input' });
  });

  test('takes one sound', async () => {
    const media = await bar(2);
    for (const followers of [[], [await sound(), await sound()], [media]]) await expect(decoder.join!(media, followers, context())).rejects.toMatchObject({ code: 'bad_input' });
  });
});

describe('cancelling', () => {
  // Three steps of the picture, two of each window, then the frames.
  test.each([[2, 'picture'], [4, 'motion'], [6, 'motion'], [9, 'decode']])('after %i runs ends with the reason of the signal, while at %s', async (after, last) => {
    const { decoder: stopped, runs, signal } = await watched(after);
    await expect(makeVideo(stopped, { options: { ...quick, frames: 20 } }, context(1, signal))).rejects.toThrow('enough');
    expect(runs).toHaveLength(after);
    expect(runs.at(-1)).toBe(last);
  });

  test('by leaving the loop runs no further step', async () => {
    for await (const event of decoder.decode(request({ options: { steps: 1000 } }), context())) if (event.type === 'progress') break;
    expect((await makeVideo(decoder, { options: quick })).progress).toHaveLength(5);
  });
});

const opened = async (settings: object, replaced: Readonly<Record<string, string>> = {}): Promise<Decoder> => latentDiffusionVideo.open(tinySource({ ...tinyConfig, ...settings }, replaced));

describe('what is wrong is refused with what would be right', () => {
  test.each([
    [{ frames: 1 }, 'video.frames: got 1, expected an integer from 2 to 64'],
    [{ frames: 65 }, 'video.frames: got 65, expected an integer from 2 to 64'],
    [{ fps: 0 }, 'video.fps: got 0, expected an integer from 1 to 30'],
    [{ fps: 12.5 }, 'video.fps: got 12.5, expected an integer from 1 to 30'],
    [{ width: 32 }, 'video.width: got 32, expected an integer from 64 to 512 that is a multiple of 2'],
    [{ width: 129 }, 'video.width: got 129, expected an integer from 64 to 512 that is a multiple of 2'],
    [{ steps: 0 }, 'video.steps: got 0, expected an integer from 1 to 1000'],
    [{ format: 'avi' }, 'video.format: got "avi", expected one of "mp4", "webm", "gif", "webp"'],
    [{ seconds: 2 }, 'video.seconds: unknown; known are frames, fps, width, steps, guidanceScale, scheduler, strength, previewEvery, format'],
  ])('options %o', async (options, message) => {
    await expect(makeVideo(decoder, { options })).rejects.toMatchObject({ code: 'bad_option', message });
  });

  test('every option has a default', () => {
    expect(decoder.options).toMatchObject({ type: 'object', additionalProperties: false });
    const properties: object = decoder.options['properties'] ?? {};
    for (const property of Object.values(properties)) expect(property).toHaveProperty('default');
  });

  test('conditioning of another size', async () => {
    const wrong = { tokens: { shape: [16, 20], data: new Float32Array(320) } };
    await expect(makeVideo(decoder, { conditioning: wrong })).rejects.toMatchObject({ code: 'bundle_invalid', message: 'latent-diffusion-video: conditioning tokens: got [16, 20], expected [16, 24].' });
    await expect(makeVideo(decoder, { negative: { feature: tokens().tokens } })).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('graphs and settings that do not fit, and no session stays open', async () => {
    const before = openSessionCount();
    await expect(opened({}, { transformer: 'image/transformer.onnx' })).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('input first (float32) is missing') });
    await expect(opened({}, { imageTransformer: 'video/transformer.onnx' })).rejects.toMatchObject({ code: 'bundle_invalid' });
    await expect(opened({}, { latentDecoder: 'absent.onnx' })).rejects.toMatchObject({ code: 'bundle_invalid' });
    await expect(opened({ frames: 8 })).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('expected [any, 8, 4, 16, 16]') });
    await expect(opened({ frames: 1 })).rejects.toThrow('config.frames: got 1, expected an integer from 2 to 64');
    await expect(opened({ image: { ...tinyConfig.image, factor: 0 } })).rejects.toThrow('config.image.factor: got 0');
    expect(openSessionCount()).toBe(before);
  });

  test('the ports are the conditioning and what a sound can follow', () => {
    expect(latentDiffusionVideo.ports(tinyConfig)).toEqual({ in: { tokens: [16, 24] }, out: { frames: [null, 1024], times: [null] } });
  });
});
