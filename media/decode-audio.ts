// Sounds to samples: the functions that the rest of the house calls.
// The decoding itself is in the limited process behind `shared-decoder`; knows no format.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { failureOf, requireReadable, sharedDecoding } from './shared-decoder.ts';
import type { Decoding } from './shared-decoder.ts';
import { audioMediaTypes } from './sniff.ts';

export interface AudioHeader {
  /** Length, without what codecs add at both ends. */
  readonly seconds: number;
  readonly sampleRateHz: number;
  readonly channels: number;
}

export interface AudioRange {
  readonly sampleRateHz: number;
  /** No more than this is decoded. */
  readonly maxSeconds: number;
  /** Where to begin, 0 where it is absent. */
  readonly startSeconds?: number;
}

export interface DecodedAudio {
  readonly sampleRateHz: number;
  /** [n] mono, the mean of all channels, -1..1; n = round(seconds * rate) of what was asked for, less where the sound ends before. */
  readonly samples: Float32Array;
  /** Length of the whole sound. */
  readonly seconds: number;
}

/**
 * Length, rate and channels of a sound, or of the sound of a video.
 * @throws AnymodalError `bad_media` for damaged files, for ones without sound and for rates and channels that are not read, `unsupported` where the codecs are
 * not installed (anything but wav), `aborted`.
 */
export async function inspectAudio(media: Media, signal?: AbortSignal): Promise<AudioHeader> {
  requireReadable(media, 'sound', audioMediaTypes);
  const { decoder, limits } = sharedDecoding();
  const outcome = await decoder.run(media.bytes, { type: 'inspect-audio' }, signal);
  if (outcome.type !== 'audio-header') throw failureOf(media, 'sound', outcome, limits);
  return { seconds: outcome.seconds, sampleRateHz: outcome.sampleRateHz, channels: outcome.channels };
}

/**
 * Samples of a part of a sound, or of the sound of a video: channels averaged, resampled without aliases (`resample-audio.ts`), time 0 where a player begins.
 * Result is owned by the caller.
 * @throws AnymodalError as `inspectAudio`.
 */
export async function decodeAudio(media: Media, range: AudioRange, signal?: AbortSignal): Promise<DecodedAudio> {
  return decodeAudioWith(sharedDecoding(), media, range, signal);
}

/** `decodeAudio` by a decoder of one's own. */
export async function decodeAudioWith({ decoder, limits }: Decoding, media: Media, range: AudioRange, signal?: AbortSignal): Promise<DecodedAudio> {
  const { sampleRateHz, maxSeconds, startSeconds = 0 } = range;
  if (!Number.isInteger(sampleRateHz) || sampleRateHz < 1 || !(maxSeconds > 0) || !(startSeconds >= 0)) {
    throw new AnymodalError('internal', `decodeAudio got ${sampleRateHz} Hz, ${maxSeconds} s from ${startSeconds} s; expected a whole rate and a length above 0.`);
  }
  requireReadable(media, 'sound', audioMediaTypes);
  const outcome = await decoder.run(media.bytes, { type: 'decode-audio', sampleRateHz, startSeconds, maxSeconds }, signal);
  if (outcome.type !== 'audio') throw failureOf(media, 'sound', outcome, limits);
  return { sampleRateHz, samples: outcome.samples, seconds: outcome.seconds };
}
