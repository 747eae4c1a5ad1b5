// Videos of any format to frames at stated times: animations by libvips, all others by the container library.
// Part of the limited process; knows which frames are wanted, no format.
import type { FrameTimes } from '../decoder-protocol.ts';
import { resizePixels } from '../resize.ts';
import type { PixelSource, Target } from '../resize.ts';
import { readingsOf } from '../sniff.ts';
import { withAnimation } from './animation.ts';
import { rounded } from './container.ts';
import { withFilm } from './film.ts';

/** An opened video. */
export interface Film {
  readonly width: number;
  readonly height: number;
  /** Number of frames, null where there are too many to count. */
  count(): Promise<number | null>;
  readonly hasSound: boolean;
  /** When the first frame begins and the last one ends, in seconds. */
  readonly first: number;
  readonly end: number;
  /** What the file's clock can tell apart, in seconds. */
  readonly tick: number;
  /** The frame that is shown at each of the ascending times, upright and with square pixels; the same object for the same frame in a row. */
  shots(times: readonly number[]): AsyncGenerator<PixelSource>;
}

export async function inspectFrames(bytes: Buffer, maxPixels: number): Promise<{ seconds: number; width: number; height: number; frames: number | null; hasSound: boolean }> {
  return opened(bytes, maxPixels, async (film) => ({ seconds: rounded(film.end), width: film.width, height: film.height, frames: await film.count(), hasSound: film.hasSound }));
}

/** [height, width, 3] uint8 each, in the order of the times. */
export async function decodeFrames(bytes: Buffer, target: Target, times: FrameTimes, maxPixels: number): Promise<{ frames: Uint8Array[]; times: number[]; seconds: number }> {
  return opened(bytes, maxPixels, async (film) => {
    const { first, end } = film;
    const wanted = times === 'quarters' ? [1, 3, 5, 7].map((eighth) => first + ((end - first) * eighth) / 8) : times.map((time) => Math.min(Math.max(time, first), end));
    const order = wanted.map((_, place) => place).toSorted((a, b) => wanted[a]! - wanted[b]!);
    const frames: Uint8Array[] = [];
    let last: { picture: PixelSource; pixels: Uint8Array } | null = null;
    let next = 0;
    // Frames that begin a rounding of the clock later count as begun.
    for await (const picture of film.shots(order.map((place) => wanted[place]! + film.tick / 2))) {
      const pixels: Uint8Array = last?.picture === picture ? last.pixels.slice() : resizePixels(picture, target);
      last = { picture, pixels };
      frames[order[next]!] = pixels;
      next += 1;
    }
    if (next < order.length) throw new Error('a frame is missing');
    return { frames, times: wanted.map(rounded), seconds: rounded(end) };
  });
}

async function opened<T>(bytes: Buffer, maxPixels: number, use: (film: Film) => Promise<T>): Promise<T> {
  const animated = readingsOf(bytes)[0]?.mediaType.startsWith('image/') === true;
  return animated ? withAnimation(bytes, maxPixels, use) : withFilm(bytes, maxPixels, use);
}
