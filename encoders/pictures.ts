// Pictures in their own size, for encoders whose published loaders resize them in a way of their own.
// Knows the media room; no network.

import { decodeImage, inspectImage } from '../media/index.ts';
import type { Media } from '../src/contracts.ts';
import type { Plane } from './resampling.ts';

/** [height, width, 3] uint8, the first frame, over `background`. Throws `bad_media`, `aborted`. */
export async function wholePicture(media: Media, background: readonly [number, number, number], signal: AbortSignal): Promise<Plane<Uint8Array>> {
  const { width, height } = await inspectImage(media, signal);
  const { pixels } = await decodeImage(media, { width, height, fit: 'fill', background }, signal);
  return { width, height, channels: 3, data: pixels };
}

/** Brightness of each pixel, [height, width] uint8: ITU-R 601-2 in whole numbers, as Pillow's mode L. */
export function brightness({ width, height, data }: Plane<Uint8Array>): Plane<Uint8Array> {
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i += 1) grey[i] = (data[3 * i]! * 19595 + data[3 * i + 1]! * 38470 + data[3 * i + 2]! * 7471 + 0x8000) >>> 16;
  return { width, height, channels: 1, data: grey };
}
