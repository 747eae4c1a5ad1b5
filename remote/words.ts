// The words that a decoder elsewhere is asked with, out of the conditioning that `text-characters` makes of them.
// Knows no protocol.

import type { Conditioning, Ports } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';

/** Ports of a decoder that reads words. */
export const wordPorts: { readonly in: Ports; readonly out: Ports } = { in: { characters: [null] }, out: {} };

/** `characters` [n], Unicode code points, as text. Throws `bundle_invalid` for anything else. */
export function wordsOf(factory: string, conditioning: Conditioning): string {
  const characters = conditioning['characters'];
  const isText = characters !== undefined && characters.shape.length === 1 && characters.data.every((code) => Number.isInteger(code) && code >= 0 && code <= 0x10ffff);
  if (!isText) throw new AnymodalError('bundle_invalid', `${factory}: conditioning: got ${Object.keys(conditioning).join(', ') || 'nothing'}, expected characters [n] as text-characters makes them.`);
  let text = '';
  for (const code of characters.data) text += String.fromCodePoint(code);
  return text;
}
