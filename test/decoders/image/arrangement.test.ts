// Two things in one picture, orders that add and replace, and the detail that an edit leaves alone.

import { afterAll, describe, expect, test } from 'vitest';
import { ARRANGEMENTS, added, halvesOf, holdsOne, isFree, onWhite, withHalf } from '../../../decoders/image/arrangement.ts';
import type { Arrangement } from '../../../decoders/image/arrangement.ts';
import { createImageDecoder } from '../../../decoders/image/latent-diffusion-image.ts';
import { openImageGraphs } from '../../../decoders/image/graphs.ts';
import { withDetail } from '../../../decoders/image/pixels.ts';
import { planOf } from '../../../decoders/image/plan.ts';
import type { EditSource } from '../../../decoders/image/sources.ts';
import { closeMedia, decodeImage } from '../../../media/index.ts';
import { make, picture, tinyConfig, tinySource, tokens } from './tiny.ts';

afterAll(closeMedia);

const frame = { width: 16, height: 16 };
/** A white picture with black boxes [left, top, right, bottom]. */
function boxes(...places: readonly (readonly [number, number, number, number])[]): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(3 * 16 * 16).fill(255);
  for (const [left, top, right, bottom] of places) for (let y = top; y < bottom; y += 1) pixels.fill(0, 3 * (16 * y + left), 3 * (16 * y + right));
  return pixels;
}
const source = (pixels: Uint8ClampedArray): EditSource => ({ pixels: Uint8Array.from(pixels), latents: new Float32Array(), mask: null });
const dark = (pixels: ArrayLike<number>, x: number, y: number): boolean => pixels[3 * (16 * y + x)]! < 100;
const full = boxes([2, 2, 14, 14]);

describe('pixels', () => {
  test('halves stand on their sides, the rest is white', () => {
    const both = halvesOf(full, boxes([6, 6, 10, 10]), frame, ['left', 'right']);
    expect([dark(both, 2, 7), dark(both, 6, 7), dark(both, 12, 8), dark(both, 9, 8), dark(both, 3, 2)]).toEqual([true, true, true, false, false]);
    const stacked = halvesOf(full, full, frame, ['top', 'bottom']);
    expect([dark(stacked, 8, 3), dark(stacked, 8, 12), dark(stacked, 2, 3)]).toEqual([true, true, false]);
  });

  test('a free side is known, and what stands in the way is moved', () => {
    const left = boxes([1, 5, 7, 11]);
    expect([isFree(left, frame, 'right'), isFree(left, frame, 'left'), isFree(full, frame, 'right')]).toEqual([true, false, false]);
    expect(added(Uint8Array.from(left), full, frame, 'right')).toEqual(withHalf(left, full, frame, 'right'));
    const moved = added(Uint8Array.from(full), full, frame, 'left');
    expect(moved).toEqual(halvesOf(full, full, frame, ['right', 'left']));
  });

  test('one thing, two things, and a ground that is not white', () => {
    expect([holdsOne(full, frame), holdsOne(boxes([1, 5, 6, 11]), frame), holdsOne(boxes([1, 5, 6, 11], [10, 5, 15, 11]), frame)]).toEqual([true, true, false]);
    expect([onWhite(full, frame), onWhite(new Uint8ClampedArray(3 * 256).fill(90), frame)]).toEqual([true, false]);
  });

  test('detail comes back where a picture was left alone, and not where it was changed', () => {
    const [width, height] = [32, 8];
    const autoencoded = new Float32Array(3 * width * height);
    const original = autoencoded.map((_, i) => (i % 2 === 0 ? 0.05 : -0.05));
    const edited = autoencoded.map((_, i) => (i % width < 16 ? 0.01 : 0.8));
    const detailed = withDetail(edited, original, autoencoded, width, height);
    expect(detailed[0]).toBeCloseTo(0.06, 6);
    expect(detailed[31]).toBeCloseTo(0.8, 6);
  });
});

describe('plans', () => {
  const [first, second, own] = [Float32Array.of(1), Float32Array.of(2), Float32Array.of(0)];
  const read = (kind: Arrangement['kind']): Arrangement => ({ kind, first, second });
  const drawn = (kind: Arrangement['kind'], from: Uint8ClampedArray | null) => planOf(read(kind), own, from === null ? null : source(from), frame);

  test('from a text: two things are two pictures, everything else is one', () => {
    expect(drawn('beside', null)).toMatchObject({ tokens: [first, second], source: null });
    expect(drawn('above', null).join([full, full])).toEqual(halvesOf(full, full, frame, ['top', 'bottom']));
    for (const kind of ARRANGEMENTS) if (kind !== 'beside' && kind !== 'above') expect(drawn(kind, null).tokens).toEqual([own]);
    expect(planOf(null, own, null, frame).tokens).toEqual([own]);
  });

  test('of a picture: a new thing beside it or in its place; a coloured ground and two things are edited whole', () => {
    expect(drawn('add left', full)).toMatchObject({ tokens: [second], source: null });
    expect(drawn('add', boxes([10, 4, 15, 9])).join([full])).toEqual(withHalf(boxes([10, 4, 15, 9]), full, frame, 'left'));
    expect(drawn('replace', full).tokens).toEqual([second]);
    expect(drawn('replace', boxes([1, 5, 6, 11], [10, 5, 15, 11]))).toMatchObject({ tokens: [own], source: { mask: null } });
    expect(drawn('add', new Uint8ClampedArray(3 * 256).fill(90)).tokens).toEqual([own]);
    expect(drawn('beside', full).source).not.toBeNull();
  });
});

test('a decoder draws each thing by itself, in one count of steps, and leaves masked edits alone', async () => {
  const asked: number[] = [];
  const things = { kind: 'beside', first: tokens(1).tokens.data, second: tokens(2).tokens.data } as const;
  const arrangement = { read: async (given: Float32Array) => (asked.push(given.length), things), release: async () => {} };
  const decoder = createImageDecoder(tinyConfig, await openImageGraphs(tinySource(), tinyConfig), { likeness: null, arrangement });
  const { media, progress } = await make(decoder);
  expect(progress.map(({ step, steps }) => `${step}/${steps}`)).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  const { pixels } = await decodeImage(media, { width: 128, height: 128, fit: 'fill', background: [255, 255, 255] });
  expect(pixels.slice(0, 3)).toEqual(Uint8Array.of(255, 255, 255));
  const white = await picture(128, 128, () => [255, 255, 255]);
  await make(decoder, { references: [{ role: 'edit', media: white }, { role: 'mask', media: white }] });
  expect(asked).toEqual([16 * 24]);
  await decoder.dispose();
});
