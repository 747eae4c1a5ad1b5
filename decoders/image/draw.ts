// The denoising of one picture's latents, from noise or from a picture to change.
// Knows sources and masks; nothing of requests, pixels and files.

import type { Random } from '../../src/contracts.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import type { DenoisingStep } from '../diffusion/denoise.ts';
import { follow, trajectorySteps } from '../diffusion/trajectory.ts';
import type { Trajectory } from '../diffusion/trajectory.ts';
import { bestOf, stepsAhead, stepsAmong } from './candidates.ts';
import type { Likeness } from './candidates.ts';
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
export function drawLatents(config: ImageDecoderConfig, graphs: Pick<ImageGraphs, 'predictor'>, drawing: Drawing): AsyncGenerator<DenoisingStep, Float32Array> {
  const { source } = drawing;
  const [channels, rows, columns] = config.latent;
  const predict = graphs.predictor({
    ...drawing,
    source: shownSource(source, channels * rows * columns),
    mask: source?.mask ?? new Float32Array(rows * columns).fill(1),
  });
  return follow(config, { ...drawing, given: source?.latents ?? null, kept: keptOf(source), predict });
}

export interface Drawings extends Omit<Drawing, 'draw'> {
  /** Where more noise than `eps` comes from: the first trajectory's own, and forks of it for others. */
  readonly random: Random;
  /** Which of the pictures of a request it is, from 0; only the first one starts from `eps`. */
  readonly index: number;
  /** How many are begun; only without a source. */
  readonly candidates: number;
}

/** Steps of `drawBest`. */
export function stepsOfBest(config: ImageDecoderConfig, drawings: Pick<Drawings, 'source' | 'steps' | 'strength' | 'candidates'>): number {
  const steps = stepsOf(drawings);
  return stepsAmong(begun(config, drawings), steps, ahead(config, steps));
}

/** As `drawLatents`, of as many candidates as asked; `likeness` is null where nothing can choose, and then one is drawn. */
export function drawBest(config: ImageDecoderConfig, graphs: Pick<ImageGraphs, 'predictor' | 'decode'>, likeness: Likeness | null, drawings: Drawings): AsyncGenerator<DenoisingStep, Float32Array> {
  const { random, index, eps, tokens } = drawings;
  const [, rows, columns] = config.latent;
  const steps = stepsOf(drawings);
  const loops = Array.from({ length: likeness === null ? 1 : begun(config, drawings) }, (_, candidate) => {
    const first = index + candidate === 0;
    const own = first ? random : random.fork(`picture ${index}.${candidate}`);
    return drawLatents(config, graphs, { ...drawings, eps: first ? eps : own.normal(eps.length), draw: () => own.normal(eps.length) });
  });
  const score = async (x_0: Float32Array): Promise<number> => likeness?.of(await graphs.decode(x_0), columns * config.factor, rows * config.factor, tokens) ?? 0;
  return bestOf(loops, steps, ahead(config, steps), score);
}

function begun(config: ImageDecoderConfig, { source, candidates }: Pick<Drawings, 'source' | 'candidates'>): number {
  return config.candidates === undefined || source !== null ? 1 : candidates;
}

function ahead({ candidates }: ImageDecoderConfig, steps: number): number {
  return candidates === undefined ? steps : stepsAhead(steps, candidates);
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
