// Pictures in a row to an animated gif or webp. Knows the two formats and their metadata; needs no video codec.
import type { Clip } from './encode-video.ts';
import type { FileTags } from './provenance.ts';

/** Milliseconds that a frame can be told to stay: gif counts hundredths of a second. */
const steps = { gif: 10, webp: 1 } as const;

/** An animation that repeats for ever. */
export async function encodeAnimation({ width, height, frames, fps }: Clip, format: 'gif' | 'webp', tags: FileTags): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  const strip = new Uint8Array(frames.length * width * height * 3);
  frames.forEach((frame, i) => strip.set(frame, i * width * height * 3));
  const picture = sharp(strip, { raw: { width, height: height * frames.length, channels: 3, pageHeight: height } });
  const options = { loop: 0, delay: frameDelays(frames.length, fps, steps[format]) };
  if (format === 'gif') {
    const gif = await picture.gif({ ...options, dither: 0, effort: 3, interFrameMaxError: 2, keepDuplicateFrames: true }).toBuffer();
    return withGifTags(gif, tags);
  }
  if (tags.xmp !== null) picture.withXmp(tags.xmp);
  if (tags.settings !== null) picture.withExif({ IFD2: { UserComment: tags.settings } });
  return new Uint8Array(await picture.webp({ ...options, quality: 90, smartSubsample: true, effort: 2 }).toBuffer());
}

/** How long each frame stays, in milliseconds: multiples of `step` whose sums are never off by more than half of one. */
export function frameDelays(count: number, fps: number, step: number): number[] {
  const end = (index: number): number => Math.round((index * 1000) / fps / step) * step;
  return Array.from({ length: count }, (_, i) => end(i + 1) - end(i));
}

/** Puts a comment and a packet of XMP (XMP specification, part 3, section 1.1.2) in front of the first block behind the palette. */
function withGifTags(gif: Uint8Array, tags: FileTags): Uint8Array {
  const flags = gif[10]!;
  const at = 13 + ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
  const blocks: Uint8Array[] = [];
  if (tags.settings !== null) blocks.push(Buffer.from([0x21, 0xfe]), subBlocks(Buffer.from(tags.settings, 'latin1')));
  if (tags.xmp !== null) {
    // The packet stands as it is; a reader that takes it for sub-blocks is led out by the bytes behind it, whatever its length.
    const trailer = Uint8Array.from({ length: 258 }, (_, i) => (i === 0 ? 1 : i < 257 ? 256 - i : 0));
    blocks.push(Buffer.from('\x21\xff\x0bXMP DataXMP', 'latin1'), Buffer.from(tags.xmp), trailer);
  }
  return new Uint8Array(Buffer.concat([gif.subarray(0, at), ...blocks, gif.subarray(at)]));
}

function subBlocks(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 255) parts.push(Uint8Array.of(Math.min(255, bytes.length - at)), bytes.subarray(at, at + 255));
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}
