// Several pictures begun for one text, of which the one that is most like the text is finished.
// An encoder of the space that the conditioning lives in sees every one as it would become; knows no prompt and no file.
// Source: choosing among samples by an encoder of text and pictures, as DALL-E does with CLIP (Ramesh et al. 2021, arXiv 2102.12092), here before they are finished.

import type { ComponentSource } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import { floatTensor, l2Normalise } from '../../src/runtime/tensors.ts';
import type { DenoisingStep } from '../diffusion/denoise.ts';
import { resizePlanar } from './pixels.ts';
import type { CandidatesConfig } from './settings.ts';

export interface Likeness {
  /** Cosine of a planar picture -1..1 [3, height, width], clamped, and the text whose embedding is the first of the conditioning tokens. */
  of(planar: Float32Array, width: number, height: number, tokens: Float32Array): Promise<number>;
  release(): Promise<void>;
}

/** Opens the file `encoder`: `pixels` [batch, 3, size, size] to `joint` [batch, d]. Throws `bundle_invalid` where its ports differ. */
export async function openLikeness(source: ComponentSource, { size, mean, std }: CandidatesConfig, width: number): Promise<Likeness> {
  const session = await openGraph(source, 'encoder', {
    inputs: { pixels: { type: 'float32', shape: [null, 3, size, size] } },
    outputs: { joint: { type: 'float32', shape: [null, width] } },
  });
  return {
    async of(planar, columns, rows, tokens) {
      const data = resizePlanar(planar, columns, rows, size, size);
      const area = size * size;
      for (let i = 0; i < data.length; i += 1) {
        const channel = Math.floor(i / area);
        data[i] = ((Math.min(1, Math.max(-1, data[i]!)) + 1) / 2 - mean[channel]!) / std[channel]!;
      }
      const results = await session.run({ pixels: { shape: [1, 3, size, size], data } });
      const seen = l2Normalise(floatTensor(results['joint'], 'joint').data);
      const asked = l2Normalise(tokens.slice(0, width));
      return seen.reduce((sum, value, i) => sum + value * asked[i]!, 0);
    },
    release: async () => session.release(),
  };
}

/** Steps of a candidate before the choice, of `steps`. */
export function stepsAhead(steps: number, { at }: Pick<CandidatesConfig, 'at'>): number {
  return Math.min(steps, Math.max(1, Math.round(at * steps)));
}

/** Steps in all for `count` candidates. */
export function stepsAmong(count: number, steps: number, ahead: number): number {
  return count === 1 ? steps : (count - 1) * ahead + steps;
}

/**
 * Takes `ahead` steps of every trajectory in turn and finishes the one whose clean sample scores highest, the first of equals;
 * steps are counted through. A single one is simply taken. The others are left where they are.
 */
export async function* bestOf(loops: readonly AsyncGenerator<DenoisingStep, Float32Array>[], steps: number, ahead: number, score: (x_0: Float32Array) => Promise<number>): AsyncGenerator<DenoisingStep, Float32Array> {
  const [only] = loops;
  if (only !== undefined && loops.length === 1) return yield* only;
  const all = stepsAmong(loops.length, steps, ahead);
  let best: { loop: AsyncGenerator<DenoisingStep, Float32Array>; score: number } | null = null;
  let done = 0;
  for (const loop of loops) {
    let x_0: Float32Array | null = null;
    for (let taken = 0; taken < ahead; taken += 1) {
      const turn = await loop.next();
      if (turn.done === true) break;
      ({ x_0 } = turn.value);
      done += 1;
      yield { step: done, steps: all, x_0 };
    }
    const found = x_0 === null ? -Infinity : await score(x_0);
    if (best === null || found > best.score) best = { loop, score: found };
  }
  if (best === null) throw new RangeError('there is nothing to choose among');
  for (;;) {
    const turn = await best.loop.next();
    if (turn.done === true) return turn.value;
    done += 1;
    yield { step: done, steps: all, x_0: turn.value.x_0 };
  }
}
