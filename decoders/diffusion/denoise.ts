// The denoising loop and classifier-free guidance: a whole sampler in one sitting.
// Knows no graph, no prompt and no picture; everything it uses is an argument.

import type { SchedulerRun } from '../schedulers/scheduler.ts';

export interface Denoising {
  readonly run: SchedulerRun;
  /** Index of the first step; later than 0 where a given sample is the start. */
  readonly first: number;
  /** The sample before step `first`, at its noise level. */
  readonly x_T: Float32Array;
  /** The model's guided output for a scaled sample; `timestep` is 0 to 1000. */
  readonly predict: (x_t: Float32Array, timestep: number) => Promise<Float32Array>;
  /** Puts back what must stay, at the noise level before step `index`; null where everything may change. */
  readonly keep: ((x_t: Float32Array, index: number) => Float32Array) | null;
  /** Fresh noise for schedulers that add some. */
  readonly draw: () => Float32Array;
  readonly signal: AbortSignal;
}

export interface DenoisingStep {
  /** Steps done, from 1. */
  readonly step: number;
  readonly steps: number;
  /** The clean sample as the model sees it now. */
  readonly x_0: Float32Array;
}

/** Runs the steps, one a turn, and returns the clean sample. Throws the signal's reason before the step after an abort. */
export async function* denoise({ run, first, x_T, predict, keep, draw, signal }: Denoising): AsyncGenerator<DenoisingStep, Float32Array> {
  const last = run.timesteps.length;
  let x_t = x_T;
  for (let index = first; index < last; index += 1) {
    signal.throwIfAborted();
    const output = await predict(run.scaleInput(x_t, index), run.timesteps[index]!);
    const { next, x_0 } = run.step(output, x_t, index, draw);
    x_t = keep === null ? next : keep(next, index + 1);
    yield { step: index - first + 1, steps: last - first, x_0 };
  }
  return x_t;
}

/**
 * Classifier-free guidance: Ho and Salimans 2022 (arXiv 2207.12598), with a scale of 1 meaning the condition alone.
 * `both` holds the conditional output and then the unconditional one. `copied` [places] in 0..1 says where, under the condition, a given
 * sample is copied: there the scale is 1, for a copy that is pushed away from another one overshoots.
 */
export function guide(both: Float32Array, guidanceScale: number, copied: Float32Array | null = null): Float32Array {
  const length = both.length / 2;
  const guided = new Float32Array(length);
  for (let i = 0; i < length; i += 1) {
    const scale = copied === null ? guidanceScale : 1 + (guidanceScale - 1) * (1 - copied[i % copied.length]!);
    const unconditional = both[length + i]!;
    guided[i] = unconditional + scale * (both[i]! - unconditional);
  }
  return guided;
}
