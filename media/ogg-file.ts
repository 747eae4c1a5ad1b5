// Gives an Ogg a stated serial number in place of a drawn one. Knows pages; knows no codec. Source: RFC 3533, section 6.
import { crc32Ogg } from './checksums.ts';

/** The same pages with another serial number; `file` holds one logical stream. */
export function withSerialNumber(file: Uint8Array, serialNumber: number): Uint8Array {
  const bytes = file.slice();
  const view = new DataView(bytes.buffer);
  let at = 0;
  while (at + 27 <= bytes.length) {
    const segments = bytes[at + 26]!;
    const length = bytes.subarray(at + 27, at + 27 + segments).reduce((sum, size) => sum + size, 27 + segments);
    view.setUint32(at + 14, serialNumber, true);
    view.setUint32(at + 22, 0, true);
    view.setUint32(at + 22, crc32Ogg(bytes.subarray(at, at + length)), true);
    at += length;
  }
  return bytes;
}
