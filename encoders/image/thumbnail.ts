// The factory `thumbnail`: a picture to one token of its colours, 8 x 8, so that a bundle without a trained encoder takes pictures to edit.
// Checks that a picture can be read; knows no joint space and no model.

import { decodeImage, imageMediaTypes, inspectImage } from '../../media/index.ts';
import type { Factory } from '../../src/contracts.ts';

const EDGE = 8;

/** Files: none. Tokens [1, 192]: red, green and blue of each cell in -1..1, row by row; no joint embedding. */
export const thumbnail: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'thumbnail',
  config: { type: 'object', additionalProperties: false, properties: {} },
  ports: () => ({ in: {}, out: { tokens: [1, 3 * EDGE * EDGE] } }),
  async open() {
    return {
      mediaTypes: imageMediaTypes,
      async check(media, { signal }) {
        await inspectImage(media, signal);
      },
      async encode(media, { signal }) {
        const { pixels } = await decodeImage(media, { width: EDGE, height: EDGE, fit: 'fill', background: [255, 255, 255] }, signal);
        return { tokens: { shape: [1, pixels.length], data: Float32Array.from(pixels, (value) => value / 127.5 - 1) }, joint: null, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};
