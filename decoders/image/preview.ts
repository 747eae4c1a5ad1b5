// Small pictures of what is not finished. Knows latents and how to show them quickly; nothing of steps.

import { encodeImage } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';
import type { ImageGraphs } from './graphs.ts';
import { fromPlanar, halve, linearPreview } from './pixels.ts';
import type { ImageDecoderConfig } from './settings.ts';

/** Clean latents as the model predicts them, side by side: by the linear map of the configuration, else half the size of the decoder's. */
export async function previewOf(config: Pick<ImageDecoderConfig, 'latent' | 'factor' | 'preview'>, graphs: Pick<ImageGraphs, 'decode'>, latents: readonly Float32Array[]): Promise<Media> {
  const [, rows, columns] = config.latent;
  const encoding = { provenance: null, mark: true } as const;
  if (config.preview !== undefined) {
    const map = config.preview;
    return encodeImage(sideBySide(latents.map((x_0) => linearPreview(x_0, map)), columns, rows), { ...encoding, format: 'png' });
  }
  const [width, height] = [columns * config.factor, rows * config.factor];
  const pictures: Uint8ClampedArray[] = [];
  for (const x_0 of latents) pictures.push(halve(fromPlanar(await graphs.decode(x_0)), width, height));
  return encodeImage(sideBySide(pictures, width / 2, height / 2), { ...encoding, format: 'jpeg', quality: 80 });
}

/** Pictures [height, width, 3] of one size in a row. */
function sideBySide(pictures: readonly Uint8ClampedArray[], width: number, height: number): { width: number; height: number; pixels: Uint8ClampedArray } {
  const line = 3 * width;
  const pixels = new Uint8ClampedArray(pictures.length * line * height);
  pictures.forEach((picture, index) => {
    for (let y = 0; y < height; y += 1) pixels.set(picture.subarray(y * line, (y + 1) * line), (y * pictures.length + index) * line);
  });
  return { width: pictures.length * width, height, pixels };
}
