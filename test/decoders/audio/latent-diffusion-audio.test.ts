// The decoder of sounds on tiny graphs: what comes out, how long, how loud, and with which draws.

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAudioGraphs } from '../../../decoders/audio/graphs.ts';
import type { AudioGraphs, WindowCondition } from '../../../decoders/audio/graphs.ts';
import { createAudioDecoder, latentDiffusionAudio } from '../../../decoders/audio/latent-diffusion-audio.ts';
import { finishSamples } from '../../../decoders/audio/samples.ts';
import { closeMedia, inspectAudio, inspectImage, isMarkedGenerated, readProvenance } from '../../../media/index.ts';
import type { Decoder, Media, Random } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { make, plainGraphs, samplesOf, tinyConfig, tinySource, tokens, WINDOW } from './tiny.ts';

let decoder: Decoder;
const others: (() => Promise<void>)[] = [];
beforeEach(async () => {
  decoder = await latentDiffusionAudio.open(tinySource());
});
afterEach(async () => {
  await decoder.dispose();
  await decoder.dispose();
  for (const close of others.splice(0)) await close();
  expect(openSessionCount()).toBe(0);
});
afterAll(closeMedia);

/** The graphs without the decoder, closed after the test. */
async function openGraphs(): Promise<AudioGraphs> {
  const graphs = await openAudioGraphs(tinySource(), tinyConfig);
  others.push(graphs.release);
  return graphs;
}

/** A generator that notes how much is drawn of it. */
function counting(seed: number): Random & { drawn: number[] } {
  const real = createRandom(seed);
  const drawn: number[] = [];
  return { ...real, drawn, normal: (count) => (drawn.push(count), real.normal(count)) };
}

/** A slow wave that every window continues; what a window would make of known positions is something else altogether. */
function wave(window: number, index: number): number {
  return window > 0 && index < 16 * 8 ? 5 : 0.4 * Math.sin((window * 48 * 8 + index) / 50);
}

