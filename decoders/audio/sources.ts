// What the length of a sound comes from, and the latents of a sound to change.
// Knows references and companions; nothing of steps and prompts.

import { decodeAudio, logMel } from '../../media/index.ts';
import type { Conditioning, Context, DecodeRequest, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import type { AudioGraphs } from './graphs.ts';
import type { AudioDecoderConfig } from './settings.ts';

/** A sound to change: mono samples at the decoder's rate, and how long all of it is. */
export interface GivenSound {
  readonly samples: Float32Array;
  readonly seconds: number;
}

/** The frames of the companion that the sound goes with: `frames` [f, frame], `times` [f]; null without one. Throws `bundle_invalid` for other widths. */
export function seenOf(config: AudioDecoderConfig, companions: DecodeRequest['companions']): Conditioning | null {
  const { motion } = config;
  const seen = Object.values(companions).find((companion) => 'frames' in companion && 'times' in companion);
  const [frames, times] = [seen?.['frames'], seen?.['times']];
  if (motion === undefined || seen === undefined || frames === undefined || times === undefined) return null;
  if (frames.shape.length === 2 && frames.shape[1] === motion.frame && times.data.length > 0 && times.data.length === frames.shape[0]) return seen;
  throw new AnymodalError('bundle_invalid', `latent-diffusion-audio: companion: got frames [${frames.shape.join(', ')}] and times [${times.shape.join(', ')}], expected [n, ${motion.frame}] and [n].`);
}

/** How long the frames of a companion are seen, in seconds: to the last one, and as long as one after it. */
export function secondsOf(seen: Conditioning, config: AudioDecoderConfig): number {
  const times = seen['times']!.data;
  const [first, second, last] = [times[0]!, times[1], times.at(-1)!];
  return second === undefined ? config.seconds : last + (last - first) / (times.length - 1);
}

/** The first `edit` reference, up to `maxSeconds` of it; null without one. Throws `bad_media` for bytes that are no sound. */
export async function readGiven(request: DecodeRequest, config: Pick<AudioDecoderConfig, 'mel'>, maxSeconds: number, context: Context): Promise<GivenSound | null> {
  const [media, ...others] = request.references.filter(({ role }) => role === 'edit').map((reference): Media => reference.media);
  if (media === undefined) return null;
  if (others.length > 0) context.warn('reference_ignored', `one sound is edited at a time; the first of ${others.length + 1} was taken.`);
  return decodeAudio(media, { sampleRateHz: config.mel.sampleRateHz, maxSeconds }, context.signal);
}

/** Latents [positions, channels] of a given sound, silence where it has ended. */
export async function encodeGiven(given: GivenSound, positions: number, config: Pick<AudioDecoderConfig, 'mel' | 'samplesPerPosition'>, graphs: Pick<AudioGraphs, 'encode'>): Promise<Float32Array> {
  const samples = new Float32Array(positions * config.samplesPerPosition);
  samples.set(given.samples.subarray(0, samples.length));
  const mel = logMel(samples, config.mel);
  // Centred frames: the last one lies on the end of the samples and belongs to the position after them.
  const frames = samples.length / config.mel.hop;
  const [mels, all] = mel.shape;
  const data = new Float32Array(mels! * frames);
  for (let row = 0; row < mels!; row += 1) data.set(mel.data.subarray(row * all!, row * all! + frames), row * frames);
  return graphs.encode({ shape: [mels!, frames], data });
}

/** Says where a given sound is longer or shorter than what is made of it. */
export function warnOfLength(given: number, seconds: number, context: Context): void {
  // Shorter than a mel frame is rounding.
  if (given > seconds + 0.05) context.warn('source_cut', `the first ${rounded(seconds)} s of the sound were taken, which lasts ${rounded(given)} s.`);
  else if (given < seconds - 0.05) context.warn('source_ended', `the sound to edit lasts ${rounded(given)} s of the ${rounded(seconds)} s to be made; after it there was silence.`);
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
