// Strangers' pictures: each comes out as it looks in a viewer, or as an error that says what is wrong.
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { closeMedia, decodeImage, inspectImage, mediaFromBytes } from '../../media/index.ts';
import { AnymodalError } from '../../src/errors.ts';
import { animatedPng, blue, claimedPng, distance, green, picture, pixelAt, red, solid, threeColours, white } from './pictures.ts';

afterAll(closeMedia);

async function decode(bytes: Uint8Array, width: number, height: number, fit: 'cover' | 'contain' | 'fill' = 'fill', background = white) {
  return decodeImage(await mediaFromBytes(bytes, 'picture', { as: 'image' }), { width, height, fit, background });
}

/** The picture as a camera held that way stores it; where its pixel (x, y) belongs is the table of EXIF 3.0, section 4.6.5.1.6. */
function storedAs(orientation: number, upright: Uint8Array, width: number, height: number) {
  const [w, h] = orientation < 5 ? [width, height] : [height, width];
  const stored = new Uint8Array(upright.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const places = [[x, y], [w - 1 - x, y], [w - 1 - x, h - 1 - y], [x, h - 1 - y], [y, x], [h - 1 - y, x], [h - 1 - y, w - 1 - x], [y, w - 1 - x]] as const;
      const [column, row] = places[orientation - 1]!;
      const from = (row * width + column) * 3;
      stored.set(upright.subarray(from, from + 3), (y * w + x) * 3);
    }
  }
  return picture(stored, w, h);
}

describe('orientation', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i is applied', async (orientation) => {
    const file = await sharp(await storedAs(orientation, threeColours(24, 16), 24, 16).png().toBuffer()).withMetadata({ orientation }).png().toBuffer();
    const media = await mediaFromBytes(file);
    expect(await inspectImage(media)).toEqual({ width: 24, height: 16, pages: 1 });
    const image = await decode(file, 24, 16);
    expect([pixelAt(image, 2, 1), pixelAt(image, 2, 12), pixelAt(image, 21, 12)]).toEqual([[...green], [...red], [...blue]]);
  });
});

