// The latents of a sound of any length: windows of what the transformer makes at once, each going on from the end of the one before.
// Knows positions and steps; nothing of samples, requests and files.

import type { Conditioning, Context, DecodePreview, DecodeProgress, Media } from '../../src/contracts.ts';
import { sliceRows } from '../../src/runtime/tensors.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import { follow, reported, trajectorySteps } from '../diffusion/trajectory.ts';
import type { AudioGraphs } from './graphs.ts';
import type { AudioDecoderConfig, AudioOptions } from './settings.ts';

export interface Making {
  readonly guidance: Guidance;
  readonly options: AudioOptions;
  /** Positions wanted. */
  readonly count: number;
  /** Latents [count, channels] of a sound to change; null without one. */
  readonly given: Float32Array | null;
  /** Frames that the sound is to go with, `frames` [f, frame] and `times` [f] in seconds; null without a companion. */
  readonly seen: Conditioning | null;
  /** A picture of a window's latents [n, channels]. */
  readonly preview: (latents: Float32Array) => Promise<Media>;
}

/** A window's first position, and how many from there on are known from the window before. */
export interface Window {
  readonly start: number;
  readonly known: number;
}

/** The windows that cover `count` positions; the last may reach beyond them. */
export function windowsOf({ latent: [positions], overlap }: Pick<AudioDecoderConfig, 'latent' | 'overlap'>, count: number): Window[] {
  const further = Math.max(0, Math.ceil((count - positions) / (positions - overlap)));
  return Array.from({ length: 1 + further }, (_, index) => ({ start: index * (positions - overlap), known: index === 0 ? 0 : overlap }));
}

/**
 * Makes latents [count, channels]. The noise of a window, [positions, channels], is drawn right before its first step: that of the first
 * window before anything else, and a longer sound begins as a shorter one. Throws the signal's reason before the step after an abort.
 */
export async function* makeLatents(config: AudioDecoderConfig, graphs: AudioGraphs, making: Making, context: Context): AsyncGenerator<DecodeProgress | DecodePreview, Float32Array> {
  const { options, count, given } = making;
  const [positions, channels] = config.latent;
  const windows = windowsOf(config, count);
  const latents = new Float32Array((windows.at(-1)!.start + positions) * channels);
  const length = positions * channels;
  const each = trajectorySteps({ ...options, given });
  for (const [index, { start, known }] of windows.entries()) {
    const eps = context.random.normal(length);
    const from = start * channels;
    const prefix = new Float32Array(length);
    prefix.set(latents.subarray(from, from + known * channels));
    const predict = graphs.predictor({
      ...making.guidance,
      prefix,
      mask: new Float32Array(positions).fill(1, 0, known),
      motion: await motionOf(config, graphs, making.seen, start),
    });
    const loop = follow(config, {
      ...options,
      given: given === null ? null : givenWindow(given, from, prefix.subarray(0, known * channels), length),
      kept: known === 0 ? null : { x_0: prefix, at: (i) => i < known * channels },
      eps,
      draw: () => context.random.normal(length),
      predict,
      signal: context.signal,
    });
    const shown = Math.min(positions, count - start) * channels;
    const made = yield* reported(loop, {
      previewEvery: options.previewEvery,
      preview: async (x_0) => making.preview(x_0.subarray(0, shown)),
      among: { done: index * each, steps: windows.length * each },
    });
    // What was known stays as the earlier window made it, to the last bit.
    latents.set(made.subarray(known * channels), from + known * channels);
  }
  return latents.subarray(0, count * channels);
}

/** What the transformer is told of the frames that are seen in a window; times count from its start. */
async function motionOf(config: AudioDecoderConfig, graphs: AudioGraphs, seen: Conditioning | null, start: number): Promise<Float32Array> {
  const [positions] = config.latent;
  const [frames, times] = [seen?.['frames'], seen?.['times']];
  if (frames === undefined || times === undefined) return new Float32Array(positions * (config.motion?.width ?? 1));
  const seconds = (position: number): number => (position * config.samplesPerPosition) / config.mel.sampleRateHz;
  const shown = times.data.map((time) => time - seconds(start));
  // A frame is seen until the next one comes.
  const first = Math.max(0, shown.findIndex((_, index) => (shown[index + 1] ?? Infinity) > 0));
  const end = shown.findLastIndex((time) => time < seconds(positions)) + 1;
  return graphs.watch(sliceRows(frames, first, end), shown.slice(first, end));
}

/** A window of a sound to change, zeros beyond its end; it begins with what is known. */
function givenWindow(given: Float32Array, from: number, known: Float32Array, length: number): Float32Array {
  const window = new Float32Array(length);
  window.set(given.subarray(from, from + length));
  window.set(known);
  return window;
}
