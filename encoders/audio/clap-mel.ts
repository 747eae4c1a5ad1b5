// What CLAP's audio tower is shown of a sound: log-mels in decibels of as many samples as it hears at once, filled or cut as it was trained.
// Knows samples; no file and no network. Equal to transformers' ClapFeatureExtractor within 1e-4, with the middle where that one draws a place.

import { logMel } from '../../media/index.ts';
import type { LogMelSettings } from '../../media/index.ts';

export interface ClapHearing {
  readonly mel: LogMelSettings;
  /** What the tower hears at once. */
  readonly maxSeconds: number;
  /** `repeatpad`: as often as it fits, then silence; `repeat`: until full; `pad`: silence. */
  readonly padding: 'repeatpad' | 'repeat' | 'pad';
}

/** Frames of what the tower hears at once. */
export function clapFrames({ mel, maxSeconds }: ClapHearing): number {
  return 1 + Math.floor((maxSeconds * mel.sampleRateHz) / mel.hop);
}

/** [frames, mels] decibels of at most `maxSeconds` of samples. */
export function clapMel(samples: Float32Array, hearing: ClapHearing): Float32Array {
  return decibels(filled(samples, hearing), hearing.mel).data;
}

/**
 * [4, frames, mels] for towers that fuse (Wu et al. 2023, arXiv 2211.06687, section 3.3): a sound that is longer shrunk to the frames, then
 * the middle of its first, second and last third of places; a shorter one four times.
 */
export function fusedClapMel(samples: Float32Array, hearing: ClapHearing): Float32Array {
  const frames = clapFrames(hearing);
  const { mel: { mels, sampleRateHz } } = hearing;
  const size = frames * mels;
  const result = new Float32Array(4 * size);
  const isLonger = samples.length > hearing.maxSeconds * sampleRateHz;
  const { data } = decibels(isLonger ? samples : filled(samples, hearing), hearing.mel);
  if (data.length === size) {
    for (let k = 0; k < 4; k += 1) result.set(data, k * size);
    return result;
  }
  const total = data.length / mels;
  result.set(shrunk(data, total, frames, mels));
  middles(total - frames + 1).forEach((first, k) => result.set(data.subarray(first * mels, first * mels + size), (k + 1) * size));
  return result;
}

/** The middle of each third of `count` places, the first ones larger where they are not equal; of an empty third the beginning. */
function middles(count: number): number[] {
  let start = 0;
  return Array.from({ length: 3 }, (_, index) => {
    const length = Math.floor(count / 3) + (index < count % 3 ? 1 : 0);
    const middle = length === 0 ? 0 : start + Math.floor(length / 2);
    start += length;
    return middle;
  });
}

function filled(samples: Float32Array, { mel: { sampleRateHz }, maxSeconds, padding }: ClapHearing): Float32Array {
  const result = new Float32Array(maxSeconds * sampleRateHz);
  if (samples.length === 0) return result;
  const whole = Math.max(1, Math.floor(result.length / samples.length));
  const times = padding === 'pad' ? 1 : padding === 'repeat' ? whole + 1 : whole;
  for (let k = 0; k < times && k * samples.length < result.length; k += 1) result.set(samples.subarray(0, result.length - k * samples.length), k * samples.length);
  return result;
}

/** [frames, mels] of 10 log10 of the powers. */
function decibels(samples: Float32Array, settings: LogMelSettings): { readonly data: Float32Array } {
  const { shape: [mels = 0, frames = 0], data } = logMel(samples, settings);
  const turned = new Float32Array(data.length);
  const factor = 10 / Math.LN10;
  for (let mel = 0; mel < mels; mel += 1) for (let frame = 0; frame < frames; frame += 1) turned[frame * mels + mel] = factor * data[mel * frames + frame]!;
  return { data: turned };
}

/** Rows from `from` to `to` by a bilinear kernel without antialiasing; places in single precision, as torch has them. */
function shrunk(data: Float32Array, from: number, to: number, width: number): Float32Array {
  const result = new Float32Array(to * width);
  const scale = Math.fround(from / to);
  for (let row = 0; row < to; row += 1) {
    const at = Math.max(0, Math.fround(Math.fround(scale * Math.fround(row + 0.5)) - 0.5));
    const low = Math.min(Math.floor(at), from - 1);
    const high = Math.min(low + 1, from - 1);
    const share = Math.fround(at - low);
    for (let i = 0; i < width; i += 1) result[row * width + i] = (1 - share) * data[low * width + i]! + share * data[high * width + i]!;
  }
  return result;
}
