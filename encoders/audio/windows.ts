// What a network that hears a fixed time at once is given of a sound: windows of samples, and their log-mels.
// Knows time; nothing of the network.

import { decodeAudio, logMel } from '../../media/index.ts';
import type { LogMelSettings } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';

export interface Hearing {
  /** Frames of log-mels of a window. */
  readonly frames: number;
  readonly mel: LogMelSettings;
  readonly maxWindows: number;
}

/**
 * Where windows of `length` begin so that they cover `whole` from its beginning to its end, both in any unit: evenly, at most `most`,
 * one at 0 where it is no longer than a window.
 */
export function windowStarts(whole: number, length: number, most: number): number[] {
  const count = Math.min(most, Math.max(1, Math.ceil(whole / length)));
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, index) => (index * (whole - length)) / (count - 1));
}

/**
 * Mono samples of each window; a sound shorter than a window is one of its own length. Throws `bad_media`, `aborted`.
 * Of a long sound no more is held than its windows.
 */
export async function readWindows(media: Media, { frames, mel, maxWindows }: Hearing, signal: AbortSignal): Promise<Float32Array[]> {
  const { sampleRateHz } = mel;
  const length = frames * mel.hop;
  const window = length / sampleRateHz;
  const { samples, seconds } = await decodeAudio(media, { sampleRateHz, maxSeconds: window * maxWindows }, signal);
  if (seconds <= window * maxWindows) return windowStarts(samples.length, length, maxWindows).map((start) => samples.subarray(Math.round(start), Math.round(start) + length));
  const windows: Float32Array[] = [];
  for (const startSeconds of windowStarts(seconds, window, maxWindows)) {
    signal.throwIfAborted();
    windows.push((await decodeAudio(media, { sampleRateHz, startSeconds, maxSeconds: window }, signal)).samples);
  }
  return windows;
}

/** Log-mels [mels, frames] of at most a window of samples, silent where they have ended. */
export function melOf(samples: Float32Array, { frames, mel }: Hearing): Float32Array {
  const { shape: [mels = 0, all = 0], data } = logMel(samples, mel);
  // Centred frames: that on the end of a full window belongs to what follows.
  const heard = Math.min(frames, all);
  const padded = new Float32Array(mels * frames).fill(Math.log(mel.floor));
  for (let row = 0; row < mels; row += 1) padded.set(data.subarray(row * all, row * all + heard), row * frames);
  return padded;
}
