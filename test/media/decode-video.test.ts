// Strangers' videos of every format that is read: right frames at right times, upright, in right colours, and no more of them than is needed.
import { readFileSync } from 'node:fs';
import { BufferSource, BufferTarget, EncodedPacket, EncodedPacketSink, EncodedVideoPacketSource, Input, MP4, Mp4OutputFormat, Output } from 'mediabunny';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { closeMedia, decodeImage, decodeVideo, inspectVideo, mediaFromBytes } from '../../media/index.ts';
import type { VideoFrames } from '../../media/index.ts';
import { distance, pixelAt, pngChunk, white } from './pictures.ts';

afterAll(closeMedia);

const bytesOf = (name: string) => readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url));
const read = async (name: string) => mediaFromBytes(bytesOf(name), name);
const films = ['film.mp4', 'film.webm', 'film.mkv', 'film.gif', 'film.webp', 'film.png', 'fragments.mp4'];
/** When the first frame begins. */
const starts: Readonly<Record<string, number>> = { 'film.mkv': 0.023, 'film.webm': 0.007, 'fragments.mp4': 0.2 };

const full = (times: VideoFrames['times'], width = 64, height = 48): VideoFrames => ({ width, height, fit: 'fill', background: white, times });

/** Number of a frame of the film by its grey. */
function numberOf(pixels: Uint8Array, width = 64, height = 48): number {
  return Math.round(pixelAt({ width, pixels }, width - 8, height - 8)[1]! / 20);
}

