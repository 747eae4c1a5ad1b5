// What is written into an mp4 after its tracks: times of day out, XMP in. Knows boxes (ISO/IEC 14496-12); knows no codec.

/** The box that XMP has in an mp4 (XMP specification, part 3, section 1.1.7). */
const xmpBox = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex');

interface Box {
  readonly type: string;
  /** Where its content starts and ends. */
  readonly start: number;
  readonly end: number;
}

/** The same file with all times of its making at zero, which is unknown. */
export function withoutTimes(file: Uint8Array): Uint8Array {
  const bytes = file.slice();
  const clear = (from: number, end: number): void => {
    for (const { type, start, end: last } of boxes(bytes, from, end)) {
      if (['moov', 'trak', 'mdia'].includes(type)) clear(start, last);
      // Creation and modification, 4 bytes each or, in the first version, 8.
      else if (['mvhd', 'tkhd', 'mdhd'].includes(type)) bytes.fill(0, start + 4, start + 4 + (bytes[start] === 1 ? 16 : 8));
    }
  };
  clear(0, bytes.length);
  return bytes;
}

/** The same file with a packet of XMP at its end, where it moves nothing. */
export function withXmpBox(file: Uint8Array, packet: string): Uint8Array {
  const body = Buffer.from(packet);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + 16 + body.length);
  head.write('uuid', 4, 'latin1');
  return new Uint8Array(Buffer.concat([file, head, xmpBox, body]));
}

/** The packet of XMP of a file, or null. */
export function xmpOfMp4(file: Uint8Array): string | null {
  for (const { type, start, end } of boxes(file, 0, file.length)) {
    if (type === 'uuid' && xmpBox.equals(file.subarray(start, start + 16))) return new TextDecoder().decode(file.subarray(start + 16, end));
  }
  return null;
}

function* boxes(bytes: Uint8Array, from: number, end: number): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + 8 <= end;) {
    const short = view.getUint32(at);
    if (short === 1 && at + 16 > end) return;
    // 1 stands for a length of 64 bits behind the type, 0 for the rest of the file.
    const length = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? end - at : short;
    const head = short === 1 ? 16 : 8;
    if (length < head || at + length > end) return;
    yield { type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), start: at + head, end: at + length };
    at += length;
  }
}
