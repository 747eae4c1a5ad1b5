// What a file is, by its first bytes and never by its name.
// Reads signatures alone: knows nothing of pixels, samples or codecs.

export interface MediaKind {
  readonly modality: string;
  readonly mediaType: string;
}

/** Pictures that `decodeImage` reads. */
export const imageMediaTypes: readonly string[] = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif', 'image/tiff'];

/** Bytes that suffice for `sniffMedia`; a longer prefix changes nothing. */
const sniffLength = 4096;

/** Modality and IANA media type of encoded bytes by their signature, or null where it is none that is known. */
export function sniffMedia(bytes: Uint8Array): MediaKind | null {
  const head = bytes.subarray(0, sniffLength);
  const mediaType = signature(head) ?? container(head) ?? (isSvg(head) ? 'image/svg+xml' : null) ?? (isMpegAudio(head) ? 'audio/mpeg' : null);
  return mediaType === null ? null : { modality: mediaType.slice(0, mediaType.indexOf('/')), mediaType };
}

const SIGNATURES: readonly (readonly [prefix: string, mediaType: string])[] = [
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ['II+\0', 'image/tiff'],
  ['MM\0+', 'image/tiff'],
  ['\xff\x0a', 'image/jxl'],
  ['\0\0\0\x0cJXL \r\n\x87\n', 'image/jxl'],
  ['fLaC', 'audio/flac'],
  ['ID3', 'audio/mpeg'],
];

function signature(head: Uint8Array): string | null {
  for (const [prefix, mediaType] of SIGNATURES) if (text(head, 0, prefix.length) === prefix) return mediaType;
  return null;
}

/** Formats whose signature is followed by what is inside. */
function container(head: Uint8Array): string | null {
  if (text(head, 0, 4) === 'RIFF' || text(head, 0, 4) === 'RF64') {
    return { WEBP: 'image/webp', WAVE: 'audio/wav', 'AVI ': 'video/x-msvideo' }[text(head, 8, 4)] ?? null;
  }
  if (text(head, 0, 4) === 'OggS') return text(head, 0, 512).includes('\x80theora') ? 'video/ogg' : 'audio/ogg';
  if (text(head, 0, 4) === '\x1aE\xdf\xa3') return text(head, 0, 128).includes('webm') ? 'video/webm' : 'video/x-matroska';
  if (text(head, 4, 4) === 'ftyp') return isoMedia(head);
  if (text(head, 0, 2) === 'BM' && [12, 40, 52, 56, 64, 108, 124].includes(head[14] ?? 0) && head[15] === 0) return 'image/bmp';
  return null;
}

/** ISO base media file: the major brand decides, then the compatible ones (ISO/IEC 14496-12 section 4.3). */
function isoMedia(head: Uint8Array): string {
  const length = Math.min(new DataView(head.buffer, head.byteOffset).getUint32(0), head.length);
  const brands: string[] = [text(head, 8, 4)];
  for (let at = 16; at + 4 <= length; at += 4) brands.push(text(head, at, 4));
  if (brands.includes('avif') || brands.includes('avis')) return 'image/avif';
  const major = brands[0] ?? '';
  if (/^(he[iv][cmsx]|mif1|msf1)$/.test(major)) return 'image/heic';
  if (major === 'qt  ') return 'video/quicktime';
  return /^M4[AB]/.test(major) ? 'audio/mp4' : 'video/mp4';
}

/** What may stand before the first element of an XML file, one piece at a time: a pattern for all of them at once can take for ever. */
const PROLOGUE = /^(\s+|<\?xml[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE[^>[]*(\[[\s\S]*?\])?\s*>)/i;

function isSvg(head: Uint8Array): boolean {
  let rest = new TextDecoder().decode(head);
  for (let piece = PROLOGUE.exec(rest); piece !== null; piece = PROLOGUE.exec(rest)) rest = rest.slice(piece[0].length);
  return /^<svg[\s>]/i.test(rest);
}

/** An MPEG audio frame header without reserved values, at least of layer I to III; ADTS AAC has layer 0. */
function isMpegAudio(head: Uint8Array): boolean {
  const [sync, version, rate] = [head[0] ?? 0, head[1] ?? 0, head[2] ?? 0];
  return sync === 0xff && (version & 0xe0) === 0xe0 && (version & 0x18) !== 0x08 && (version & 0x06) !== 0 && (rate & 0xf0) !== 0xf0 && (rate & 0x0c) !== 0x0c;
}

function text(head: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...head.subarray(from, from + length));
}
