// Choosing among begun pictures: every one goes as far as the choice, the best is finished, one alone is as before.

import { afterAll, describe, expect, test } from 'vitest';
import { bestOf, stepsAhead, stepsAmong } from '../../../decoders/image/candidates.ts';
import { createImageDecoder, latentDiffusionImage } from '../../../decoders/image/latent-diffusion-image.ts';
import { openImageGraphs } from '../../../decoders/image/graphs.ts';
import { resizePlanar } from '../../../decoders/image/pixels.ts';
import type { ImageDecoderConfig } from '../../../decoders/image/settings.ts';
import type { DenoisingStep } from '../../../decoders/diffusion/denoise.ts';
import type { Decoder } from '../../../src/contracts.ts';
import { closeMedia, readProvenance } from '../../../media/index.ts';
import { make, picture, tinyConfig, tinySource } from './tiny.ts';

afterAll(closeMedia);

const config: ImageDecoderConfig = { ...tinyConfig, steps: 5, candidates: { count: 3, at: 0.4, size: 96, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } };

/** A trajectory whose samples and result are its own number; `taken` counts its steps. */
async function* trajectory(id: number, steps: number, taken: number[]): AsyncGenerator<DenoisingStep, Float32Array> {
  for (let step = 1; step <= steps; step += 1) {
    taken[id] = step;
    yield { step, steps, x_0: Float32Array.of(id) };
  }
  return Float32Array.of(id);
}

async function run(scores: readonly number[], steps: number, ahead: number): Promise<{ result: number; taken: number[]; told: string[] }> {
  const taken: number[] = [];
  const told: string[] = [];
  const loop = bestOf(scores.map((_, id) => trajectory(id, steps, taken)), steps, ahead, async ([id]) => scores[id!]!);
  for (;;) {
    const turn = await loop.next();
    if (turn.done === true) return { result: turn.value[0]!, taken, told };
    told.push(`${turn.value.step}/${turn.value.steps}`);
  }
}

describe('the best of several', () => {
  test('is finished, the others stop at the choice, and steps are counted through', async () => {
    expect(await run([0.2, 0.9, 0.5], 5, 2)).toEqual({ result: 1, taken: [2, 5, 2], told: Array.from({ length: 9 }, (_, i) => `${i + 1}/9`) });
  });

  test('is the first of equals', async () => {
    expect((await run([0.5, 0.5], 3, 1)).result).toBe(0);
  });

  test('is chosen at the end where all steps lie before the choice', async () => {
    expect(await run([0.1, 0.3], 2, 2)).toMatchObject({ result: 1, taken: [2, 2] });
  });

  test('of one is that one, unscored', async () => {
    expect(await run([Number.NaN], 3, 1)).toEqual({ result: 0, taken: [3], told: ['1/3', '2/3', '3/3'] });
  });

  test.each([[20, 0.4, 8], [1, 0.4, 1], [3, 1, 3], [2, 0.1, 1]])('%i steps, chosen at %f: %i ahead', (steps, at, ahead) => {
    expect(stepsAhead(steps, { at })).toBe(ahead);
    expect(stepsAmong(4, steps, ahead)).toBe(3 * ahead + steps);
  });
});

const open = async (score: (planar: Float32Array) => number): Promise<Decoder> =>
  createImageDecoder(config, await openImageGraphs(tinySource(), config), { likeness: { of: async (planar) => score(planar), release: async () => {} }, arrangement: null });

describe('a decoder with candidates', () => {
  test('begins as many as asked, each from its own noise; one is what a decoder without them draws', async () => {
    const seen: number[] = [];
    const decoder = await open((planar) => seen.push(planar[0]!));
    const plain = await latentDiffusionImage.open(tinySource({ ...tinyConfig, steps: 5 }));
    const { progress, media } = await make(decoder, {}, 4);
    expect(progress.map(({ step, steps }) => `${step}/${steps}`)).toEqual(Array.from({ length: 9 }, (_, i) => `${i + 1}/9`));
    expect(new Set(seen).size).toBe(3);
    const one = await make(decoder, { options: { candidates: 1 } }, 4);
    expect(one.media.id).toBe((await make(plain, {}, 4)).media.id);
    // The last of three scored highest.
    expect(media.id).not.toBe(one.media.id);
    expect((await make(decoder, {}, 4)).media.id).toBe((await (async () => { seen.length = 0; return make(decoder, {}, 4); })()).media.id);
    await Promise.all([decoder.dispose(), plain.dispose()]);
  });

  test('writes the count down, and edits without it', async () => {
    const decoder = await open(() => 0);
    expect(readProvenance((await make(decoder, { provenance: {}, options: { candidates: 2 } })).media)).toMatchObject({ candidates: 2 });
    const edit = [{ role: 'edit', media: await picture(128, 128, (x) => [Math.round(255 * x), 0, 0]) }] as const;
    expect((await make(decoder, { references: edit })).progress.at(-1)).toMatchObject({ steps: 5 });
    expect((await make(decoder, { references: edit, options: { candidates: 2 } })).warnings).toEqual(['candidates_unused']);
    await decoder.dispose();
  });

  test('is refused another encoder than the configuration says', async () => {
    await expect(latentDiffusionImage.open(tinySource({ ...config }, { encoder: 'latent-encoder.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});

test('pixels at another size are means of what they cover', () => {
  const planar = Float32Array.from({ length: 3 * 4 * 4 }, (_, i) => i % 4);
  expect(resizePlanar(planar, 4, 4, 2, 2).slice(0, 4)).toEqual(Float32Array.of(0.5, 2.5, 0.5, 2.5));
  const thirds = resizePlanar(planar, 4, 4, 3, 3);
  expect(thirds[1]).toBeCloseTo(1.5, 6);
  expect(thirds[0]! + thirds[1]! + thirds[2]!).toBeCloseTo(4.5, 5);
});
