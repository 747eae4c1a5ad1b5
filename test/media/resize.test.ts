// The resize against Pillow's, which the image encoder was trained with.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { closeMedia, decodeImage, mediaFromBytes } from '../../media/index.ts';
import { resizePixels } from '../../media/resize.ts';

interface Fixture {
  readonly cases: readonly { readonly image: string; readonly pixels: { readonly data: string } }[];
}
const folder = new URL('../fixtures/image-preprocessing/', import.meta.url);
const fixture: Fixture = JSON.parse(readFileSync(new URL('image-preprocessing.json', folder), 'utf8'));
afterAll(closeMedia);

describe('decodeImage agrees with the training code', () => {
  test.each(fixture.cases)('$image', async ({ image, pixels }) => {
    const bytes = Buffer.from(pixels.data, 'base64');
    const media = await mediaFromBytes(readFileSync(new URL(image, folder)));
    const decoded = await decodeImage(media, { width: 96, height: 96, fit: 'contain', background: [255, 255, 255] });
    let worst = 0;
    for (let i = 0; i < 96 * 96; i++) {
      for (let c = 0; c < 3; c++) worst = Math.max(worst, Math.abs(decoded.pixels[i * 3 + c]! - (bytes.readFloatLE((c * 96 * 96 + i) * 4) + 1) * 127.5));
    }
    // Pillow rounds its weights to 22 bits, which turns some values by one step.
    expect(worst).toBeLessThan(1.001);
  });
});

function reds(pixels: Uint8Array): number[] {
  return Array.from(pixels).filter((_, i) => i % 3 === 0);
}

describe('resizePixels', () => {
  const background = [0, 0, 0] as const;

  test('leaves a picture of the right size alone, in every fit', () => {
    const source = { width: 5, height: 3, channels: 3, pixels: new Uint8Array(45).map((_, i) => (i * 37) % 256) } as const;
    for (const fit of ['contain', 'cover', 'fill'] as const) expect(resizePixels(source, { width: 5, height: 3, fit, background })).toEqual(source.pixels);
  });

  test('keeps a constant constant at every size and fit', () => {
    const source = { width: 7, height: 13, channels: 3, pixels: new Uint8Array(7 * 13 * 3).fill(77) } as const;
    for (const fit of ['contain', 'cover', 'fill'] as const) {
      for (const [width, height] of [[1, 1], [3, 5], [7, 13], [20, 9], [64, 64]] as const) {
        expect(new Set(resizePixels(source, { width, height, fit, background: [77, 77, 77] }))).toEqual(new Set([77]));
      }
    }
  });

  test('far shrinking by way of boxes keeps place and colour, also where boxes are cut off', () => {
    const [width, height] = [1003, 997];
    const pixels = new Uint8Array(width * height * 4);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.set([(255 * (x + 0.5)) / width, (255 * (y + 0.5)) / height, 100, x < 500 ? 255 : 0], (y * width + x) * 4);
    const small = resizePixels({ width, height, channels: 4, pixels }, { width: 20, height: 20, fit: 'fill', background: [0, 200, 0] });
    for (const [x, y] of [[3, 4], [4, 10], [6, 15]] as const) {
      const at = (y * 20 + x) * 3;
      expect(Math.abs(small[at]! - (255 * (x + 0.5)) / 20)).toBeLessThan(1.6);
      expect(Math.abs(small[at + 1]! - (255 * (y + 0.5)) / 20)).toBeLessThan(1.6);
      expect(small[at + 2]).toBe(100);
    }
    expect([...small.subarray((10 * 20 + 15) * 3, (10 * 20 + 15) * 3 + 3)]).toEqual([0, 200, 0]);
  });

  test('centres a contained picture, the odd pixel to the bottom right', () => {
    const source = { width: 2, height: 1, channels: 3, pixels: new Uint8Array(6).fill(200) } as const;
    expect(reds(resizePixels(source, { width: 2, height: 4, fit: 'contain', background }))).toEqual([0, 0, 200, 200, 0, 0, 0, 0]);
  });

  test('cuts the middle for cover', () => {
    const source = { width: 6, height: 2, channels: 3, pixels: new Uint8Array(36).map((_, i) => [10, 20, 30, 40, 50, 60][Math.floor(i / 3) % 6]!) } as const;
    expect(reds(resizePixels(source, { width: 2, height: 2, fit: 'cover', background }))).toEqual([30, 40, 30, 40]);
  });

  test('is as smooth as the kernel: no pixel is lost when shrinking', () => {
    const source = { width: 64, height: 1, channels: 3, pixels: new Uint8Array(64 * 3).map((_, i) => (Math.floor(i / 3) % 2) * 255) } as const;
    for (const value of reds(resizePixels(source, { width: 8, height: 1, fit: 'fill', background })).slice(1, -1)) expect(Math.abs(value - 127.5)).toBeLessThan(4);
  });
});
