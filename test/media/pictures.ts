// Pictures made for the tests: what cameras, editors and hostile people send.
// Made with sharp in the test's own process; holds no expectations.
import { deflateSync, crc32 } from 'node:zlib';
import sharp from 'sharp';

export type Colour = readonly [number, number, number];
export const red: Colour = [200, 30, 40];
export const green: Colour = [20, 160, 60];
export const blue: Colour = [30, 60, 210];
export const white: Colour = [255, 255, 255];

/** Left half red, right half blue, top quarter green: each orientation looks different. */
export function threeColours(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.set(y < height / 4 ? green : x < width / 2 ? red : blue, (y * width + x) * 3);
  return pixels;
}

export function picture(pixels: Uint8Array, width: number, height: number, channels: 1 | 2 | 3 | 4 = 3) {
  return sharp(pixels, { raw: { width, height, channels } });
}

export function solid(colour: Colour, width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: { r: colour[0], g: colour[1], b: colour[2] } } });
}

/** One pixel of [height, width, 3]. */
export function pixelAt(image: { width: number; pixels: Uint8Array }, x: number, y: number): number[] {
  return [...image.pixels.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3)];
}

/** Largest difference of a channel. */
export function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
}

export function pngChunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A png that claims a size and holds a few bytes of pixels. */
export function claimedPng(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(Buffer.alloc(100))), pngChunk('IEND', Buffer.alloc(0))]);
}

/** Turns a png into an animated one of two frames by declaring so behind its header; the default picture is the first frame. */
export function animatedPng(png: Uint8Array, width: number, height: number): Uint8Array {
  const control = Buffer.alloc(8);
  control.writeUInt32BE(2);
  const frame = (sequence: number) => {
    const data = Buffer.alloc(26);
    data.writeUInt32BE(sequence);
    data.writeUInt32BE(width, 4);
    data.writeUInt32BE(height, 8);
    data.writeUInt16BE(1, 20);
    data.writeUInt16BE(10, 22);
    return pngChunk('fcTL', data);
  };
  const sequence = Buffer.alloc(4);
  sequence.writeUInt32BE(2);
  const second = pngChunk('fdAT', Buffer.concat([sequence, deflateSync(Buffer.alloc((width * 3 + 1) * height))]));
  return Buffer.concat([png.subarray(0, 33), pngChunk('acTL', control), frame(0), png.subarray(33, -12), frame(1), second, png.subarray(-12)]);
}
