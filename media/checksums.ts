// Checksums that containers of sound ask for. Knows polynomials, no container.

type Crc = { readonly width: number; readonly polynomial: number; readonly reflected: boolean };

/** CRC-16 with polynomial 0x8005 from 0: `arc` takes the low bit first, as LAME does; `flac` the high bit, as FLAC's frames do. */
export function crc16(bytes: Uint8Array, kind: 'arc' | 'flac'): number {
  return checksum(bytes, kind === 'arc' ? { width: 16, polynomial: 0xa001, reflected: true } : { width: 16, polynomial: 0x8005, reflected: false });
}

/** CRC-8 with polynomial 0x07 from 0, of the headers of FLAC's frames. */
export function crc8(bytes: Uint8Array): number {
  return checksum(bytes, { width: 8, polynomial: 0x07, reflected: false });
}

/** CRC-32 with polynomial 0x04c11db7 from 0, high bit first, of the pages of Ogg. */
export function crc32Ogg(bytes: Uint8Array): number {
  return checksum(bytes, { width: 32, polynomial: 0x04c11db7, reflected: false });
}

function checksum(bytes: Uint8Array, { width, polynomial, reflected }: Crc): number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = reflected ? byte : byte << (width - 8);
    for (let bit = 0; bit < 8; bit += 1) {
      if (reflected) value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1;
      else value = ((value >>> (width - 1)) & 1) === 1 ? (value << 1) ^ polynomial : value << 1;
    }
    return value >>> 0;
  });
  let crc = 0;
  if (reflected) for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!;
  else for (const byte of bytes) crc = ((crc << 8) ^ table[((crc >>> (width - 8)) ^ byte) & 255]!) >>> 0;
  const mask = width === 32 ? 0xffffffff : (1 << width) - 1;
  return (crc & mask) >>> 0;
}
