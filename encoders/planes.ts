// Pictures of one channel for encoders of depth and of heat: from a picture's brightness, or from an array or table of values.
// Knows shapes and the media room; what the values mean is the caller's.

import { imageMediaTypes } from '../media/index.ts';
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { nameOf } from './joint-graph.ts';
import { brightness, wholePicture } from './pictures.ts';
import { bicubicSquare, type Plane } from './resampling.ts';
import { csvMediaType, npyMediaType, readTable, type Table } from './tables.ts';

/** Media types that `planeOf` reads. */
export const planeMediaTypes: readonly string[] = [...imageMediaTypes, npyMediaType, csvMediaType];

export interface Meaning {
  /** Brightness 0..1 of a picture's pixel to what the network sees, after resizing. */
  readonly ofBrightness: (value: number) => number;
  /** Values of a table to those that are resized; may look at all of them. */
  readonly ofTable: (table: Table) => Float64Array;
  /** A resized value of a table to what the network sees. */
  readonly ofValue: (value: number) => number;
}

/** [size, size] float32: the short side by a bicubic kernel, the middle square. Throws `bad_media`, `aborted`. */
export async function planeOf(media: Media, size: number, meaning: Meaning, signal: AbortSignal): Promise<Float32Array> {
  if (imageMediaTypes.includes(media.mediaType)) {
    const { data } = bicubicSquare(brightness(await wholePicture(media, [0, 0, 0], signal)), size);
    return Float32Array.from(data, (value) => meaning.ofBrightness(value / 255));
  }
  const table = readTable(media.bytes, nameOf(media));
  const axes = [...table.shape];
  // An axis of one channel, before or behind, is no axis of the picture.
  while (axes.length > 2 && (axes[0] === 1 || axes.at(-1) === 1)) axes.splice(axes[0] === 1 ? 0 : -1, 1);
  const [height, width] = axes;
  if (height === undefined || width === undefined || axes.length !== 2) {
    throw new AnymodalError('bad_media', `${nameOf(media)} has the shape (${table.shape.join(', ')}), expected rows and columns of a picture of one channel.`);
  }
  const plane: Plane<Float32Array> = { width, height, channels: 1, data: Float32Array.from(meaning.ofTable(table)) };
  return bicubicSquare(plane, size).data.map(meaning.ofValue);
}