describe('colour', () => {
  test('transparent pixels show the background, half transparent ones half of it', async () => {
    const file = await picture(new Uint8Array([200, 30, 40, 0, 200, 30, 40, 128, 200, 30, 40, 255]), 3, 1, 4).png().toBuffer();
    const image = await decode(file, 3, 1, 'fill', [0, 255, 0]);
    expect(pixelAt(image, 0, 0)).toEqual([0, 255, 0]);
    expect(distance(pixelAt(image, 1, 0), [100, 142, 20])).toBeLessThanOrEqual(1);
    expect(pixelAt(image, 2, 0)).toEqual([200, 30, 40]);
  });

  test('a wide-gamut profile is converted to sRGB', async () => {
    const file = await solid(green, 8, 8).withIccProfile('p3').png().toBuffer();
    const raw = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    expect(distance([...raw.subarray(0, 3)], green)).toBeGreaterThan(10);
    expect(distance(pixelAt(await decode(file, 8, 8), 4, 4), green)).toBeLessThanOrEqual(3);
  });

  test('CMYK jpeg with and without a profile', async () => {
    const cmyk = solid([200, 100, 100], 16, 16).toColourspace('cmyk');
    const withProfile = await cmyk.clone().withIccProfile('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(withProfile).metadata()).space).toBe('cmyk');
    expect(distance(pixelAt(await decode(withProfile, 16, 16), 8, 8), [200, 100, 100])).toBeLessThan(25);
    const without = await cmyk.clone().jpeg({ quality: 95 }).toBuffer();
    expect(distance(pixelAt(await decode(without, 16, 16), 8, 8), [200, 100, 100])).toBeLessThan(40);
  });

  test('16 bits a channel', async () => {
    const file = await picture(threeColours(8, 8), 8, 8).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    expect(pixelAt(await decode(file, 8, 8), 1, 6)).toEqual([...red]);
  });

  test.each([['grey', 1, [90]], ['grey with alpha', 2, [90, 255]]] as const)('%s', async (_, channels, values) => {
    const file = await picture(new Uint8Array([...values, ...values]), 2, 1, channels).toColourspace('b-w').png().toBuffer();
    expect((await sharp(file).metadata()).channels).toBe(channels);
    expect(pixelAt(await decode(file, 2, 1), 1, 0)).toEqual([90, 90, 90]);
  });

  test('16-bit grey and a palette', async () => {
    const grey = await picture(new Uint8Array(16).fill(90), 4, 4, 1).toColourspace('grey16').png().toBuffer();
    expect((await sharp(grey).metadata()).depth).toBe('ushort');
    expect(distance(pixelAt(await decode(grey, 4, 4), 2, 2), [90, 90, 90])).toBeLessThanOrEqual(1);
    const palette = await picture(threeColours(8, 8), 8, 8).png({ palette: true, colours: 8 }).toBuffer();
    expect(distance(pixelAt(await decode(palette, 8, 8), 6, 6), blue)).toBeLessThanOrEqual(4);
  });
});

describe('formats', () => {
  test.each(['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const)('%s', async (format) => {
    const file = await picture(threeColours(32, 32), 32, 32)[format]().toBuffer();
    const media = await mediaFromBytes(file);
    expect(media.mediaType).toBe(`image/${format}`);
    expect(await inspectImage(media)).toEqual({ width: 32, height: 32, pages: 1 });
    const image = await decode(file, 32, 32);
    expect(distance(pixelAt(image, 6, 24), red)).toBeLessThan(30);
    expect(distance(pixelAt(image, 26, 24), blue)).toBeLessThan(30);
  });

  test.each(['gif', 'webp'] as const)('the first frame of an animated %s', async (format) => {
    const frames = new Uint8Array(16 * 48 * 3);
    [red, green, blue].forEach((colour, frame) => { for (let i = 0; i < 16 * 16; i++) frames.set(colour, (frame * 256 + i) * 3); });
    const animation = sharp(frames, { raw: { width: 16, height: 48, channels: 3, pageHeight: 16 } });
    const file = await (format === 'gif' ? animation.gif({ delay: [100, 100, 100] }) : animation.webp({ delay: [100, 100, 100], lossless: true })).toBuffer();
    const media = await mediaFromBytes(file, undefined, { as: 'image' });
    expect(await inspectImage(media)).toEqual({ width: 16, height: 16, pages: 3 });
    expect(distance(pixelAt(await decode(file, 16, 16), 8, 8), red)).toBeLessThanOrEqual(4);
  });

  test('the first frame of an animated png', async () => {
    const file = animatedPng(await solid(red, 16, 16).png({ palette: false }).toBuffer(), 16, 16);
    expect(await inspectImage(await mediaFromBytes(file, undefined, { as: 'image' }))).toEqual({ width: 16, height: 16, pages: 2 });
    expect(pixelAt(await decode(file, 16, 16), 8, 8)).toEqual([...red]);
  });
});

describe('size', () => {
  test('contain shows the whole picture on background, cover cuts, fill stretches', async () => {
    const file = await picture(threeColours(40, 20), 40, 20).png().toBuffer();
    const contained = await decode(file, 20, 20, 'contain');
    expect([pixelAt(contained, 2, 2), pixelAt(contained, 2, 17), pixelAt(contained, 2, 12)]).toEqual([[...white], [...white], [...red]]);
    const covered = await decode(file, 20, 20, 'cover');
    expect([pixelAt(covered, 0, 2), pixelAt(covered, 0, 10), pixelAt(covered, 19, 10)]).toEqual([[...green], [...red], [...blue]]);
    const filled = await decode(file, 20, 20, 'fill');
    expect([pixelAt(filled, 10, 1), pixelAt(filled, 2, 19), pixelAt(filled, 17, 19)]).toEqual([[...green], [...red], [...blue]]);
  });

  test('an extreme shape survives', async () => {
    const file = await solid(red, 3000, 1).png().toBuffer();
    const image = await decode(file, 30, 30, 'contain');
    expect(pixelAt(image, 15, 2)).toEqual([...white]);
    expect(pixelAt(image, 15, 14)).toEqual([...red]);
  });
});

/** The message of the error that decoding ends with. */
async function message(bytes: Uint8Array, name = 'apple.png'): Promise<string> {
  try {
    await decodeImage(await mediaFromBytes(bytes, name), { width: 8, height: 8, fit: 'fill', background: white });
  } catch (error) {
    if (error instanceof AnymodalError && error.code === 'bad_media') return error.message;
    throw error;
  }
  throw new Error('it was read');
}

describe('what cannot be read', () => {
  test.each(['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const)('a truncated %s', async (format) => {
    const noise = new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7919) % 256);
    const file = await picture(noise, 64, 64)[format]().toBuffer();
    expect(await message(file.subarray(0, Math.floor(file.length * 0.6)))).toMatch(/^"apple.png" (ends before its picture does|is damaged)/);
  });

  test('an empty file', async () => {
    expect(await message(new Uint8Array(0))).toMatch(/^"apple.png" is empty \(0 bytes\); expected a picture \(png/);
  });

  test('text named .png', async () => {
    expect(await message(new TextEncoder().encode('Dear diary, today I drew an äpple.'))).toMatch(/^"apple.png" is plain text.*expected a picture/);
  });

  test('an SVG drawing, a bmp and unknown bytes, each with its reason', async () => {
    expect(await message(new TextEncoder().encode('<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'))).toContain('SVG');
    expect(await message(Buffer.concat([Buffer.from('BM\0\0\0\0\0\0\0\0'), Buffer.from([54, 0, 0, 0, 40, 0, 0, 0]), Buffer.alloc(40)]))).toContain('bmp');
    expect(await message(new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]))).toContain('of no known format');
  });

  test('a header that claims 100 megapixels', async () => {
    expect(await message(claimedPng(10_000, 10_000))).toBe('"apple.png" is 10000x10000, 100 megapixels; at most 64 megapixels are read. Scale it down first.');
  });

  test('a picture of 100 megapixels in few bytes', async () => {
    const bomb = await solid(red, 10_000, 10_000).png().toBuffer();
    expect(bomb.length).toBeLessThan(2_000_000);
    expect(await message(bomb)).toContain('100 megapixels');
  });

  test('garbage behind a png signature', async () => {
    expect(await message(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200, 7)]))).toContain('"apple.png" is damaged');
  });

  test('a medium that is no picture', async () => {
    const wav = await mediaFromBytes(Buffer.from('RIFF\0\0\0\0WAVEfmt '), 'bark.wav');
    await expect(decodeImage(wav, { width: 8, height: 8, fit: 'fill', background: white })).rejects.toThrow('"bark.wav" is audio/wav by its content; expected a picture');
  });
});
