// The denoising of one picture's latents, from noise or from a picture to change.
// Knows sources and masks; nothing of requests, pixels and files.

import { createScheduler } from '../schedulers/index.ts';
import { firstStep } from '../schedulers/scheduler.ts';
import type { SchedulerRun } from '../schedulers/scheduler.ts';
import { denoise } from './denoise.ts';
import type { Denoising, DenoisingStep } from './denoise.ts';
import type { ImageGraphs } from './graphs.ts';
import type { ImageDecoderConfig } from './settings.ts';

/** What is shown and kept of a picture to change. */
export interface DrawingSource {
  /** [c * rows * columns] */
  readonly latents: Float32Array;
  /** [rows * columns]: 1 may change, 0 stays; null where all may. */
  readonly mask: Float32Array | null;
}

export interface Drawing {
  /** Conditioning tokens [n * d], and those of the branch that guidance moves away from. */
  readonly tokens: Float32Array;
  readonly nullTokens: Float32Array;
  readonly guidanceScale: number;
  readonly scheduler: string;
  readonly steps: number;
  readonly source: DrawingSource | null;
  /** How much of the source may change; below 1 its noised self is the start. */
  readonly strength: number;
  /** The first noise, [c * rows * columns]. */
  readonly eps: Float32Array;
  /** Fresh noise for schedulers that add some. */
  readonly draw: () => Float32Array;
  readonly signal: AbortSignal;
}

/** Steps that `drawLatents` takes. */
export function stepsOf({ source, steps, strength }: Pick<Drawing, 'source' | 'steps' | 'strength'>): number {
  return source === null ? steps : steps - firstStep(steps, strength);
}

/** Runs the steps, one a turn, and returns the clean latents. Throws the signal's reason before the step after an abort. */
export function drawLatents(config: ImageDecoderConfig, graphs: ImageGraphs, drawing: Drawing): AsyncGenerator<DenoisingStep, Float32Array> {
  const { source, eps, scheduler, steps, tokens, nullTokens, guidanceScale, draw, signal } = drawing;
  const [channels, rows, columns] = config.latent;
  const run = createScheduler(scheduler, config.prediction, config.schedulers?.[scheduler] ?? {}).start({ steps });
  const first = steps - stepsOf(drawing);
  const predict = graphs.predictor({
    tokens,
    nullTokens,
    guidanceScale,
    source: shownSource(source, channels * rows * columns),
    mask: source?.mask ?? new Float32Array(rows * columns).fill(1),
  });
  const x_T = source === null || first === 0 ? scaled(eps, run.initialSigma) : run.addNoise(source.latents, eps, first);
  return denoise({ run, first, x_T, predict, keep: keeper(source, run, eps, channels), draw, signal });
}

/** What the transformer is shown of the picture to edit: nothing, all of it, or what a mask leaves untouched. */
function shownSource(source: DrawingSource | null, elements: number): Float32Array {
  if (source === null) return new Float32Array(elements);
  const { latents, mask } = source;
  if (mask === null) return latents;
  return latents.map((value, i) => (mask[i % mask.length] === 1 ? 0 : value));
}

/** Puts the untouched region of a masked edit back at each noise level; null without a mask. */
function keeper(source: DrawingSource | null, run: SchedulerRun, eps: Float32Array, channels: number): Denoising['keep'] {
  if (source === null || source.mask === null) return null;
  const { latents, mask } = source;
  const area = latents.length / channels;
  return (x_t, index) => {
    const known = run.addNoise(latents, eps, index);
    return x_t.map((value, i) => (mask[i % area] === 1 ? value : known[i]!));
  };
}

function scaled(data: Float32Array, factor: number): Float32Array {
  return factor === 1 ? data : data.map((value) => value * factor);
}