describe('films', () => {
  test.each(films)('%s has its length, size and frames', async (name) => {
    const media = await read(name);
    expect(media.modality).toBe('video');
    const start = starts[name] ?? 0;
    expect(await inspectVideo(media)).toEqual({ seconds: expect.closeTo(1.2 + start, 2), width: 64, height: 48, frames: 12, hasSound: /mp4|webm|mkv/.test(name) && name !== 'fragments.mp4' });
  });

  test.each(films)('each frame of %s is where it belongs, in its colours', async (name) => {
    const start = starts[name] ?? 0;
    const times = Array.from({ length: 12 }, (_, frame) => start + frame / 10);
    const { frames, times: given, seconds } = await decodeVideo(await read(name), full(times));
    expect(seconds).toBeCloseTo(1.2 + start, 2);
    expect(given).toEqual(times.map((time) => expect.closeTo(time, 5)));
    expect(frames.map((pixels) => numberOf(pixels))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    frames.forEach((pixels, frame) => {
      expect(distance(pixelAt({ width: 64, pixels }, 10, 10), [255, 20 * frame, 20 * frame])).toBeLessThanOrEqual(6);
      expect(distance(pixelAt({ width: 64, pixels }, 50, 10), [20 * frame, 20 * frame, 20 * frame])).toBeLessThanOrEqual(6);
    });
  });

  test.each(films)('quarters of %s are the frames at their middles', async (name) => {
    const { frames, times } = await decodeVideo(await read(name), full('quarters'));
    expect(frames.map((pixels) => numberOf(pixels))).toEqual([1, 4, 7, 10]);
    expect(times).toEqual([0.15, 0.45, 0.75, 1.05].map((time) => expect.closeTo(time + (starts[name] ?? 0), 2)));
  });

  test.each(films)('times of %s in any order, twice, and outside', async (name) => {
    const start = starts[name] ?? 0;
    const { frames, times } = await decodeVideo(await read(name), full([99, start + 0.75, -1, start + 0.75, start + 0.31]));
    expect(frames.map((pixels) => numberOf(pixels))).toEqual([11, 7, 0, 7, 3]);
    expect(times.slice(1, 4)).toEqual([expect.closeTo(start + 0.75, 5), expect.closeTo(start, 5), expect.closeTo(start + 0.75, 5)]);
    expect(frames[1]).not.toBe(frames[3]);
  });

  test('a rotation is applied', async () => {
    const media = await read('turned.mov');
    expect(await inspectVideo(media)).toMatchObject({ width: 48, height: 64 });
    const { frames } = await decodeVideo(media, full([0.5], 48, 64));
    const corners = [[4, 4], [44, 4], [4, 60], [44, 60]].map(([x, y]) => pixelAt({ width: 48, pixels: frames[0]! }, x!, y!));
    expect(corners.map(([red, green]) => red! - green! > 100)).toEqual([false, false, true, false]);
  });

  test('frames of different length', async () => {
    const media = await read('paced.mp4');
    expect((await inspectVideo(media)).frames).toBe(12);
    const { frames } = await decodeVideo(media, full([0, 0.09, 0.1, 0.29, 0.3, 0.59, 0.6, 3, 5.49, 5.5, 6.5]));
    expect(frames.map((pixels) => numberOf(pixels))).toEqual([0, 0, 1, 1, 2, 2, 3, 7, 9, 10, 10]);
  });

  test('odd sizes', async () => {
    const media = await read('odd.webm');
    expect(await inspectVideo(media)).toMatchObject({ width: 65, height: 49, frames: 12 });
    const { frames } = await decodeVideo(media, full([0.5], 65, 49));
    expect(numberOf(frames[0]!, 65, 49)).toBe(5);
    expect(distance(pixelAt({ width: 65, pixels: frames[0]! }, 64, 48), [100, 100, 100])).toBeLessThanOrEqual(6);
  });

  test('ten bits, full range and the colours of high definition', async () => {
    const { frames } = await decodeVideo(await read('deep.mp4'), full([0.5]));
    expect(distance(pixelAt({ width: 64, pixels: frames[0]! }, 10, 10), [255, 100, 100])).toBeLessThanOrEqual(6);
    expect(distance(pixelAt({ width: 64, pixels: frames[0]! }, 50, 40), [100, 100, 100])).toBeLessThanOrEqual(6);
  });

  test('frames are resized as pictures are', async () => {
    const size = { width: 20, height: 20, fit: 'contain', background: [0, 0, 255] } as const;
    const { frames } = await decodeVideo(await read('film.png'), { ...size, times: [0.4] });
    const frame = Buffer.from((await decodeVideo(await read('film.png'), full([0.4]))).frames[0]!);
    const png = await sharp(frame, { raw: { width: 64, height: 48, channels: 3 } }).png().toBuffer();
    expect(frames[0]).toEqual((await decodeImage(await mediaFromBytes(png), size)).pixels);
  });
});

/** Three hours of the film, 4 frames a second, which no one wants decoded whole. */
async function threeHours(): Promise<Uint8Array> {
  const input = new Input({ formats: [MP4], source: new BufferSource(bytesOf('film.mp4')) });
  const track = (await input.getPrimaryVideoTrack())!;
  const packets: EncodedPacket[] = [];
  for await (const packet of new EncodedPacketSink(track).packets()) packets.push(packet);
  const decoderConfig = (await track.getDecoderConfig())!;
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target: new BufferTarget() });
  const source = new EncodedVideoPacketSource('avc');
  output.addVideoTrack(source);
  await output.start();
  for (let round = 0; round < 3600; round += 1) {
    for (const { data, type, timestamp } of packets) await source.add(new EncodedPacket(data, type, round * 3 + timestamp * 2.5, 0.25), { decoderConfig });
  }
  await output.finalize();
  input.dispose();
  return new Uint8Array(output.target.buffer!);
}

test('of three hours no more is decoded than leads to the frames', async () => {
  const media = await mediaFromBytes(await threeHours());
  expect(await inspectVideo(media)).toEqual({ seconds: 10_800, width: 64, height: 48, frames: 43_200, hasSound: false });
  const { frames, times } = await decodeVideo(media, full('quarters'));
  expect(times).toEqual([1350, 4050, 6750, 9450]);
  expect(frames.map((pixels) => numberOf(pixels))).toEqual([0, 0, 0, 0]);
  expect(numberOf((await decodeVideo(media, full([10_000.3]))).frames[0]!)).toBe(5);
});

