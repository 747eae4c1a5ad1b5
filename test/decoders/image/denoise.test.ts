// The denoising loop and guidance on plain numbers, against formulas.

import { expect, test } from 'vitest';
import { denoise, guide } from '../../../decoders/image/denoise.ts';
import { composite, halve, linearPreview, maskOf, shrinkMask, toPlanar, fromPlanar } from '../../../decoders/image/pixels.ts';
import { createScheduler } from '../../../decoders/schedulers/index.ts';

test('guidance moves from the unconditional output through the conditional one', () => {
  expect([...guide(new Float32Array([1, 2, 0, 4]), 3)]).toEqual([3, -2]);
  expect([...guide(new Float32Array([1, 2, 0, 4]), 1)]).toEqual([1, 2]);
});

test('a constant flow is followed to its end, from any first step, and kept values stay', async () => {
  const run = createScheduler('flow-match-euler', 'flow', { timestepSpacing: 'trailing' }).start({ steps: 4 });
  const [x_0, eps] = [new Float32Array([1, -2]), new Float32Array([3, 5])];
  const told: number[] = [];
  for (const first of [0, 2]) {
    const loop = denoise({
      run,
      first,
      x_T: run.addNoise(x_0, eps, first),
      predict: async (_, timestep) => (told.push(timestep), eps.map((value, i) => value - x_0[i]!)),
      keep: (x_t, index) => new Float32Array([x_t[0]!, run.addNoise(new Float32Array([0, 9]), eps, index)[1]!]),
      draw: () => new Float32Array(2),
      signal: new AbortController().signal,
    });
    let turn = await loop.next();
    const seen: number[] = [];
    for (; turn.done !== true; turn = await loop.next()) {
      seen.push(turn.value.step);
      expect(turn.value.steps).toBe(4 - first);
      expect(turn.value.x_0[0]).toBeCloseTo(1, 5);
    }
    expect(seen).toEqual(Array.from({ length: 4 - first }, (_, i) => i + 1));
    expect(turn.value[0]).toBeCloseTo(1, 5);
    expect(turn.value[1]).toBe(9);
  }
  expect(told).toEqual([1000, 750, 500, 250, 500, 250]);
});

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
