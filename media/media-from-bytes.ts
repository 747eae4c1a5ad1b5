// Bytes of a stranger to a `Media`: what they are, by content, and their hash.
// Refuses what no decoder here reads, with the reason; decodes nothing.
import { createHash } from 'node:crypto';
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { imageMediaTypes, sniffMedia } from './sniff.ts';

/** Largest file that is taken in, in bytes. */
export const maxMediaBytes = 64 * 1024 * 1024;

const READABLE = 'expected a picture (png, jpeg, webp, gif, avif, tiff), a sound (wav, mp3, ogg, flac) or a video (mp4, webm, mov)';
const REFUSED: Readonly<Record<string, string>> = {
  'image/svg+xml': 'is an SVG drawing, which can load further files and is not read; export it as png',
  'image/bmp': 'is a bmp picture, which is not read; convert it to png',
  'image/heic': 'is a HEIC picture, whose codec is not part of this package; convert it to jpeg or png',
  'image/jxl': 'is a JPEG XL picture, which is not read; convert it to png',
};

/**
 * A medium made of encoded bytes: type by content, id by SHA-256. Keeps `bytes` without a copy.
 * @param name the file name the user gave, for messages.
 * @throws AnymodalError `bad_media` for empty, oversized or unknown bytes and for formats that are not read.
 */
export async function mediaFromBytes(bytes: Uint8Array, name?: string): Promise<Media> {
  const subject = name === undefined ? 'The file' : `"${name}"`;
  if (bytes.length === 0) throw new AnymodalError('bad_media', `${subject} is empty (0 bytes); ${READABLE}.`);
  if (bytes.length > maxMediaBytes) {
    throw new AnymodalError('bad_media', `${subject} has ${bytes.length} bytes; at most ${maxMediaBytes} are read. Make it smaller.`);
  }
  const kind = sniffMedia(bytes);
  if (kind === null) throw new AnymodalError('bad_media', `${subject} is ${isText(bytes) ? 'plain text' : 'of no known format'}, judged by its content; ${READABLE}.`);
  if (kind.modality === 'image' && !imageMediaTypes.includes(kind.mediaType)) {
    throw new AnymodalError('bad_media', `${subject} ${REFUSED[kind.mediaType] ?? `is ${kind.mediaType}, which is not read`}.`);
  }
  const media = { id: createHash('sha256').update(bytes).digest('hex'), ...kind, bytes };
  return name === undefined ? media : { ...media, name };
}

/** Whether the first bytes are UTF-8 without control characters. */
function isText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 512);
  try {
    // A character may be cut at the end of the prefix, so the decoder is told that more follows.
    const decoded = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return Array.from(decoded).every((character) => character >= ' ' || '\t\n\r\f'.includes(character));
  } catch {
    return false;
  }
}
