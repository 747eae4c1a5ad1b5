// The decoder of sounds on tiny graphs: given sounds and videos, cancelling, and what is refused.

import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAudioGraphs } from '../../../decoders/audio/graphs.ts';
import type { AudioGraphs } from '../../../decoders/audio/graphs.ts';
import { createAudioDecoder, latentDiffusionAudio } from '../../../decoders/audio/latent-diffusion-audio.ts';
import { finishSamples } from '../../../decoders/audio/samples.ts';
import { encodeGiven } from '../../../decoders/audio/sources.ts';
import { closeMedia, decodeAudio, readProvenance } from '../../../media/index.ts';
import type { Decoder, Media } from '../../../src/contracts.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { context, frames, make, plainGraphs, request, samplesOf, sweep, tinyConfig, tinySource } from './tiny.ts';

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

describe('an edit', () => {
  test('of strength 1 starts from noise, below from the noised sound, and lasts as long as it', async () => {
    const references = [{ role: 'edit' as const, media: await sweep(2.5) }];
    const [without, full, part] = [
      await make(decoder, { options: { steps: 4, seconds: 2.5 } }),
      await make(decoder, { references, options: { steps: 4, strength: 1 } }),
      await make(decoder, { references, options: { steps: 4, strength: 0.5 } }),
    ];
    expect(full.media.id).toBe(without.media.id);
    expect(part.progress).toEqual([1, 2].map((step) => ({ type: 'progress', step, steps: 2 })));
    expect(part.media.id).not.toBe(full.media.id);
    expect(samplesOf(part.media)).toHaveLength(40_000);
    expect([...full.warnings, ...part.warnings]).toEqual([]);
  });

  test('of strength 0 is the sound through mel encoder and vocoder', async () => {
    const media = await sweep(6);
    const { media: made, progress } = await make(decoder, { references: [{ role: 'edit', media }], options: { strength: 0 } });
    expect(progress).toEqual([]);
    const graphs = await openGraphs();
    const { samples, seconds } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 30 });
    const expected = finishSamples(await graphs.decode(await encodeGiven({ samples, seconds }, 94, tinyConfig, graphs)), 96_000, 16_000);
    samplesOf(made).forEach((value, i) => expect(Math.abs(value / 32768 - expected[i]!)).toBeLessThan(1e-4));
  });

  test('is written down with its strength', async () => {
    const { media } = await make(decoder, { references: [{ role: 'edit', media: await sweep(1) }], options: { strength: 0.5 }, provenance: { seed: 1 } });
    expect(readProvenance(media)).toMatchObject({ seed: 1, strength: 0.5, seconds: 1 });
  });

  test('says what does not fit', async () => {
    const media = await sweep(3);
    const references = [{ role: 'edit' as const, media }];
    expect((await make(decoder, { references, options: { seconds: 2 } })).warnings).toEqual(['source_cut']);
    expect((await make(decoder, { references, options: { seconds: 5 } })).warnings).toEqual(['source_ended']);
    expect((await make(decoder, { references: [...references, ...references] })).warnings).toEqual(['reference_ignored']);
    expect((await make(decoder, { options: { strength: 0.5 } })).warnings).toEqual(['strength_unused']);
    const broken: Media = { ...media, bytes: media.bytes.subarray(0, 30) };
    await expect(make(decoder, { references: [{ role: 'edit', media: broken }] })).rejects.toMatchObject({ code: 'bad_media' });
  });
});

describe('a sound that goes with a video', () => {
  test('is what the sampler of training makes of the same noise, words and frames', async () => {
    const fixture: { seed: number; steps: number; guidanceScale: number; shift: number; frames: number; fps: number; samples: { data: string } } = JSON.parse(
      readFileSync(new URL('../../fixtures/sound-sampling.json', import.meta.url), 'utf8'),
    );
    const shifted = await latentDiffusionAudio.open(tinySource({ ...tinyConfig, schedulers: { 'flow-match-euler': { shift: fixture.shift, timestepSpacing: 'trailing' } } }));
    others.push(async () => shifted.dispose());
    const { steps, guidanceScale } = fixture;
    const made = samplesOf((await make(shifted, { companions: { video: frames(fixture.frames, fixture.fps) }, options: { steps, guidanceScale } }, fixture.seed)).media);
    const bytes = Buffer.from(fixture.samples.data, 'base64');
    expect(made).toHaveLength((bytes.length / 4) * 50);
    // The last 5 ms are faded.
    for (let i = 0; i < bytes.length / 4 - 2; i += 1) expect(Math.abs(made[i * 50]! / 32768 - bytes.readFloatLE(i * 4))).toBeLessThan(1e-3);
  });

  test('lasts as long as the video and hears what is seen', async () => {
    const { media, warnings } = await make(decoder, { companions: { video: frames(16, 8) } });
    expect(samplesOf(media)).toHaveLength(32_000);
    expect(warnings).toEqual([]);
    expect((await make(decoder, { companions: { video: frames(16, 8, 1) } })).media.id).not.toBe(media.id);
    expect((await make(decoder, { options: { seconds: 2 } })).media.id).not.toBe(media.id);
    const told = await make(decoder, { companions: { video: frames(16, 8) }, options: { seconds: 7 } });
    expect(told.warnings).toEqual(['seconds_unused']);
    expect(told.media.id).toBe(media.id);
  });

  test('in several windows is told in each what is seen in it, the times from its start', async () => {
    const seen: { count: number; values: number; times: Float32Array }[] = [];
    const watched = createAudioDecoder(tinyConfig, plainGraphs(() => 0.1, {
      watch: async (shown, times) => (seen.push({ count: shown.shape[0]!, values: shown.data.length, times }), new Float32Array(64 * 6)),
    }));
    await make(watched, { companions: { video: frames(40, 8) } });
    // 33 frames begin before 4.096 s; at 3.072 s frame 24, of 3 s, is still seen.
    expect(seen.map(({ count, values }) => [count, values])).toEqual([[33, 33 * 1024], [16, 16 * 1024]]);
    expect([seen[0]!.times[0], seen[0]!.times[32]]).toEqual([0, 4]);
    expect(seen[1]!.times[0]).toBeCloseTo(3 - 3.072, 5);
    expect(seen[1]!.times[15]).toBeCloseTo(39 / 8 - 3.072, 5);
  });

  test('needs frames of the width that its config says', async () => {
    const { frames: wide, times } = frames(4, 8);
    const cut = { frames: { shape: [4, 512], data: wide!.data.subarray(0, 2048) }, times: times! };
    await expect(make(decoder, { companions: { video: cut } })).rejects.toMatchObject({ code: 'bundle_invalid', message: 'latent-diffusion-audio: companion: got frames [4, 512] and times [4], expected [n, 1024] and [n].' });
  });

  test('is a sound alone for a decoder that follows nothing', async () => {
    const { motion: _, ...config } = tinyConfig;
    const graphs = plainGraphs(() => 0.1);
    expect(samplesOf((await make(createAudioDecoder(config, graphs), { companions: { video: frames(16, 8) } })).media)).toHaveLength(64_000);
    expect(latentDiffusionAudio.ports(config)).toEqual({ in: { tokens: [16, 24] }, out: {} });
  });
});

