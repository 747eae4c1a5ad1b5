// Frames of an mp3 to a file that says how long it really is: ID3 tags, a frame with Xing's and LAME's header, the frames.
// Knows the container, not the codec. Source: LAME 3.100, doc/html and libmp3lame/VbrTag.c; ID3v2.3.0.
import { crc16 } from './checksums.ts';
import type { FileTags } from './provenance.ts';

/** What the decoder adds to the encoder's own delay, by LAME's definition. */
const decoderDelay = 529;

/**
 * The file. The header tells players what to cut off, so that exactly `samples` are heard.
 * @param frames MPEG audio layer 3 of one constant bit rate, mono.
 * @param samples how many samples went into the encoder.
 * @param delay how many samples the decoded frames have before the first of them.
 */
export function mp3File(frames: readonly Uint8Array[], samples: number, delay: number, tags: FileTags): Uint8Array {
  const first = frames[0]!;
  const version1 = ((first[1]! >> 3) & 3) === 3;
  const total = frames.length * (version1 ? 1152 : 576);
  const sound = Buffer.concat(frames);
  // Behind the frame's header and the side information of one channel.
  const at = version1 ? 21 : 13;
  const bitrate = bitrateIndexFor(first, at + 156);
  const header = Buffer.alloc(frameBytes(first, bitrate));
  header.set(first.subarray(0, 4));
  header[1] = header[1]! | 1; // No checksum of the frame.
  header[2] = (bitrate << 4) | (first[2]! & 0x0c);
  header.write('Info', at, 'latin1');
  header.writeUInt32BE(0b1111, at + 4); // Count of frames, bytes, table of contents and quality follow.
  header.writeUInt32BE(frames.length, at + 8);
  header.writeUInt32BE(header.length + sound.length, at + 12);
  for (let i = 0; i < 100; i += 1) header[at + 16 + i] = Math.floor((i * 256) / 100); // Constant bit rate: bytes go with time.
  const lame = at + 120;
  header.write('LAME3.100', lame, 'latin1');
  header[lame + 9] = 0x01; // Revision 0, constant bit rate.
  header.writeUIntBE(((delay - decoderDelay) << 12) | (total - samples - (delay - decoderDelay)), lame + 21, 3);
  header.writeUInt32BE(header.length + sound.length, lame + 28);
  header.writeUInt16BE(crc16(sound, 'arc'), lame + 32);
  header.writeUInt16BE(crc16(header.subarray(0, lame + 34), 'arc'), lame + 34);
  return new Uint8Array(Buffer.concat([id3(tags), header, sound]));
}

// Kilobits a second of layer 3 by index.
const rates1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const rates2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

function frameBytes(frame: Uint8Array, index: number): number {
  const version = (frame[1]! >> 3) & 3;
  const base = [44100, 48000, 32000][(frame[2]! >> 2) & 3]!;
  // The second version has half the rate and half the samples, version 2.5 a quarter of the rate.
  const sampleRate = version === 3 ? base : version === 2 ? base / 2 : base / 4;
  return Math.floor((version === 3 ? 144_000 * rates1[index]! : 72_000 * rates2[index]!) / sampleRate);
}

/** The lowest bit rate whose frames hold `bytes`. */
function bitrateIndexFor(frame: Uint8Array, bytes: number): number {
  for (let index = 1; index < 15; index += 1) if (frameBytes(frame, index) >= bytes) return index;
  return 14;
}

/** ID3v2.3: settings as a comment, XMP as the private frame that its specification names (part 3, section 2.3.3). */
function id3(tags: FileTags): Buffer {
  const frames: Buffer[] = [];
  const add = (name: string, body: Buffer): void => {
    const head = Buffer.alloc(10);
    head.write(name, 'latin1');
    head.writeUInt32BE(body.length, 4);
    frames.push(head, body);
  };
  if (tags.description !== null) add('TIT3', Buffer.from(`\0${tags.description}`, 'latin1'));
  if (tags.settings !== null) add('COMM', Buffer.from(`\0eng\0${tags.settings}`, 'latin1'));
  if (tags.xmp !== null) add('PRIV', Buffer.concat([Buffer.from('XMP\0', 'latin1'), Buffer.from(tags.xmp)]));
  const body = Buffer.concat(frames);
  if (body.length === 0) return body;
  const size = body.length;
  return Buffer.concat([Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, (size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127]), body]);
}
