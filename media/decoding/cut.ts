// Whether a file ends before it says that it does: what a download leaves that was broken off.
// Walks over lengths; decodes nothing. Formats that say nothing of their length never end early.
import { boxLengths, elementEnds } from '../containers.ts';

export function endsEarly(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 4);
  if (head === '\x89PNG') return pngEndsEarly(bytes);
  if (head.startsWith('GIF')) return bytes.at(-1) !== 0x3b;
  if (head === 'RIFF') return bytes.length >= 8 && bytes.readUInt32LE(4) + 8 > bytes.length + 1;
  if (head === 'OggS') return !oggEnds(bytes);
  if (head === '\x1aE\xdf\xa3') return elementEnds(bytes) > bytes.length;
  if (/^[a-z]{4}$/.test(bytes.toString('latin1', 4, 8))) {
    let end = 0;
    for (const length of boxLengths(bytes)) end += length;
    return end !== bytes.length;
  }
  return false;
}

/** Whether a chunk, as far as they can be told for chunks, ends behind the file, or the last one is missing. */
function pngEndsEarly(bytes: Buffer): boolean {
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (name === 'IEND' || !/^[A-Za-z]{4}$/.test(name)) return false;
  }
  return true;
}

/** Whether the last page is whole and says that it is the last. */
function oggEnds(bytes: Buffer): boolean {
  let last = false;
  let at = 0;
  while (at + 27 <= bytes.length && bytes.toString('latin1', at, at + 4) === 'OggS') {
    const segments = bytes.readUInt8(at + 26);
    last = (bytes.readUInt8(at + 5) & 4) !== 0;
    at += 27 + segments + bytes.subarray(at + 27, at + 27 + segments).reduce((sum, length) => sum + length, 0);
  }
  return last && at === bytes.length;
}
