// Frames of an animated png, laid over one another as its control chunks say. Each frame is decoded by libvips as a png of its own.
// Source: W3C, PNG Specification (Third Edition), sections 11.3.6 (animation) and 5.3 (chunks).
import { crc32 } from 'node:zlib';
import type { PixelSource } from '../resize.ts';
import type { Pages } from './animation.ts';
import { decodePage } from './picture.ts';
import { requirePixels } from './refusal.ts';

interface Chunk {
  readonly name: string;
  readonly data: Buffer;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  /** Milliseconds. */
  readonly delay: number;
  /** 0 leaves it, 1 clears its place, 2 brings back what was there. */
  readonly dispose: number;
  /** 0 replaces, 1 lays over. */
  readonly blend: number;
  readonly parts: Buffer[];
}

export function openAnimatedPng(bytes: Buffer, maxPixels: number): Pages {
  const { header, shared, frames } = readFrames(bytes);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  requirePixels(width, height, maxPixels);
  let canvas = Buffer.alloc(width * height * 4);
  let drawn = 0;
  /** What the canvas is when the next frame is due. */
  let after = canvas;

  async function draw(frame: Frame): Promise<void> {
    canvas = Buffer.from(after);
    if (frame.left + frame.width > width || frame.top + frame.height > height) throw new Error('a frame lies outside of the picture');
    const { pixels, channels } = await decodePage(pngOf(header, shared, frame), 0, maxPixels);
    const before = frame.dispose === 2 ? after : null;
    for (let y = 0; y < frame.height; y += 1) {
      for (let x = 0; x < frame.width; x += 1) {
        const to = ((frame.top + y) * width + frame.left + x) * 4;
        const from = (y * frame.width + x) * channels;
        lay(canvas, to, pixels, from, channels === 4 ? pixels[from + 3]! : 255, frame.blend === 1);
      }
    }
    after = before ?? canvas;
    if (frame.dispose === 1) {
      after = Buffer.from(canvas);
      for (let y = 0; y < frame.height; y += 1) after.fill(0, ((frame.top + y) * width + frame.left) * 4, ((frame.top + y) * width + frame.left + frame.width) * 4);
    }
  }

  return {
    width,
    height,
    delays: frames.map(({ delay }) => delay),
    tick: 0.001,
    async page(index): Promise<PixelSource> {
      for (; drawn <= index; drawn += 1) await draw(frames[drawn]!);
      return { width, height, channels: 4, pixels: canvas };
    },
  };
}

/** One pixel over another, neither with premultiplied alpha. */
function lay(canvas: Buffer, to: number, pixels: Uint8Array, from: number, alpha: number, over: boolean): void {
  const below = over ? canvas[to + 3]! * (1 - alpha / 255) : 0;
  const sum = alpha + below;
  for (let c = 0; c < 3; c += 1) canvas[to + c] = sum === 0 ? 0 : Math.round((pixels[from + c]! * alpha + canvas[to + c]! * below) / sum);
  canvas[to + 3] = Math.round(sum);
}

/** Chunks in front of the pixels that hold for all frames, and the frames with their pixels. */
function readFrames(bytes: Buffer): { header: Buffer; shared: Chunk[]; frames: Frame[] } {
  const shared: Chunk[] = [];
  const frames: Frame[] = [];
  let header: Buffer | null = null;
  let pixels = false;
  for (const { name, data } of chunks(bytes)) {
    if (name === 'IHDR' && data.length === 13) header = data;
    else if (name === 'fcTL' && data.length === 26) frames.push(frameOf(data));
    else if (name === 'fdAT' && data.length > 4) frames.at(-1)?.parts.push(data.subarray(4));
    else if (name === 'IDAT') {
      pixels = true;
      // Without a control chunk in front, the picture for readers without animation is none of the frames.
      frames.at(-1)?.parts.push(data);
    } else if (!pixels && ['PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'sBIT'].includes(name)) shared.push({ name, data });
  }
  if (header === null) throw new Error('a png without a header');
  return { header, shared, frames: frames.filter(({ parts }) => parts.length > 0) };
}

function* chunks(bytes: Buffer): Generator<Chunk> {
  for (let at = 8; ;) {
    const end = at + 12 <= bytes.length ? at + 12 + bytes.readUInt32BE(at) : Infinity;
    if (end > bytes.length) throw new Error('truncated: a chunk ends behind the file');
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (name === 'IEND') return;
    yield { name, data: bytes.subarray(at + 8, end - 4) };
    at = end;
  }
}

function frameOf(data: Buffer): Frame {
  const [numerator, denominator] = [data.readUInt16BE(20), data.readUInt16BE(22)];
  return {
    width: data.readUInt32BE(4),
    height: data.readUInt32BE(8),
    left: data.readUInt32BE(12),
    top: data.readUInt32BE(16),
    // A denominator of 0 stands for 100.
    delay: (1000 * numerator) / (denominator === 0 ? 100 : denominator),
    dispose: data.readUInt8(24),
    blend: data.readUInt8(25),
    parts: [],
  };
}

function pngOf(header: Buffer, shared: readonly Chunk[], { width, height, parts }: Frame): Buffer {
  const own = Buffer.from(header);
  own.writeUInt32BE(width, 0);
  own.writeUInt32BE(height, 4);
  const all: Chunk[] = [{ name: 'IHDR', data: own }, ...shared, ...parts.map((data) => ({ name: 'IDAT', data })), { name: 'IEND', data: Buffer.alloc(0) }];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...all.map(chunkBytes)]);
}

function chunkBytes({ name, data }: Chunk): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
