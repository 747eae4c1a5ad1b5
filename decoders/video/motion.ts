// From the first frame on: the latents of as many frames as are wanted, in windows of as many as the transformer makes at once: each goes on
// from the last frame of the one before, or one is repeated. Knows no picture, no file and no prompt.

import type { DecodePreview, DecodeProgress, Media } from '../../src/contracts.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import { follow, reported, trajectorySteps } from '../diffusion/trajectory.ts';
import type { Trajectory } from '../diffusion/trajectory.ts';
import type { VideoGraphs } from './graphs.ts';
import type { VideoDecoderConfig } from './settings.ts';

export interface MotionPlan extends Pick<Trajectory, 'steps' | 'strength'> {
  /** Frames wanted, the first included. */
  readonly count: number;
  /** Latents of the frames of a video whose motion is changed, the first included; as many as there are, at most `count`. */
  readonly given: readonly Float32Array[];
}

export interface Motion extends MotionPlan, Guidance, Pick<Trajectory, 'scheduler' | 'signal'> {
  /** Latents of the first frame. */
  readonly first: Float32Array;
  /** Standard normal noise. */
  readonly draw: (count: number) => Float32Array;
}

export interface MotionReporting {
  readonly previewEvery: number;
  /** A picture of the frames of the window under way, the first included. */
  readonly preview: (frames: readonly Float32Array[]) => Promise<Media>;
  /** Steps of the video that were done before. */
  readonly done: number;
}

/** Steps that `drawMotion` takes in all. */
export function motionSteps(config: VideoDecoderConfig, plan: MotionPlan): number {
  return windowStarts(config, plan).reduce((sum, start) => sum + windowSteps(config, plan, start), 0);
}

/** Takes the steps, one a turn, and returns the latents of `count` frames. Throws the signal's reason before the step after an abort. */
export async function* drawMotion(config: VideoDecoderConfig, graphs: VideoGraphs, motion: Motion, reporting: MotionReporting): AsyncGenerator<DecodeProgress | DecodePreview, Float32Array[]> {
  const elements = config.frames * motion.first.length;
  const steps = reporting.done + motionSteps(config, motion);
  const frames = [motion.first];
  let { done } = reporting;
  for (const start of windowStarts(config, motion)) {
    const first = frames[start]!;
    const loop = follow(config, {
      ...motion,
      given: differences(config, motion.given, start),
      kept: null,
      eps: motion.draw(elements),
      draw: () => motion.draw(elements),
      predict: graphs.predictor({ ...motion, first }),
    });
    const x_0 = yield* reported(loop, { ...reporting, preview: async (sample) => reporting.preview(framesOf(config, first, sample)), among: { done, steps } });
    frames.push(...framesOf(config, first, x_0).slice(1));
    done += windowSteps(config, motion, start);
  }
  return repeats(config, motion) ? repeated(frames, motion.count) : frames.slice(0, motion.count);
}

/** A given video is followed to its end; only what is made from nothing repeats itself. */
function repeats({ frames, longer }: VideoDecoderConfig, { count, given }: MotionPlan): boolean {
  return longer === 'repeat' && given.length === 0 && count > frames;
}

/** As many frames, of which the last quarter is left where it comes nearest to where all began. */
function repeated(frames: readonly Float32Array[], count: number): Float32Array[] {
  const first = frames[0]!;
  const away = (frame: Float32Array): number => frame.reduce((sum, value, i) => sum + (value - first[i]!) ** 2, 0);
  const ends = frames.map((frame, index) => (index < (3 * frames.length) / 4 ? Infinity : away(frame)));
  const period = ends.indexOf(Math.min(...ends));
  return Array.from({ length: count }, (_, index) => frames[index % period]!);
}

/** Indices of the frames that windows begin with. */
function windowStarts(config: VideoDecoderConfig, plan: MotionPlan): number[] {
  const { frames } = config;
  const count = repeats(config, plan) ? frames : plan.count;
  return Array.from({ length: Math.ceil((count - 1) / (frames - 1)) }, (_, window) => window * (frames - 1));
}

function windowSteps(config: VideoDecoderConfig, plan: MotionPlan, start: number): number {
  return trajectorySteps({ ...plan, given: differences(config, plan.given, start) });
}

/** A window of the given video as the transformer sees it, standing still after its end; null where nothing is given after its first frame. */
function differences({ frames, differenceScale }: VideoDecoderConfig, given: readonly Float32Array[], start: number): Float32Array | null {
  const first = given[start];
  if (first === undefined || given.length === start + 1) return null;
  const x_0 = new Float32Array(frames * first.length);
  for (let frame = 1; frame < frames; frame += 1) {
    const latents = given[Math.min(start + frame, given.length - 1)]!;
    for (let i = 0; i < first.length; i += 1) x_0[frame * first.length + i] = (latents[i]! - first[i]!) * differenceScale;
  }
  return x_0;
}

/** Frames of a window by their differences from its first one, which is taken as it is. */
function framesOf({ frames, differenceScale }: VideoDecoderConfig, first: Float32Array, x_0: Float32Array): Float32Array[] {
  return Array.from({ length: frames }, (_, frame) => (frame === 0 ? first : first.map((value, i) => value + x_0[frame * first.length + i]! / differenceScale)));
}
