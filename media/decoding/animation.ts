// Frames of animated gif and webp at stated times, by libvips, and of animated png. Part of the limited process; knows delays, no codec.
import { loadSharp, decodePage } from './picture.ts';
import { rounded } from './container.ts';
import type { Film } from './frames.ts';
import { openAnimatedPng } from './animated-png.ts';
import type { PixelSource } from '../resize.ts';
import { Nothing, requirePixels } from './refusal.ts';

/** Pages in a row, each with how long it stays. */
export interface Pages {
  readonly width: number;
  readonly height: number;
  /** Milliseconds a page. */
  readonly delays: readonly number[];
  /** What the format's delays are multiples of, in seconds. */
  readonly tick: number;
  /** Called with ascending numbers. */
  page(index: number): Promise<PixelSource>;
}

/** Delays up to this many milliseconds are shown as 100, as all browsers do. */
const [shortest, replaced] = [10, 100];

export async function withAnimation<T>(bytes: Buffer, maxPixels: number, use: (film: Film) => Promise<T>): Promise<T> {
  const pages = bytes[0] === 0x89 ? openAnimatedPng(bytes, maxPixels) : await openPages(bytes, maxPixels);
  const { width, height, delays, tick } = pages;
  if (delays.length === 0) throw new Nothing('holds no pictures (0 frames); expected at least one.');
  const ends: number[] = [];
  let end = 0;
  for (const delay of delays) {
    end += (delay <= shortest ? replaced : delay) / 1000;
    ends.push(rounded(end));
  }
  return use({
    width,
    height,
    count: async () => delays.length,
    hasSound: false,
    first: 0,
    end,
    tick,
    async *shots(times) {
      let shown = -1;
      let picture: PixelSource | null = null;
      for (const time of times) {
        const current = ends.findIndex((moment) => moment > time);
        const index = current === -1 ? delays.length - 1 : current;
        if (picture === null || index !== shown) picture = await pages.page(index);
        shown = index;
        yield picture;
      }
    },
  });
}

async function openPages(bytes: Buffer, maxPixels: number): Promise<Pages> {
  const sharp = await loadSharp();
  const header = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
  const height = header.pageHeight ?? header.height;
  requirePixels(header.width, height, maxPixels);
  const pages = header.pages ?? 1;
  return {
    width: header.width,
    height,
    delays: Array.from({ length: pages }, (_, i) => header.delay?.[i] ?? replaced),
    tick: header.format === 'gif' ? 0.01 : 0.001,
    page: async (index) => decodePage(bytes, index, maxPixels),
  };
}
