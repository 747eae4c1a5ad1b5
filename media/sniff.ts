// What a file is, by its bytes and never by its name: a picture, a sound or a moving picture.
// Reads signatures and what containers say that they hold: knows nothing of pixels, samples or codecs.
import { isAnimatedGif, isAnimatedWebp, isoTracks, matroskaTracks, pngFrames } from './containers.ts';

export interface MediaKind {
  readonly modality: string;
  readonly mediaType: string;
}

/** Pictures that `decodeImage` reads. */
export const imageMediaTypes: readonly string[] = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif', 'image/tiff'];
/** Sounds that `decodeAudio` reads. */
export const audioMediaTypes: readonly string[] = ['audio/wav', 'audio/mpeg', 'audio/ogg', 'audio/flac', 'audio/mp4', 'audio/webm', 'audio/x-matroska'];
/** Videos that `decodeVideo` reads; the last three where they are animated. */
export const videoMediaTypes: readonly string[] = ['video/mp4', 'video/quicktime', 'video/webm', 'video/x-matroska', 'image/gif', 'image/webp', 'image/apng'];

/** Bytes that suffice for a signature. */
const headLength = 4096;

/** Animated pictures: as videos, and as the picture that their first frame is. */
const animations: Readonly<Record<string, { readonly video: string; readonly isAnimated: (bytes: Uint8Array) => boolean }>> = {
  'image/gif': { video: 'image/gif', isAnimated: isAnimatedGif },
  'image/webp': { video: 'image/webp', isAnimated: isAnimatedWebp },
  'image/png': { video: 'image/apng', isAnimated: (bytes) => pngFrames(bytes) > 1 },
};

/** Media types of the sound that a file of pictures and sound holds. */
const soundsOf: Readonly<Record<string, string>> = {
  'video/mp4': 'audio/mp4',
  'video/quicktime': 'audio/mp4',
  'video/webm': 'audio/webm',
  'video/x-matroska': 'audio/x-matroska',
};

/**
 * Modality and IANA media type of encoded bytes by their content, or null where it is none that is known. An animated gif, webp or png is a video;
 * an mp4, webm or mkv without pictures is a sound.
 */
export function sniffMedia(bytes: Uint8Array): MediaKind | null {
  return readingsOf(bytes)[0] ?? null;
}

/** All that the bytes can be taken for, the usual first: an animation is a picture too, a video with sound a sound. */
export function readingsOf(bytes: Uint8Array): MediaKind[] {
  const head = bytes.subarray(0, headLength);
  const mediaType = signature(head) ?? container(head) ?? (isSvg(head) ? 'image/svg+xml' : null) ?? taggedOrFrames(bytes);
  if (mediaType === null) return [];
  const kind = { modality: mediaType.slice(0, mediaType.indexOf('/')), mediaType };
  const animation = animations[mediaType];
  if (animation?.isAnimated(bytes) === true) return [{ modality: 'video', mediaType: animation.video }, kind];
  const sound = soundsOf[mediaType];
  if (sound === undefined) return [kind];
  const { picture, sound: heard } = sound === 'audio/mp4' ? isoTracks(bytes) : matroskaTracks(bytes);
  if (heard && !picture) return [{ modality: 'audio', mediaType: sound }];
  return heard ? [kind, { modality: 'audio', mediaType: sound }] : [kind];
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
];

function signature(head: Uint8Array): string | null {
  for (const [prefix, mediaType] of SIGNATURES) if (text(head, 0, prefix.length) === prefix) return mediaType;
  return null;
}

/** Formats whose signature is followed by what is inside. */
function container(head: Uint8Array): string | null {
  if (['RIFF', 'RIFX', 'RF64', 'BW64'].includes(text(head, 0, 4))) {
    return { WEBP: 'image/webp', WAVE: 'audio/wav', 'AVI ': 'video/x-msvideo' }[text(head, 8, 4)] ?? null;
  }
  if (text(head, 0, 4) === 'OggS') return text(head, 0, 512).includes('\x80theora') ? 'video/ogg' : 'audio/ogg';
  if (text(head, 0, 4) === '\x1aE\xdf\xa3') return text(head, 0, 128).includes('webm') ? 'video/webm' : 'video/x-matroska';
  if (text(head, 0, 4) === 'FORM' && text(head, 8, 3) === 'AIF') return 'audio/aiff';
  if (text(head, 4, 4) === 'ftyp') return isoMedia(head);
  // The first files of QuickTime have no brand.
  if (['moov', 'mdat', 'wide'].includes(text(head, 4, 4))) return 'video/quicktime';
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

/** MPEG audio, by its first frame and the next one where that ends, or what an ID3 tag stands in front of. */
function taggedOrFrames(bytes: Uint8Array): string | null {
  if (text(bytes, 0, 3) !== 'ID3') {
    const length = frameLength(bytes, 0);
    return length === null || (length + 3 < bytes.length && frameLength(bytes, length) === null) ? null : 'audio/mpeg';
  }
  // The length of a tag has seven bits a byte (ID3v2.4.0, section 3.1); a footer repeats the ten bytes in front.
  const length = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((bytes[at] ?? 0) & 0x7f), 0);
  const end = 10 + length + (((bytes[5] ?? 0) & 0x10) === 0 ? 0 : 10);
  return text(bytes, end, 4) === 'fLaC' ? 'audio/flac' : 'audio/mpeg';
}

/** Kilobits a second by the upper half of the third byte: MPEG-1 layer III and II, MPEG-2 (ISO/IEC 11172-3, section 2.4.2.3; 13818-3, section 2.4.2.3). */
const bitRates = {
  layer3: [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  layer2: [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  mpeg2: [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;

/** Bytes of the frame of MPEG audio of layer II or III that begins there, null where none does. */
function frameLength(bytes: Uint8Array, at: number): number | null {
  const [sync, kind, rates] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0];
  const [version, layer] = [(kind >> 3) & 3, (kind >> 1) & 3];
  if (sync !== 0xff || kind < 0xe0 || version === 1 || (layer !== 1 && layer !== 2)) return null;
  const kilobits = (version === 3 ? bitRates[layer === 1 ? 'layer3' : 'layer2'] : bitRates.mpeg2)[(rates >> 4) - 1];
  const rate = [44_100, 48_000, 32_000][(rates >> 2) & 3];
  if (kilobits === undefined || rate === undefined) return null;
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4;
  const samples = version !== 3 && layer === 1 ? 576 : 1152;
  return Math.floor(((samples / 8) * kilobits * 1000 * divisor) / rate) + ((rates >> 1) & 1);
}

function text(head: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...head.subarray(from, from + length));
}
