// What containers hold, as far as it decides what a file is: pictures of an animation, tracks of sound and of pictures.
// Walks over lengths in the bytes and never beyond them; knows nothing of pixels, samples or codecs.

/** Kinds of tracks that were found; both false where the list of tracks was not found. */
export interface Tracks {
  readonly picture: boolean;
  readonly sound: boolean;
}

/** Whether a gif holds more than one picture. */
export function isAnimatedGif(bytes: Uint8Array): boolean {
  let at = 13 + paletteLength(bytes[10] ?? 0);
  let pictures = 0;
  while (at < bytes.length) {
    const block = bytes[at];
    if (block === 0x2c) {
      pictures += 1;
      if (pictures > 1) return true;
      // Place, size and flags, then perhaps a palette, then one byte of the compression.
      at = behindSubBlocks(bytes, at + 11 + paletteLength(bytes[at + 9] ?? 0));
    } else if (block === 0x21) {
      at = behindSubBlocks(bytes, at + 2);
    } else {
      return false;
    }
  }
  return false;
}

function paletteLength(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function behindSubBlocks(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
  return at + 1;
}

/** Whether a webp holds more than one frame. */
export function isAnimatedWebp(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  let frames = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    if (latin(bytes, at, 4) === 'ANMF') frames += 1;
    if (frames > 1) return true;
    const length = view.getUint32(at + 4, true);
    at += 8 + length + (length % 2);
  }
  return false;
}

/** Frames that an animated png declares in front of its pixels (chunk acTL), 1 for any other png. */
export function pngFrames(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const name = latin(bytes, at + 4, 4);
    if (name === 'acTL') return view.getUint32(at + 8);
    if (name === 'IDAT') return 1;
  }
  return 1;
}

/** Tracks of an ISO base media file (ISO/IEC 14496-12, section 8.4.3: handler types). */
export function isoTracks(bytes: Uint8Array): Tracks {
  const found = { picture: false, sound: false };
  for (const movie of boxes(bytes, 'moov')) {
    for (const track of boxes(movie, 'trak')) {
      for (const media of boxes(track, 'mdia')) {
        for (const handler of boxes(media, 'hdlr')) {
          const type = latin(handler, 8, 4);
          if (type === 'vide') found.picture = true;
          if (type === 'soun') found.sound = true;
        }
      }
    }
  }
  return found;
}

/** Contents of the boxes of one name, in order. */
function* boxes(bytes: Uint8Array, name: string): Generator<Uint8Array> {
  let at = 0;
  for (const length of boxLengths(bytes)) {
    const head = viewOf(bytes).getUint32(at) === 1 ? 16 : 8;
    if (latin(bytes, at + 4, 4) === name) yield bytes.subarray(at + head, at + length);
    at += length;
  }
}

/** Bytes that each box claims to have, one behind the other. */
export function* boxLengths(bytes: Uint8Array): Generator<number> {
  const view = viewOf(bytes);
  for (let at = 0; at + 8 <= bytes.length;) {
    const short = view.getUint32(at);
    const long = short === 1 && at + 16 <= bytes.length;
    // 0 reaches to the end of the file.
    const length = long ? Number(view.getBigUint64(at + 8)) : short === 0 ? bytes.length - at : short;
    if (length < (long ? 16 : 8)) return;
    yield length;
    at += length;
  }
}

/** Identifiers of EBML elements (RFC 8794; RFC 9559, section 5.1). */
const segment = 0x18538067;
const tracks = 0x1654ae6b;
const trackEntry = 0xae;
const trackType = 0x83;

/** Tracks of a Matroska or WebM file. */
export function matroskaTracks(bytes: Uint8Array): Tracks {
  const found = { picture: false, sound: false };
  for (const body of elements(bytes, segment)) {
    for (const list of elements(body, tracks)) {
      for (const entry of elements(list, trackEntry)) {
        for (const [type] of elements(entry, trackType)) {
          if (type === 1) found.picture = true;
          if (type === 2) found.sound = true;
        }
      }
      return found;
    }
  }
  return found;
}

/** Contents of the elements of one identifier, in order. */
function* elements(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { name, start, end } of elementPlaces(bytes)) if (name === wanted) yield bytes.subarray(start, end);
}

/** Where the outermost elements of an EBML file, and what is in its segment, claim to end. */
export function elementEnds(bytes: Uint8Array): number {
  let last = 0;
  for (const { name, start, end } of elementPlaces(bytes)) {
    last = Math.max(last, end);
    if (name === segment) for (const inner of elementPlaces(bytes.subarray(start, end))) last = Math.max(last, start + inner.end);
  }
  return last;
}

function* elementPlaces(bytes: Uint8Array): Generator<{ name: number | null; start: number; end: number }> {
  for (let at = 0; at < bytes.length;) {
    const name = variableInteger(bytes, at, true);
    const size = name === null ? null : variableInteger(bytes, at + name.length, false);
    if (name === null || size === null) return;
    const start = at + name.length + size.length;
    // An unknown size, all ones, reaches as far as what holds it.
    const end = size.value === null ? bytes.length : start + size.value;
    yield { name: name.value, start, end };
    at = end;
  }
}

/** An integer of EBML: the zeros in front say how many bytes it has; null as a value where all its bits are ones. */
function variableInteger(bytes: Uint8Array, at: number, keepMarker: boolean): { value: number | null; length: number } | null {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > bytes.length) return null;
  const marker = 0x80 >> (length - 1);
  let value = keepMarker ? first : first & (marker - 1);
  let ones = (first & (marker - 1)) === marker - 1;
  for (let i = 1; i < length; i += 1) {
    value = value * 256 + bytes[at + i]!;
    ones &&= bytes[at + i] === 0xff;
  }
  return { value: ones && !keepMarker ? null : value, length };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}
