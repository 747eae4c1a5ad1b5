// What a FLAC needs so that it holds exactly the samples that went in: a shorter last frame, and the MD5 of the samples.
// Knows the container; the codec's other frames come from elsewhere. Source: RFC 9639.
import { createHash } from 'node:crypto';
import { crc16, crc8 } from './checksums.ts';

/** A frame of fewer samples than the others, stored as they are; mono, 16 bits. `padded` is the encoder's frame at `index`, whose place it takes. */
export function verbatimFrame(samples: Int16Array, index: number, padded: Uint8Array): Uint8Array {
  // All frames of a file must state their rate in the same way, or ffmpeg takes this one for junk.
  const number = codedNumber(index);
  const [sizeCode, rateCode] = [padded[2]! >> 4, padded[2]! & 15];
  const rateAt = 4 + number.length + (sizeCode === 7 ? 2 : sizeCode === 6 ? 1 : 0);
  const rate = padded.subarray(rateAt, rateAt + (rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0));
  // 7: the count of samples follows in 16 bits. In a stream of frames of one size the last may be shorter (section 9.1).
  const head = [padded[0]!, padded[1]!, 0x70 | rateCode, padded[3]!, ...number, (samples.length - 1) >> 8, (samples.length - 1) & 255, ...rate];
  const frame = Buffer.alloc(head.length + 2 + samples.length * 2 + 2);
  frame.set(head);
  frame[head.length] = crc8(frame.subarray(0, head.length));
  frame[head.length + 1] = 0x02; // A verbatim subframe.
  samples.forEach((sample, i) => frame.writeInt16BE(sample, head.length + 2 + i * 2));
  frame.writeUInt16BE(crc16(frame.subarray(0, -2), 'flac'), frame.length - 2);
  return new Uint8Array(frame);
}

/**
 * Puts right what the stream's information (section 8.2), the first block, says: the MD5 of the samples, and the size of all frames but the last, which
 * cannot be told from the frames where there is one alone.
 */
export function withStreamInformation(file: Uint8Array, samples: Int16Array, frameSize: number): Uint8Array {
  const pcm = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, i) => pcm.writeInt16LE(sample, i * 2));
  const bytes = Buffer.from(file);
  bytes.writeUInt16BE(frameSize, 8);
  bytes.writeUInt16BE(frameSize, 10);
  bytes.set(createHash('md5').update(pcm).digest(), 26);
  return new Uint8Array(bytes);
}

/** A number as UTF-8 would write a character of that code (section 9.1.5), here up to 16 bits. */
function codedNumber(value: number): number[] {
  if (value < 0x80) return [value];
  if (value < 0x800) return [0xc0 | (value >> 6), 0x80 | (value & 63)];
  return [0xe0 | (value >> 12), 0x80 | ((value >> 6) & 63), 0x80 | (value & 63)];
}
