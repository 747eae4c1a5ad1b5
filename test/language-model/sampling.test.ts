import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/language-model/sampling.ts';
import { createRandom } from '../../src/runtime/random.ts';

const off = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const logits = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, Math.log);

/** Share of each token in many draws. */
function shares(settings: Partial<typeof off>, probabilities: number[], draws = 4000): number[] {
  const sampler = new Sampler({ ...off, ...settings }, createRandom(3));
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < draws; i += 1) counts[sampler.next(logits(...probabilities))]! += 1;
  return counts.map((count) => count / draws);
}

function expectClose(got: readonly number[], expected: readonly number[]): void {
  got.forEach((share, i) => (expected[i] === 0 ? expect(share).toBe(0) : expect(Math.abs(share - expected[i]!)).toBeLessThan(0.03)));
}

describe('Sampler', () => {
  it('is greedy at temperature 0, the lowest id first, and draws nothing', () => {
    const random = createRandom(1);
    const sampler = new Sampler({ ...off, temperature: 0 }, random);
    expect(sampler.next(Float32Array.of(1, 3, 3, 2))).toBe(1);
    expect(random.uniform(1)).toEqual(createRandom(1).uniform(1));
  });

  it('draws by the distribution', () => expectClose(shares({}, [0.5, 0.3, 0.2]), [0.5, 0.3, 0.2]));
  it('sharpens with the temperature', () => expectClose(shares({ temperature: 0.5 }, [0.6, 0.3, 0.1]), [0.783, 0.196, 0.022]));
  it('keeps the k most likely', () => expectClose(shares({ topK: 2 }, [0.2, 0.3, 0.1, 0.4]), [0, 0.43, 0, 0.57]));
  it('keeps the nucleus', () => expectClose(shares({ topP: 0.65 }, [0.2, 0.3, 0.1, 0.4]), [0, 0.43, 0, 0.57]));
  it('takes the nucleus of the k most likely', () => expectClose(shares({ topK: 3, topP: 0.7 }, [0.2, 0.3, 0.1, 0.4]), [0, 0.43, 0, 0.57]));
  it('drops what is unlikely beside the most likely', () => expectClose(shares({ minP: 0.6 }, [0.2, 0.3, 0.1, 0.4]), [0, 0.43, 0, 0.57]));
  it('keeps one token whatever the settings', () => expectClose(shares({ topP: 1e-9, minP: 1 }, [0.2, 0.8], 50), [0, 1]));

  it('never gives a masked token', () => {
    const sampler = new Sampler({ ...off, temperature: 5 }, createRandom(7));
    for (let i = 0; i < 500; i += 1) expect(sampler.next(Float32Array.of(-Infinity, 0, -Infinity, 0, -Infinity))).toBeOneOf([1, 3]);
  });

  it('agrees with sorting the whole vocabulary', () => {
    const random = createRandom(11);
    const settings = [{ topK: 0, topP: 0.9 }, { topK: 40, topP: 1 }, { topK: 3000, topP: 1 }, { topK: 50, topP: 0.5 }, { topK: 0, topP: 0.9999 }];
    for (let round = 0; round < 60; round += 1) {
      const values = random.normal(5000).map((value) => value * (round % 7));
      const { topK, topP } = settings[round % settings.length]!;
      const uniform = createRandom(round).uniform(1)[0]!;
      const got = new Sampler({ ...off, topK, topP }, createRandom(round)).next(values.slice());
      expect(got).toBe(reference(values, topK, topP, uniform));
    }
  });

  it('makes used tokens less likely, whatever the sign', () => {
    const sampler = new Sampler({ ...off, temperature: 0, repetitionPenalty: 2 }, createRandom(0));
    sampler.use(0);
    expect(sampler.next(Float32Array.of(3, 2, 0))).toBe(1);
    expect(sampler.next(Float32Array.of(-1, -1.5, -9))).toBe(1);
  });

  it('is reproducible by its seed', () => {
    const [first, same, other] = [5, 5, 6].map((seed) => {
      const sampler = new Sampler(off, createRandom(seed).fork('text'));
      return Array.from({ length: 20 }, () => sampler.next(new Float32Array(100)));
    });
    expect(same).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('says so where no logit is finite', () => {
    const sampler = new Sampler(off, createRandom(0));
    expect(() => sampler.next(Float32Array.of(NaN, NaN))).toThrow(/no token can be chosen/);
    expect(() => sampler.next(Float32Array.of(-Infinity))).toThrow(/no token can be chosen/);
  });
});

function reference(values: Float32Array, topK: number, topP: number, uniform: number): number {
  const largest = values.reduce((a, b) => Math.max(a, b));
  let ids = Array.from(values.keys()).toSorted((a, b) => values[b]! - values[a]! || a - b);
  const weight = (id: number): number => Math.exp(values[id]! - largest);
  if (topK > 0) ids = ids.slice(0, topK);
  // Summed in the order of ids, as over an unsorted vocabulary, so that the last bits agree.
  const total = topK > 0 ? ids.reduce((sum, id) => sum + weight(id), 0) : values.reduce((sum, _, id) => sum + weight(id), 0);
  if (topP < 1) {
    let held = 0;
    ids = ids.slice(0, ids.findIndex((id) => (held += weight(id)) >= topP * total) + 1);
  }
  const point = uniform * ids.reduce((sum, id) => sum + weight(id), 0);
  let held = 0;
  return ids.find((id) => (held += weight(id)) > point) ?? ids.at(-1)!;
}
