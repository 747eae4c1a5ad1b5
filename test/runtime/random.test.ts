// Draws against torch's own, stored by training/fixtures/noise.py.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/runtime/random.ts';

type Stored = { shape: number[]; data: string };
type Draw = { kind: string; values: Stored };
const fixture: { single: ({ seed: number } & Draw)[]; consecutive: { seed: number; calls: Draw[] }[] } = JSON.parse(
  readFileSync(new URL('../fixtures/noise.json', import.meta.url), 'utf8'),
);

function floats(stored: Stored): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(stored.data, 'base64')).buffer);
}

function compare(drawn: Float32Array, { kind, values }: Draw): void {
  const expected = floats(values);
  expect(drawn.length).toBe(expected.length);
  if (kind === 'rand') expect([...drawn]).toEqual([...expected]);
  else expect(Math.max(...drawn.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6);
}

describe('against torch', () => {
  test.each(fixture.single)('seed $seed $kind $values.shape', (draw) => {
    const random = createRandom(draw.seed);
    const [count = 0] = draw.values.shape;
    compare(draw.kind === 'rand' ? random.uniform(count) : random.normal(count), draw);
  });

  test.each(fixture.consecutive.map((each, index) => ({ ...each, index })))('call after call, case $index', ({ seed, calls }) => {
    const random = createRandom(seed);
    for (const call of calls) {
      const [count = 0] = call.values.shape;
      compare(call.kind === 'rand' ? random.uniform(count) : random.normal(count), call);
    }
  });
});

describe('forks', () => {
  test('depend on seed and label, not on what was drawn', () => {
    const fresh = createRandom(7);
    const used = createRandom(7);
    used.normal(100);
    expect(used.fork('text').seed).toBe(fresh.fork('text').seed);
    expect(fresh.fork('text').seed).not.toBe(fresh.fork('image').seed);
    expect(fresh.fork('text').seed).not.toBe(createRandom(8).fork('text').seed);
    expect(Number.isSafeInteger(fresh.fork('text').seed)).toBe(true);
  });
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
  expect(() => createRandom(seed)).toThrow(/seed: got .* expected an integer from 0/);
});
