// Makes smells: each note as strong as chance and the conditioning have it.

import { createHash } from 'node:crypto';
import type { Factory, JsonSchema } from '../../../src/contracts.ts';
import { mediaType, notes, readSmell, writeSmell } from './file.ts';

const options: JsonSchema = { type: 'object', additionalProperties: false, properties: { notes: { type: 'integer', minimum: 1, maximum: 6, default: 3 } } };

export const smellDecoder: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'perfumer',
  config: { type: 'object', additionalProperties: false },
  ports: () => ({ in: { tokens: [16, 24] }, out: {} }),
  async open() {
    return {
      modality: 'smell',
      options,
      references: ['edit'],
      negative: false,
      async *decode({ conditioning, references, options: given }, { random, signal }) {
        signal.throwIfAborted();
        const noise = random.normal(notes.length);
        yield { type: 'progress', step: 1, steps: 1 };
        const before = references[0] === undefined ? {} : readSmell(references[0].media);
        const strength = (index: number): number => Math.abs(Math.round(3 * (noise[index] ?? 0) + 9 * (conditioning['tokens']?.data[index] ?? 0))) % 10;
        const made = Object.fromEntries(notes.slice(0, Number(given['notes'])).map((note, index) => [note, strength(index)]));
        const bytes = writeSmell({ ...before, ...made });
        yield { type: 'media', media: { id: createHash('sha256').update(bytes).digest('hex'), modality: 'smell', mediaType, bytes } };
      },
      dispose: async () => undefined,
    };
  },
};
