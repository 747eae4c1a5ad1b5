// Pictures to pixels: the functions that the rest of the house calls, and their messages.
// Knows why a picture was refused; the decoding itself is in the process behind `image-decoder`.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import type { Fit } from './resize.ts';
import { createImageDecoder, defaultDecoderLimits } from './image-decoder.ts';
import type { DecoderLimits, DecoderOutcome, ImageDecoder } from './image-decoder.ts';
import { imageMediaTypes, readingsOf } from './sniff.ts';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  /** `contain` shows the whole picture on background, `cover` fills the size and cuts, `fill` stretches. */
  readonly fit: Fit;
  /** RGB 0 to 255, behind transparent pixels and around a contained picture. */
  readonly background: readonly [number, number, number];
}

export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] uint8, sRGB. */
  readonly pixels: Uint8Array;
}

export interface ImageHeader {
  /** After the orientation in the file is applied. */
  readonly width: number;
  readonly height: number;
  /** Frames of an animation, 1 for a still picture. */
  readonly pages: number;
}

// One process serves all callers of this module; it starts with the first picture and ends with `closeMedia`.
let shared: ImageDecoder | null = null;

function sharedDecoder(): ImageDecoder {
  shared ??= createImageDecoder();
  return shared;
}

/**
 * Pixels of a picture at the size asked for: orientation applied, colour profile converted to sRGB, 8 bits, over the background, Lanczos kernel of three lobes
 * (`resize.ts`). The first frame of an animation. Result is owned by the caller.
 * @throws AnymodalError `bad_media` for damaged, cut or too large pictures, `aborted`.
 */
export async function decodeImage(media: Media, size: ImageSize, signal?: AbortSignal): Promise<DecodedImage> {
  return decodeImageWith(sharedDecoder(), defaultDecoderLimits, media, size, signal);
}

/** `decodeImage` by a decoder of one's own. */
export async function decodeImageWith(decoder: ImageDecoder, limits: DecoderLimits, media: Media, size: ImageSize, signal?: AbortSignal): Promise<DecodedImage> {
  requireImage(media);
  const outcome = await decoder.run(media.bytes, size, signal);
  if (outcome.type !== 'decoded') throw failure(media, outcome, limits);
  return { width: size.width, height: size.height, pixels: outcome.pixels };
}

/**
 * Size and number of frames by the header alone; the pixels may still turn out to be damaged.
 * @throws AnymodalError `bad_media` where the header cannot be read or claims more pixels than are decoded, `aborted`.
 */
export async function inspectImage(media: Media, signal?: AbortSignal): Promise<ImageHeader> {
  requireImage(media);
  const outcome = await sharedDecoder().run(media.bytes, null, signal);
  if (outcome.type !== 'inspected') throw failure(media, outcome, defaultDecoderLimits);
  return { width: outcome.width, height: outcome.height, pages: outcome.pages };
}

/** Ends the decoding process; the next picture starts another. Safe to call twice. */
export async function closeMedia(): Promise<void> {
  const decoder = shared;
  shared = null;
  await decoder?.close();
}

function subjectOf(media: Media): string {
  return media.name === undefined ? `The ${media.mediaType} medium ${media.id.slice(0, 8)}` : `"${media.name}"`;
}

function requireImage(media: Media): void {
  const readings = readingsOf(media.bytes);
  if (readings.some(({ mediaType }) => imageMediaTypes.includes(mediaType))) return;
  const mediaType = readings[0]?.mediaType;
  const got = media.bytes.length === 0 ? 'is empty (0 bytes)' : `is ${mediaType ?? 'of no known format'} by its content`;
  throw new AnymodalError('bad_media', `${subjectOf(media)} ${got}; expected a picture: ${imageMediaTypes.join(', ')}.`);
}

function failure(media: Media, outcome: DecoderOutcome, limits: DecoderLimits): AnymodalError {
  const subject = subjectOf(media);
  switch (outcome.type) {
    case 'too-many-pixels':
      return new AnymodalError('bad_media', `${subject} is ${outcome.width}x${outcome.height}, ${megapixels(outcome.width * outcome.height)}; at most ${megapixels(limits.maxPixels)} are read. Scale it down first.`);
    case 'damaged':
      return new AnymodalError('bad_media', outcome.reason === 'truncated'
        ? `${subject} ends before its picture does; expected a complete file. Copy or download it again.`
        : `${subject} is damaged or uses a variant of ${media.mediaType} that is not read. Open it in a picture editor and save it as png.`, { cause: new Error(outcome.detail) });
    case 'timeout':
      return new AnymodalError('bad_media', `${subject} took longer than ${limits.timeoutMs / 1000} s to decode and was given up. Scale it down first.`);
    case 'memory':
      return new AnymodalError('bad_media', `${subject} needs more memory than the ${Math.round(limits.maxResidentBytes / 2 ** 20)} MiB a picture may take. Scale it down first.`);
    case 'crash':
      return new AnymodalError('bad_media', `${subject} ended the decoding process; it is damaged or hostile. Open it in a picture editor and save it as png.`);
    default:
      return new AnymodalError('internal', `The decoding process answered "${outcome.type}" for ${subject}.`);
  }
}

function megapixels(count: number): string {
  return `${Math.round(count / 100_000) / 10} megapixels`;
}
