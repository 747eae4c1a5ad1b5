// What a FLAC needs so that it holds exactly the samples that went in: a shorter last frame, and the MD5 of the samples.
// Knows the container; the codec's other frames come from elsewhere. Source: RFC 9639.
import { createHash } from 'node:crypto';
import { crc16, crc8 } from './checksums.ts';

/** A frame of fewer samples than the others, stored as they are: mono, 16 bits, rate and the like as the file says. */
export function verbatimFrame(samples: Int16Array, index: number): Uint8Array {
  const head = [
    0xff, 0xf8, // Frames of one size, of which the last may be shorter (section 9.1).
    0x70, // The number of samples follows in 16 bits; the rate is the file's.
    0x08, // One channel, 16 bits.
    ...codedNumber(index),
    (samples.length - 1) >> 8,
    (samples.length - 1) & 255,
  ];
  const frame = Buffer.alloc(head.length + 2 + samples.length * 2 + 2);
  frame.set(head);
  frame[head.length] = crc8(frame.subarray(0, head.length));
  frame[head.length + 1] = 0x02; // A verbatim subframe.
  samples.forEach((sample, i) => frame.writeInt16BE(sample, head.length + 2 + i * 2));
  frame.writeUInt16BE(crc16(frame.subarray(0, -2), 'flac'), frame.length - 2);
  return new Uint8Array(frame);
}

/** Writes the MD5 of the samples (section 8.2) into a file whose first block is the stream's information. */
export function withSampleHash(file: Uint8Array, samples: Int16Array): Uint8Array {
  const bytes = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, i) => bytes.writeInt16LE(sample, i * 2));
  const hashed = file.slice();
  hashed.set(createHash('md5').update(bytes).digest(), 4 + 4 + 18);
  return hashed;
}

/** A number as UTF-8 would write a character of that code (section 9.1.5), here up to 16 bits. */
function codedNumber(value: number): number[] {
  if (value < 0x80) return [value];
  if (value < 0x800) return [0xc0 | (value >> 6), 0x80 | (value & 63)];
  return [0xe0 | (value >> 12), 0x80 | ((value >> 6) & 63), 0x80 | (value & 63)];
}
