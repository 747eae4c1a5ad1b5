// The comment that a sound, a video or a gif carries: where `fileTags` puts settings, found again. Knows where each format keeps it, not what it says.

type Range = readonly [start: number, end: number];

/** Where to look, by the first bytes of a file: a key, and from the place behind it the place of the text. */
const places: readonly { readonly magic: RegExp; readonly key: string; readonly text: (file: Buffer, at: number) => Range }[] = [
  // RIFF: the chunk's length, then the text and a zero.
  { magic: /^RIFF....WAVE/s, key: 'ICMT', text: (file, at) => [at + 4, at + 4 + file.readUInt32LE(at)] },
  // ID3: length, two bytes of flags, encoding, language and an empty title.
  { magic: /^ID3/, key: 'COMM', text: (file, at) => [at + 11, at + 6 + file.readUInt32BE(at)] },
  // Vorbis: the length stands in front of the key.
  { magic: /^(OggS|fLaC)/, key: 'COMMENT=', text: (file, at) => [at, at - 8 + file.readUInt32LE(at - 12)] },
  // iTunes: a box `data` with its length, its type, the kind of its content and a language.
  { magic: /^....ftyp/s, key: '\xa9cmt', text: (file, at) => [at + 16, at + file.readUInt32BE(at)] },
  // Matroska: the element of the text (4487) and its length.
  { magic: /^.E\xdf\xa3/s, key: 'COMMENT\x44\x87', text: (file, at) => elementOf(file, at) },
];

/** The comment, or null where there is none or it lies beyond the end of the file. */
export function commentOf(bytes: Uint8Array): string | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = file.toString('latin1', 0, 16);
  if (head.startsWith('GIF8')) return gifComment(file);
  const place = places.find(({ magic }) => magic.test(head));
  const at = place === undefined ? -1 : file.indexOf(place.key, 0, 'latin1');
  if (place === undefined || at < 0) return null;
  try {
    const [start, end] = place.text(file, at + place.key.length);
    return start < end && end <= file.length ? file.toString('latin1', start, end).replace(/\0+$/, '') : null;
  } catch (error) {
    // A length beyond the end: a damaged file, which then says nothing of itself.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** A length of EBML, whose leading zeros tell how many bytes it has, and what it measures. */
function elementOf(file: Buffer, at: number): Range {
  const size = Math.clz32(file.readUInt8(at)) - 23;
  if (size > 4) throw new RangeError('no text is that long');
  const length = file.readUIntBE(at, size) & (2 ** (7 * size) - 1);
  return [at + size, at + size + length];
}

/** The first comment block (0x21 0xfe), put together from its parts. */
function gifComment(file: Buffer): string | null {
  const start = file.indexOf(Buffer.of(0x21, 0xfe));
  if (start < 0) return null;
  let text = '';
  for (let at = start + 2; at < file.length && file[at] !== 0; at += file[at]! + 1) text += file.toString('latin1', at + 1, at + 1 + file[at]!);
  return text;
}
