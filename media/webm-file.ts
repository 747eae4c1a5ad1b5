// Puts right what a webm says of the delay of Opus. Knows the one field (RFC 9559, sections 5.1.4.1.27 and 28); knows no codec.

const cluster = Buffer.from('1f43b675', 'hex');
const seekPreRoll = Buffer.from('56bb', 'hex');

/**
 * The library writes the samples to leave out at the start, in nanoseconds, into the field for those to decode before a place that is sought (56BB); here
 * it becomes what it is, the codec's delay (56AA), so that players start the sound with the picture.
 * @param nanoseconds what the field holds.
 */
export function withCodecDelay(file: Uint8Array, nanoseconds: number): Uint8Array {
  const bytes = Buffer.from(file);
  const head = bytes.subarray(0, bytes.indexOf(cluster));
  const value = Buffer.alloc(4);
  value.writeUInt32BE(nanoseconds);
  const field = value.subarray(value.findIndex((byte) => byte !== 0));
  const at = head.indexOf(Buffer.concat([seekPreRoll, Buffer.of(0x80 | field.length), field]));
  if (at >= 0) bytes[at + 1] = 0xaa;
  return new Uint8Array(bytes);
}
