// Pictures to pixels: the functions that the rest of the house calls.
// The decoding itself is in the limited process behind `shared-decoder`; knows no format.
import type { Media } from '../src/contracts.ts';
import type { Fit } from './resize.ts';
import { failureOf, requireReadable, sharedDecoding } from './shared-decoder.ts';
import type { Decoding } from './shared-decoder.ts';
import { imageMediaTypes } from './sniff.ts';

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

/**
 * Pixels of a picture at the size asked for: orientation applied, colour profile converted to sRGB, 8 bits, over the background, Lanczos kernel of three lobes
 * (`resize.ts`). The first frame of an animation. Result is owned by the caller.
 * @throws AnymodalError `bad_media` for damaged, cut or too large pictures, `aborted`.
 */
export async function decodeImage(media: Media, size: ImageSize, signal?: AbortSignal): Promise<DecodedImage> {
  return decodeImageWith(sharedDecoding(), media, size, signal);
}

/** `decodeImage` by a decoder of one's own. */
export async function decodeImageWith({ decoder, limits }: Decoding, media: Media, size: ImageSize, signal?: AbortSignal): Promise<DecodedImage> {
  requireReadable(media, 'picture', imageMediaTypes);
  const outcome = await decoder.run(media.bytes, { type: 'decode-image', target: size }, signal);
  if (outcome.type !== 'image') throw failureOf(media, 'picture', outcome, limits);
  return { width: size.width, height: size.height, pixels: outcome.pixels };
}

/**
 * Size and number of frames by the header alone; the pixels may still turn out to be damaged.
 * @throws AnymodalError `bad_media` where the header cannot be read or claims more pixels than are decoded, `aborted`.
 */
export async function inspectImage(media: Media, signal?: AbortSignal): Promise<ImageHeader> {
  requireReadable(media, 'picture', imageMediaTypes);
  const { decoder, limits } = sharedDecoding();
  const outcome = await decoder.run(media.bytes, { type: 'inspect-image' }, signal);
  if (outcome.type !== 'image-header') throw failureOf(media, 'picture', outcome, limits);
  return { width: outcome.width, height: outcome.height, pages: outcome.pages };
}
