// Bytes of a stranger to a `Media`: what they are, by content, and their hash.
// Refuses what no decoder here reads, with the reason; decodes nothing.
import { createHash } from 'node:crypto';
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { audioMediaTypes, imageMediaTypes, readingsOf, videoMediaTypes } from './sniff.ts';
import type { MediaKind } from './sniff.ts';

/** Largest file that is taken in, in bytes. */
export const maxMediaBytes = 64 * 1024 * 1024;

const READABLE = 'expected a picture (png, jpeg, webp, gif, avif, tiff), a sound (wav, mp3, ogg, flac, m4a) or a video (mp4, webm, mkv, mov, gif, webp, apng)';
const REFUSED: Readonly<Record<string, string>> = {
  'image/svg+xml': 'is an SVG drawing, which can load further files and is not read; export it as png',
  'image/bmp': 'is a bmp picture, which is not read; convert it to png',
  'image/heic': 'is a HEIC picture, whose codec is not part of this package; convert it to jpeg or png',
  'image/jxl': 'is a JPEG XL picture, which is not read; convert it to png',
  'audio/aiff': 'is an AIFF sound, which is not read; convert it to wav or flac',
  'video/x-msvideo': 'is an avi video, which is not read; convert it to mp4 or webm',
  'video/ogg': 'is an ogg video, which is not read; convert it to mp4 or webm',
};
const READ: readonly string[] = [...imageMediaTypes, ...audioMediaTypes, ...videoMediaTypes];

export interface MediaReading {
  /**
   * Modality that the caller insists on. Without it an animated gif, webp or png is a video; with `image` it is its first frame.
   * A video with `audio` is its sound.
   */
  readonly as?: string;
}

/**
 * A medium made of encoded bytes: type by content, id by SHA-256. Keeps `bytes` without a copy; decodes nothing, so that they may still be damaged.
 * @param name the file name the user gave, for messages.
 * @throws AnymodalError `bad_media` for empty, oversized or unknown bytes, for formats that are not read and for what is not of the modality insisted on.
 */
export async function mediaFromBytes(bytes: Uint8Array, name?: string, { as }: MediaReading = {}): Promise<Media> {
  const subject = name === undefined ? 'The file' : `"${name}"`;
  if (bytes.length === 0) throw new AnymodalError('bad_media', `${subject} is empty (0 bytes); ${READABLE}.`);
  if (bytes.length > maxMediaBytes) {
    throw new AnymodalError('bad_media', `${subject} has ${bytes.length} bytes; at most ${maxMediaBytes} are read. Make it smaller.`);
  }
  const readings = readingsOf(bytes);
  const [usual] = readings;
  if (usual === undefined) throw new AnymodalError('bad_media', `${subject} is ${isText(bytes) ? 'plain text' : 'of no known format'}, judged by its content; ${READABLE}.`);
  if (!READ.includes(usual.mediaType)) {
    throw new AnymodalError('bad_media', `${subject} ${REFUSED[usual.mediaType] ?? `is ${usual.mediaType}, which is not read`}.`);
  }
  const kind = as === undefined ? usual : readings.find(({ modality }) => modality === as);
  if (kind === undefined) throw new AnymodalError('bad_media', `${subject} is ${usual.mediaType} by its content${lack(usual, as)}, expected ${as}.`);
  const media = { id: createHash('sha256').update(bytes).digest('hex'), ...kind, bytes };
  return name === undefined ? media : { ...media, name };
}

/** Why a file is not what it could have been. */
function lack({ modality, mediaType }: MediaKind, as: string | undefined): string {
  if (as === 'audio' && modality === 'video') return ' and has no sound';
  return as === 'video' && ['image/gif', 'image/webp', 'image/png'].includes(mediaType) ? ' and has one picture only' : '';
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
