// The denoising of one picture's latents, from noise or from a picture to change.
// Knows sources and masks; nothing of requests, pixels and files.

import type { Guidance } from '../diffusion/conditioning.ts';
import type { DenoisingStep } from '../diffusion/denoise.ts';
import { follow, trajectorySteps } from '../diffusion/trajectory.ts';
import type { Trajectory } from '../diffusion/trajectory.ts';
import type { ImageGraphs } from './graphs.ts';
import type { ImageDecoderConfig } from './settings.ts';

/** What is shown and kept of a picture to change. */
export interface DrawingSource {
  /** [c * rows * columns] */
  readonly latents: Float32Array;
  /** [rows * columns]: 1 may change, 0 stays; null where all may. */
  readonly mask: Float32Array | null;
}

/** `eps` is the first noise, [c * rows * columns]. */
export interface Drawing extends Guidance, Pick<Trajectory, 'scheduler' | 'steps' | 'strength' | 'eps' | 'draw' | 'signal'> {
  readonly source: DrawingSource | null;
}

/** Steps that `drawLatents` takes. */
export function stepsOf({ source, steps, strength }: Pick<Drawing, 'source' | 'steps' | 'strength'>): number {
  return trajectorySteps({ given: source, steps, strength });
}

/** Runs the steps, one a turn, and returns the clean latents. Throws the signal's reason before the step after an abort. */
export function drawLatents(config: ImageDecoderConfig, graphs: ImageGraphs, drawing: Drawing): AsyncGenerator<DenoisingStep, Float32Array> {
  const { source } = drawing;
  const [channels, rows, columns] = config.latent;
  const predict = graphs.predictor({
    ...drawing,
    source: shownSource(source, channels * rows * columns),
    mask: source?.mask ?? new Float32Array(rows * columns).fill(1),
  });
  return follow(config, { ...drawing, given: source?.latents ?? null, kept: keptOf(source), predict });
}

/** What the transformer is shown of the picture to edit: nothing, all of it, or what a mask leaves untouched. */
function shownSource(source: DrawingSource | null, elements: number): Float32Array {
  if (source === null) return new Float32Array(elements);
  const { latents, mask } = source;
  if (mask === null) return latents;
  return latents.map((value, i) => (mask[i % mask.length] === 1 ? 0 : value));
}

/** The untouched region of a masked edit, which stays; null without a mask. */
function keptOf(source: DrawingSource | null): Trajectory['kept'] {
  if (source === null || source.mask === null) return null;
  const { latents, mask } = source;
  return { x_0: latents, at: (index) => mask[index % mask.length] !== 1 };
}
