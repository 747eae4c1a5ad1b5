// Reads smells: one token a note, and their sum in the joint space.

import type { Factory } from '../../../src/contracts.ts';
import { l2Normalise } from '../../../src/runtime/tensors.ts';
import { firstLine, mediaType, notes, readSmell } from './file.ts';

const [COUNT, WIDTH] = [9, 24];

export const smellEncoder: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'nose',
  config: { type: 'object', additionalProperties: false },
  ports: () => ({ in: {}, out: { tokens: [COUNT, WIDTH], joint: [WIDTH] } }),
  async open() {
    return {
      mediaTypes: [mediaType],
      signatures: [{ mediaType, offset: 0, text: firstLine }],
      async check(media) {
        readSmell(media);
      },
      async encode(media) {
        const strengths = readSmell(media);
        const tokens = new Float32Array(COUNT * WIDTH);
        for (const [index, note] of notes.entries()) for (const row of [0, index + 1]) tokens[row * WIDTH + index] = (strengths[note] ?? 0) / 9;
        return { tokens: { shape: [COUNT, WIDTH], data: tokens }, joint: { shape: [WIDTH], data: l2Normalise(tokens.slice(0, WIDTH)) }, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};
