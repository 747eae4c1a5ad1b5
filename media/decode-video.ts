// Videos to frames and to their sound: the functions that the rest of the house calls.
// The decoding itself is in the limited process behind `shared-decoder`; knows no format.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import type { ImageSize } from './decode-image.ts';
import type { FrameTimes } from './decoder-protocol.ts';
import { encodeAudio } from './encode-audio.ts';
import { failureOf, requireReadable, sharedDecoding } from './shared-decoder.ts';
import type { Decoding } from './shared-decoder.ts';
import { audioMediaTypes, readingsOf, videoMediaTypes } from './sniff.ts';

export interface VideoHeader {
  /** When the last frame ends. */
  readonly seconds: number;
  /** As it is shown: rotation and the shape of pixels applied. */
  readonly width: number;
  readonly height: number;
  /** Null where there are too many to count. */
  readonly frames: number | null;
  readonly hasSound: boolean;
}

/** Size of the frames, and which: those shown at times in seconds, in any order, or at the middles of the four quarters. */
export type VideoFrames = ImageSize & { readonly times: FrameTimes };

export interface DecodedVideo {
  /** [height, width, 3] uint8, sRGB, one for each time asked for, in that order. */
  readonly frames: Uint8Array[];
  /** The times, within the video. */
  readonly times: number[];
  /** Length of the whole video. */
  readonly seconds: number;
}

/**
 * Length, size and frames of a video; no picture is decoded.
 * @throws AnymodalError `bad_media` for damaged files, ones without frames and codecs that are not read, `unsupported` where the codecs are not installed
 * (anything but gif, webp and apng), `aborted`.
 */
export async function inspectVideo(media: Media, signal?: AbortSignal): Promise<VideoHeader> {
  requireReadable(media, 'video', videoMediaTypes);
  const { decoder, limits } = sharedDecoding();
  const outcome = await decoder.run(media.bytes, { type: 'inspect-video' }, signal);
  if (outcome.type !== 'video-header') throw failureOf(media, 'video', outcome, limits);
  const { seconds, width, height, frames, hasSound } = outcome;
  return { seconds, width, height, frames, hasSound };
}

/**
 * Frames at the times asked for, and no more than leads to them; a time before the first frame gives the first, one after the last gives the last, and what begins
 * within half a tick of the file's clock counts as begun. Rotated as players show it, resized as `decodeImage` does. Result is owned by the caller.
 * @throws AnymodalError as `inspectVideo`, and `bad_media` where a frame that is needed is missing or damaged.
 */
export async function decodeVideo(media: Media, { times, ...target }: VideoFrames, signal?: AbortSignal): Promise<DecodedVideo> {
  return decodeVideoWith(sharedDecoding(), media, { times, ...target }, signal);
}

/** `decodeVideo` by a decoder of one's own. */
export async function decodeVideoWith({ decoder, limits }: Decoding, media: Media, { times, ...target }: VideoFrames, signal?: AbortSignal): Promise<DecodedVideo> {
  if (times !== 'quarters' && !times.every(Number.isFinite)) throw new AnymodalError('internal', 'decodeVideo got a time that is no number; expected seconds.');
  requireReadable(media, 'video', videoMediaTypes);
  const outcome = await decoder.run(media.bytes, { type: 'decode-video', target, times }, signal);
  if (outcome.type !== 'video') throw failureOf(media, 'video', outcome, limits);
  return { frames: [...outcome.frames], times: [...outcome.times], seconds: outcome.seconds };
}

/**
 * The sound of a video from its beginning, mono, as wav in step with the frames; null where it has none.
 * @throws AnymodalError `bad_media` where the sound is damaged or of a codec that is not read, `unsupported` where the codecs are not installed, `aborted`.
 */
export async function soundOfVideo(media: Media, { maxSeconds }: { readonly maxSeconds: number }, signal?: AbortSignal): Promise<Media | null> {
  requireReadable(media, 'video', videoMediaTypes);
  if (!readingsOf(media.bytes).some(({ mediaType }) => audioMediaTypes.includes(mediaType))) return null;
  const { decoder, limits } = sharedDecoding();
  const outcome = await decoder.run(media.bytes, { type: 'decode-audio', sampleRateHz: null, startSeconds: 0, maxSeconds }, signal);
  if (outcome.type !== 'audio') throw failureOf(media, 'video', outcome, limits);
  return encodeAudio({ samples: outcome.samples, sampleRateHz: outcome.sampleRateHz }, { format: 'wav', provenance: null, mark: false });
}