/** A part of an animated png: chunk fcTL, then its pixels. */
async function part(sequence: number, rgba: readonly number[], [left, top, width, height]: readonly number[], [dispose, blend]: readonly number[]): Promise<Buffer> {
  const control = Buffer.alloc(26);
  [sequence, width!, height!, left!, top!].forEach((value, i) => control.writeUInt32BE(value, 4 * i));
  control.writeUInt16BE(1, 20);
  control.writeUInt16BE(10, 22);
  control.set([dispose!, blend!], 24);
  const png = await sharp(Buffer.from(Array.from({ length: width! * height! }, () => rgba).flat()), { raw: { width: width!, height: height!, channels: 4 } }).png().toBuffer();
  const at = png.indexOf('IDAT');
  const data = png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
  const order = Buffer.alloc(4);
  order.writeUInt32BE(sequence + 1);
  return Buffer.concat([pngChunk('fcTL', control), sequence === 0 ? pngChunk('IDAT', data) : pngChunk('fdAT', Buffer.concat([order, data]))]);
}

describe('animations', () => {
  const strip = new Uint8Array(16 * 16 * 3 * 3);
  [10, 110, 210].forEach((grey, frame) => strip.fill(grey, frame * 768, (frame + 1) * 768));
  const animation = (delay: number[]) => sharp(strip, { raw: { width: 16, height: 48, channels: 3, pageHeight: 16 } }).gif({ delay });

  test('each frame stays as long as it says, and a tenth of a second where that is too short to be meant', async () => {
    const media = await mediaFromBytes(await animation([500, 0, 200]).toBuffer());
    expect(await inspectVideo(media)).toMatchObject({ seconds: 0.8, frames: 3 });
    const { frames } = await decodeVideo(media, full([0.49, 0.51, 0.59, 0.61], 16, 16));
    expect(frames.map((pixels) => Math.round(pixels[0]! / 100))).toEqual([0, 1, 1, 2]);
  });

  test('an animation given as a picture is its first frame', async () => {
    const media = await mediaFromBytes(await animation([100, 100, 100]).toBuffer(), 'a.gif', { as: 'image' });
    expect(media).toMatchObject({ modality: 'image', mediaType: 'image/gif' });
    expect((await decodeImage(media, { width: 16, height: 16, fit: 'fill', background: white })).pixels[0]).toBeLessThan(20);
  });

  test('the parts of an animated png are laid over one another and taken away again', async () => {
    const plain = await sharp({ create: { width: 4, height: 2, channels: 4, background: '#fff' } }).png().toBuffer();
    const declared = Buffer.alloc(8);
    declared.writeUInt32BE(5);
    const media = await mediaFromBytes(Buffer.concat([
      plain.subarray(0, 33), pngChunk('acTL', declared),
      await part(0, [0, 0, 0, 255], [0, 0, 4, 2], [0, 0]),
      await part(1, [255, 0, 0, 255], [0, 0, 2, 2], [2, 0]), // brought back
      await part(3, [0, 255, 0, 128], [2, 0, 2, 2], [1, 1]), // laid over, then cleared
      await part(5, [0, 0, 255, 255], [0, 0, 1, 1], [0, 1]),
      await part(7, [9, 9, 9, 0], [0, 0, 1, 1], [0, 0]), // replaces with nothing
      plain.subarray(-12),
    ]));
    expect(media.mediaType).toBe('image/apng');
    const { frames } = await decodeVideo(media, { width: 4, height: 2, fit: 'fill', background: white, times: [0.05, 0.15, 0.25, 0.35, 0.45] });
    const seen = frames.map((pixels) => [pixelAt({ width: 4, pixels }, 0, 0), pixelAt({ width: 4, pixels }, 3, 0)]);
    const black = [0, 0, 0];
    expect(seen).toEqual([[black, black], [[255, 0, 0], black], [black, [0, 128, 0]], [[0, 0, 255], [...white]], [[...white], [...white]]]);
  });
});
