// One way from noise, or from a noised sample, to a clean sample, and the events that a decoder gives on it.
// Knows steps and events; nothing of graphs, prompts and what the sample means.

import type { DecodePreview, DecodeProgress, Media } from '../../src/contracts.ts';
import { createScheduler } from '../schedulers/index.ts';
import { firstStep } from '../schedulers/scheduler.ts';
import { denoise } from './denoise.ts';
import type { DenoisingStep } from './denoise.ts';
import type { DiffusionConfig } from './settings.ts';

export interface Trajectory {
  readonly scheduler: string;
  readonly steps: number;
  /** A given clean sample, which `strength` (0..1) changes: below 1 its noised self is the start; null makes one from noise alone. */
  readonly given: Float32Array | null;
  readonly strength: number;
  /** What comes out as it is: the clean sample, where `at` says so; null where everything is made. */
  readonly kept: { readonly x_0: Float32Array; at(index: number): boolean } | null;
  /** Standard normal noise, drawn by the caller so that the order of draws is the decoder's. */
  readonly eps: Float32Array;
  /** Fresh noise for schedulers that add some. */
  readonly draw: () => Float32Array;
  readonly predict: (x_t: Float32Array, timestep: number) => Promise<Float32Array>;
  readonly signal: AbortSignal;
}

/** Steps that a trajectory takes. */
export function trajectorySteps({ given, steps, strength }: { readonly given: unknown; readonly steps: number; readonly strength: number }): number {
  return given === null ? steps : steps - firstStep(steps, strength);
}

/**
 * Takes the steps, one a turn, and returns the clean sample. Throws the signal's reason before the step after an abort,
 * `bundle_invalid` for settings that the scheduler cannot use.
 */
export function follow(config: Pick<DiffusionConfig, 'prediction' | 'schedulers'>, trajectory: Trajectory): AsyncGenerator<DenoisingStep, Float32Array> {
  const { scheduler, steps, given, kept, eps, predict, draw, signal } = trajectory;
  const run = createScheduler(scheduler, config.prediction, config.schedulers?.[scheduler] ?? {}).start({ steps });
  const first = steps - trajectorySteps(trajectory);
  const x_T = given === null || first === 0 ? scaled(eps, run.initialSigma) : run.addNoise(given, eps, first);
  const keep = (x_t: Float32Array, index: number): Float32Array => {
    if (kept === null) return x_t;
    const known = run.addNoise(kept.x_0, eps, index);
    return x_t.map((value, i) => (kept.at(i) ? known[i]! : value));
  };
  return denoise({ run, first, x_T, predict, keep: kept === null ? null : keep, draw, signal });
}

export interface Reporting {
  readonly previewEvery: number;
  /** A picture of the unfinished medium. */
  readonly preview: (x_0: Float32Array) => Promise<Media>;
  /** Steps of this medium that were done before, and in all; null where this trajectory is the only one. */
  readonly among: { readonly done: number; readonly steps: number } | null;
}

/** The steps of a trajectory as a decoder tells them, the first preview after two at most; returns the clean sample. */
export async function* reported(loop: AsyncGenerator<DenoisingStep, Float32Array>, { previewEvery, preview, among }: Reporting): AsyncGenerator<DecodeProgress | DecodePreview, Float32Array> {
  let turn = await loop.next();
  for (; turn.done !== true; turn = await loop.next()) {
    const { done, steps } = among ?? { done: 0, steps: turn.value.steps };
    const step = done + turn.value.step;
    yield { type: 'progress', step, steps };
    if (step < steps && isPreviewed(step, previewEvery)) yield { type: 'preview', step, media: await preview(turn.value.x_0) };
  }
  return turn.value;
}

/** Whether a preview is due after a step: every so many, counted so that the first comes after two at most. */
export function isPreviewed(step: number, every: number): boolean {
  return every > 0 && step >= Math.min(every, 2) && (step - Math.min(every, 2)) % every === 0;
}

function scaled(data: Float32Array, factor: number): Float32Array {
  return factor === 1 ? data : data.map((value) => value * factor);
}