describe('cancelling', () => {
  test.each([0, 1, 2, 3, 4, 5, 6])('after step %i of a sound of two windows runs no further step and no vocoder', async (after) => {
    const controller = new AbortController();
    let [runs, decodes] = [0, 0];
    const graphs = plainGraphs(() => 0.1);
    const counted = createAudioDecoder(tinyConfig, {
      ...graphs,
      decode: async (latents) => ((decodes += 1), graphs.decode(latents)),
      predictor(condition) {
        const predict = graphs.predictor(condition);
        return async (x_t, timestep) => ((runs += 1), predict(x_t, timestep));
      },
    });
    const events = counted.decode(request({ options: { seconds: 6 } }), context(1, controller.signal));
    for (let step = 1; step <= after; step += 1) expect(await events.next()).toMatchObject({ value: { type: 'progress', step } });
    controller.abort(new Error('enough'));
    await expect(events.next()).rejects.toThrow('enough');
    expect([runs, decodes]).toEqual([after, 0]);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('by leaving the loop runs no further step', async () => {
    for await (const event of decoder.decode(request({ options: { steps: 1000 } }), context())) if (event.type === 'progress') break;
    expect((await make(decoder)).progress).toHaveLength(3);
  });
});

describe('what is wrong is refused with what would be right', () => {
  test.each([
    [{ steps: 0 }, 'audio.steps: got 0, expected an integer from 1 to 1000'],
    [{ seconds: 0.1 }, 'audio.seconds: got 0.1, expected a number or null from 0.5 to 30'],
    [{ seconds: 31 }, 'audio.seconds: got 31, expected a number or null from 0.5 to 30'],
    [{ strength: -1 }, 'audio.strength: got -1, expected a number from 0 to 1'],
    [{ format: 'aiff' }, 'audio.format: got "aiff", expected one of "wav", "mp3", "ogg", "flac"'],
    [{ scheduler: 'ddim' }, 'audio.scheduler: got "ddim", expected one of "flow-match-euler"'],
    [{ width: 128 }, 'audio.width: unknown; known are seconds, steps, guidanceScale, scheduler, strength, previewEvery, format'],
  ])('options %o', async (options, message) => {
    await expect(make(decoder, { options })).rejects.toMatchObject({ code: 'bad_option', message });
  });

  test('every option has a default', () => {
    expect(decoder.options).toMatchObject({ type: 'object', additionalProperties: false });
    const properties: object = decoder.options['properties'] ?? {};
    expect(Object.keys(properties)).toContain('seconds');
    for (const property of Object.values(properties)) expect(property).toHaveProperty('default');
  });

  test('conditioning of another size', async () => {
    const wrong = { tokens: { shape: [16, 20], data: new Float32Array(320) } };
    await expect(make(decoder, { conditioning: wrong })).rejects.toMatchObject({ code: 'bundle_invalid', message: 'latent-diffusion-audio: conditioning tokens: got [16, 20], expected [16, 24].' });
  });

  test('graphs and settings that do not fit, and no session stays open', async () => {
    const before = openSessionCount();
    await expect(latentDiffusionAudio.open(tinySource(tinyConfig, { vocoder: 'mel-encoder.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('mel-encoder.onnx: input latents (float32) is missing') });
    await expect(latentDiffusionAudio.open(tinySource(tinyConfig, { environment: 'absent.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid' });
    await expect(latentDiffusionAudio.open(tinySource({ ...tinyConfig, ports: { prefix: null } }))).rejects.toThrow('unexpected input prefix');
    await expect(latentDiffusionAudio.open(tinySource({ ...tinyConfig, overlap: 64 }))).rejects.toThrow('config.overlap: got 64, expected less than the 64 positions of a window');
    await expect(latentDiffusionAudio.open(tinySource({ ...tinyConfig, samplesPerPosition: 1000 }))).rejects.toThrow('config.samplesPerPosition: got 1000, expected a multiple of the hop 256');
    expect(openSessionCount()).toBe(before);
  });

  test('the ports are the conditioning and the companion', () => {
    expect(latentDiffusionAudio.ports(tinyConfig)).toEqual({ in: { tokens: [16, 24], 'companion/frames': [null, 1024], 'companion/times': [null] }, out: {} });
  });
});
