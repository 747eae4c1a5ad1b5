// Files of modalities that the room `media/` does not know, by the signatures that a bundle's encoders declare.
// Works on an engine's description alone, so that whoever reads files can ask; knows no modality by name.

import { createHash } from 'node:crypto';
import type { EngineDescription, Media } from '../contracts.ts';

/**
 * Bytes as a medium of the input whose encoder knows them, or null where none does. Keeps `bytes` without a copy.
 *
 * @param name file name the user gave, for messages
 */
export function mediaBySignature(inputs: EngineDescription['inputs'], bytes: Uint8Array, name?: string): Media | null {
  for (const { modality, signatures } of inputs) {
    const found = signatures.find(({ offset, text }) => String.fromCharCode(...bytes.subarray(offset, offset + text.length)) === text);
    if (found === undefined) continue;
    const media = { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType: found.mediaType, bytes };
    return name === undefined ? media : { ...media, name };
  }
  return null;
}
