// The denoising loop and guidance on plain numbers, against formulas.

import { expect, test } from 'vitest';
import { denoise, guide } from '../../../decoders/diffusion/denoise.ts';
import { isPreviewed } from '../../../decoders/diffusion/trajectory.ts';
import { createScheduler } from '../../../decoders/schedulers/index.ts';

test('guidance moves from the unconditional output through the conditional one', () => {
  expect([...guide(new Float32Array([1, 2, 0, 4]), 3)]).toEqual([3, -2]);
  expect([...guide(new Float32Array([1, 2, 0, 4]), 1)]).toEqual([1, 2]);
  // Where a given sample is copied, the conditional output stays as it is.
  expect([...guide(new Float32Array([1, 2, 0, 4]), 3, new Float32Array([1, 0.5]))]).toEqual([1, 0]);
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

test.each([
  [0, []],
  [1, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  [2, [2, 4, 6, 8]],
  [3, [2, 5, 8]],
  [5, [2, 7]],
  [100, [2]],
])('previews every %i steps, the first after two at most', (every, due) => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9].filter((step) => isPreviewed(step, every))).toEqual(due);
});
