// Pictures by libvips, with nothing but the loaders that are needed. Part of the limited process; knows no limits of time or memory.
import type { Sharp, SharpOptions } from 'sharp';
import { pngFrames } from '../containers.ts';
import { resizePixels } from '../resize.ts';
import type { PixelSource, Target } from '../resize.ts';
import { requirePixels } from './refusal.ts';

const LOADERS = ['Png', 'Jpeg', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((name) => `VipsForeignLoad${name}Buffer`);

/** One call of it opens one picture; other loaders, caches and threads are off. */
export async function loadSharp(): Promise<(bytes: Buffer, options: SharpOptions) => Sharp> {
  const { default: sharp } = await import('sharp');
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

export async function inspectPicture(bytes: Buffer, maxPixels: number): Promise<{ width: number; height: number; pages: number }> {
  const sharp = await loadSharp();
  const header = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
  requirePixels(header.width, header.pageHeight ?? header.height, maxPixels);
  const upright = header.autoOrient;
  return { width: upright.width, height: header.pageHeight ?? upright.height, pages: header.pages ?? pngFrames(bytes) };
}

/** [height, width, 3] uint8 of a picture, or of the first of several. */
export async function decodePicture(bytes: Buffer, target: Target, maxPixels: number): Promise<Uint8Array> {
  await inspectPicture(bytes, maxPixels);
  return resizePixels(await decodePage(bytes, 0, maxPixels), target);
}

/** One page, upright, in sRGB. */
export async function decodePage(bytes: Buffer, page: number, maxPixels: number): Promise<PixelSource> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'truncated', page, pages: 1 })
    .autoOrient()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3 && info.channels !== 4) throw new Error(`decoded to ${info.channels} channels`);
  return { width: info.width, height: info.height, channels: info.channels, pixels: data };
}
