// What the header of an mp3 says of the samples that its encoder added. Knows that header alone.
// Source: LAME 3.100, doc/html (mp3 info tag rev. 1) and libmp3lame/VbrTag.c.

export interface Added {
  /** Samples before the first one that went into the encoder, the decoder's own delay included. */
  readonly before: number;
  /** Samples of all frames together that are none of the sound. */
  readonly all: number;
}

/** What an mp3 decoder adds to the encoder's delay, by LAME's definition. */
const decoderDelay = 529;
/** How far behind the tags in front the first frame is looked for. */
const searched = 4096;

/** Null where the file does not say. */
export function addedSamples(bytes: Uint8Array): Added | null {
  const start = behindTags(bytes);
  for (let at = start; at < Math.min(start + searched, bytes.length - 200); at += 1) {
    const kind = bytes[at + 1]!;
    if (bytes[at] !== 0xff || (kind & 0xe6) !== 0xe2) continue;
    const version1 = ((kind >> 3) & 3) === 3;
    const mono = bytes[at + 3]! >> 6 === 3;
    // Behind the frame's header and its side information.
    const info = at + 4 + (version1 ? (mono ? 17 : 32) : mono ? 9 : 17);
    if (!['Xing', 'Info'].includes(latin(bytes, info, 4))) continue;
    const flags = bytes[info + 7]!;
    const lame = info + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + ((flags & 8) >> 1);
    if (!/^L(AME|avc|avf)/.test(latin(bytes, lame, 4))) return null;
    const [a, b, c] = [bytes[lame + 21] ?? 0, bytes[lame + 22] ?? 0, bytes[lame + 23] ?? 0];
    const [before, after] = [(a << 4) | (b >> 4), ((b & 15) << 8) | c];
    return { before: before + decoderDelay, all: before + after };
  }
  return null;
}

function behindTags(bytes: Uint8Array): number {
  let at = 0;
  while (latin(bytes, at, 3) === 'ID3') {
    at += 10 + [6, 7, 8, 9].reduce((sum, i) => sum * 128 + ((bytes[at + i] ?? 0) & 0x7f), 0);
  }
  return at;
}

function latin(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}
