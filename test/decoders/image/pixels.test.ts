// Pixels on plain numbers: formats, masks and small pictures.

import { expect, test } from 'vitest';
import { composite, halve, linearPreview, maskOf, shrinkMask, toPlanar, fromPlanar } from '../../../decoders/image/pixels.ts';

test('pixels survive the way to planes and back', () => {
  const pixels = Uint8Array.from({ length: 2 * 256 * 3 }, (_, i) => (i * 7) % 256);
  expect(new Uint8Array(fromPlanar(toPlanar(pixels)))).toEqual(pixels);
  expect([...fromPlanar(new Float32Array([-3, 0, 3]))]).toEqual([0, 128, 255]);
});

test('masks: a cell may change where any of its pixels may, and compositing keeps black exactly', () => {
  const mask = maskOf(new Uint8Array([0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  expect([...mask]).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
  expect([...shrinkMask(mask, 1, 2, 2)]).toEqual([1, 0]);
  expect([...composite(new Uint8ClampedArray([9, 9, 9, 200, 200, 200]), new Uint8Array([1, 2, 3, 0, 0, 0]), new Float32Array([0, 0.5]))]).toEqual([1, 2, 3, 100, 100, 100]);
});

test('previews: the mean of four pixels, and a linear map of latents', () => {
  expect([...halve(new Uint8ClampedArray([0, 0, 8, 4, 0, 8, 8, 0, 8, 12, 0, 8]), 2, 2)]).toEqual([6, 0, 8]);
  expect([...linearPreview(new Float32Array([1, 0, 0, 1]), { matrix: [[1, 0, 0], [0, 0, -1]], offset: [0, -1, 0] })]).toEqual([255, 0, 128, 128, 0, 0]);
});