describe('a sound from conditioning', () => {
  test('comes after a progress event a step, four seconds long where nothing says otherwise', async () => {
    const { media, progress, previews } = await make(decoder);
    expect(progress).toEqual([1, 2, 3].map((step) => ({ type: 'progress', step, steps: 3 })));
    expect(previews).toEqual([]);
    expect(media).toMatchObject({ modality: 'audio', mediaType: 'audio/wav' });
    expect(await inspectAudio(media)).toEqual({ seconds: 4, sampleRateHz: 16_000, channels: 1 });
    expect(samplesOf(media).some((value) => Math.abs(value) > 1000)).toBe(true);
  });

  test.each([
    [0.5, 1, 3],
    [1.2345, 1, 3],
    [4.096, 1, 3],
    [4.1, 2, 6],
    [7.168, 2, 6],
    [30, 10, 30],
  ])('lasts %f s to the sample, in %i windows', async (seconds, windows, steps) => {
    const random = counting(1);
    const { media, progress } = await make(decoder, { options: { seconds } }, random);
    expect(samplesOf(media)).toHaveLength(Math.round(seconds * 16_000));
    expect(random.drawn).toEqual(Array<number>(windows).fill(WINDOW));
    expect(progress.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    expect(progress.every((event) => event.steps === steps)).toBe(true);
  });

  test('is the same bytes for the same seed, whatever runs beside it, and with previews', async () => {
    const alone = await make(decoder, {}, 7);
    const beside = await Promise.all([make(decoder, {}, 8), make(decoder, { options: { previewEvery: 1 } }, 7), make(decoder, { conditioning: tokens(1) }, 7)]);
    expect(beside[1].media.id).toBe(alone.media.id);
    expect(beside[0].media.id).not.toBe(alone.media.id);
    expect(beside[2].media.id).not.toBe(alone.media.id);
  });

  test('draws on the generator that it is given, so that the second medium of a reply is another', async () => {
    const second = async (): Promise<Media> => (await make(decoder, {}, createRandom(7).fork('audio/1'))).media;
    expect((await second()).id).toBe((await second()).id);
    expect((await second()).id).not.toBe((await make(decoder, {}, 7)).media.id);
  });

  test('begins as a shorter one does', async () => {
    const [short, long] = [samplesOf((await make(decoder, { options: { seconds: 2 } })).media), samplesOf((await make(decoder, { options: { seconds: 9 } })).media)];
    // The faded end aside.
    expect(long.subarray(0, 31_900)).toEqual(short.subarray(0, 31_900));
  });

  test('follows the guidance scale and the negative conditioning', async () => {
    const off = samplesOf((await make(decoder, { options: { guidanceScale: 1 } })).media);
    const same = samplesOf((await make(decoder, { negative: tokens(), options: { guidanceScale: 5 } })).media);
    const guided = samplesOf((await make(decoder, { options: { guidanceScale: 5 } })).media);
    // Guidance away from the condition itself is no guidance.
    expect(Math.max(...same.map((value, i) => Math.abs(value - off[i]!)))).toBeLessThanOrEqual(1);
    expect(guided).not.toEqual(off);
    expect((await make(decoder, { negative: tokens(1), options: { guidanceScale: 1 } })).warnings).toEqual(['negative_unused']);
  });

  test.each(['wav', 'mp3', 'ogg', 'flac'] as const)('as %s holds prompt and settings, without what does not determine it', async (format) => {
    const provenance = { prompt: 'rain on a roof', seed: 5, previewEvery: 2, steps: 999 };
    const { media } = await make(decoder, { provenance, options: { format, steps: 2, seconds: 1.5, previewEvery: 2 } }, 5);
    expect(media.mediaType).toBe({ wav: 'audio/wav', mp3: 'audio/mpeg', ogg: 'audio/ogg', flac: 'audio/flac' }[format]);
    expect(readProvenance(media)).toEqual({ prompt: 'rain on a roof', seed: 5, steps: 2, guidanceScale: 2, scheduler: 'flow-match-euler', seconds: 1.5, format });
    expect(isMarkedGenerated(media)).toBe(true);
    expect((await inspectAudio(media)).seconds).toBeCloseTo(1.5, 2);
  });

  test('shows pictures of what it will be, small, marked, the first after two steps at most', async () => {
    const { previews } = await make(decoder, { options: { steps: 9, seconds: 1, previewEvery: 5 } });
    expect(previews.map(({ step }) => step)).toEqual([2, 7]);
    for (const { media } of previews) {
      expect(media.modality).toBe('image');
      // A column for each frame of the 16 positions of a second.
      expect(await inspectImage(media)).toMatchObject({ width: 65, height: 128 });
      expect(isMarkedGenerated(media)).toBe(true);
    }
  });
});

describe('previews without the vocoder', () => {
  test('are of what the mel decoder shows', async () => {
    const graphs = plainGraphs(() => 0.1, { decode: async (latents) => new Float32Array(latents.length * 128).fill(0.1), show: async (latents) => ({ shape: [128, latents.length / 2], data: new Float32Array(64 * latents.length) }) });
    const { previews } = await make(createAudioDecoder({ ...tinyConfig, melDecoder: true }, graphs), { options: { seconds: 1, previewEvery: 1 } });
    expect(previews).toHaveLength(2);
    expect(await inspectImage(previews[0]!.media)).toMatchObject({ width: 64, height: 128 });
    await expect(latentDiffusionAudio.open(tinySource({ ...tinyConfig, melDecoder: true }))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});

describe('a sound of several windows', () => {
  test('goes on from the last 16 positions, which stay as they are', async () => {
    const graphs = await openGraphs();
    const conditions: WindowCondition[] = [];
    const decoded: Float32Array[] = [];
    const watched = createAudioDecoder(tinyConfig, {
      ...graphs,
      predictor: (condition) => (conditions.push(condition), graphs.predictor(condition)),
      decode: async (latents) => (decoded.push(latents.slice()), graphs.decode(latents)),
    });
    await make(watched, { options: { seconds: 10 } });
    expect(decoded).toHaveLength(1);
    expect(conditions).toHaveLength(3);
    conditions.forEach(({ prefix, mask }, window) => {
      const known = window === 0 ? 0 : 16;
      expect([...mask]).toEqual(Array.from({ length: 64 }, (_, position) => (position < known ? 1 : 0)));
      expect(prefix.subarray(0, known * 8)).toEqual(decoded[0]!.subarray(window * 48 * 8, (window * 48 + known) * 8));
      expect(prefix.subarray(known * 8).every((value) => value === 0)).toBe(true);
    });
  });

  test('has no jump where windows meet', async () => {
    const samples = samplesOf((await make(createAudioDecoder(tinyConfig, plainGraphs(wave)), { options: { seconds: 9 } })).media);
    let jump = 0;
    for (let i = 1; i < samples.length - 100; i += 1) jump = Math.max(jump, Math.abs(samples[i]! - samples[i - 1]!));
    expect(jump).toBeLessThan(0.4 / 50 * 32768 * 1.2);
  });
});

describe('samples', () => {
  test('are scaled down together where one is too loud, and never clipped', async () => {
    const loud = createAudioDecoder(tinyConfig, plainGraphs((_, index) => 2.5 * Math.sin(index / 7)));
    const samples = samplesOf((await make(loud, { options: { seconds: 1 } })).media);
    const peak = Math.max(...samples.map(Math.abs));
    // One decibel below full scale is 29,204.
    expect(peak).toBeGreaterThan(29_000);
    expect(peak).toBeLessThan(29_300);
    // A value stands for 128 samples; clipped there would be hundreds of them at the top.
    expect(samples.filter((value) => Math.abs(value) === peak).length).toBeLessThan(1000);
    const quiet = createAudioDecoder(tinyConfig, plainGraphs((_, index) => 0.25 * Math.sin(index / 7)));
    expect(Math.max(...samplesOf((await make(quiet, { options: { seconds: 1 } })).media).map(Math.abs))).toBeLessThanOrEqual(8192);
  });

  test('that are silent are drawn again from other noise, and told of where they stay so', async () => {
    const attempts: number[] = [];
    const loudAt = (attempt: number): Decoder => {
      attempts.length = 0;
      return createAudioDecoder(tinyConfig, plainGraphs(() => 0, {
        decode: async (latents) => new Float32Array(latents.length * 128).fill(attempts.push(1) === attempt ? 0.1 : 0),
      }));
    };
    const second = await make(loudAt(2), { options: { seconds: 1 } });
    expect([attempts.length, second.warnings]).toEqual([2, []]);
    const never = await make(loudAt(0), { options: { seconds: 1 } });
    expect([attempts.length, never.warnings]).toEqual([3, ['silent']]);
  });

  test('fade out over the last 5 ms', () => {
    const finished = finishSamples(new Float32Array(2000).fill(0.5), 1000, 16_000);
    expect(finished).toHaveLength(1000);
    expect(finished.subarray(0, 920).every((value) => value === 0.5)).toBe(true);
    expect(finished.at(-1)).toBe(0);
    expect(finished.every((value, i) => i === 0 || value <= finished[i - 1]!)).toBe(true);
  });
});
