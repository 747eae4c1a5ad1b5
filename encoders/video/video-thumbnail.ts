// The factory `video-thumbnail`: a video to four tokens of its colours, so that a bundle without a trained encoder takes videos to edit.
// Checks that a video can be read; knows no joint space and no model.

import { decodeVideo, inspectVideo, videoMediaTypes } from '../../media/index.ts';
import type { Factory } from '../../src/contracts.ts';

const EDGE = 8;

/** Files: none. Tokens [4, 192]: red, green and blue of each cell of four frames in -1..1, row by row; no joint embedding. */
export const videoThumbnail: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'video-thumbnail',
  config: { type: 'object', additionalProperties: false, properties: {} },
  ports: () => ({ in: {}, out: { tokens: [4, 3 * EDGE * EDGE] } }),
  async open() {
    return {
      mediaTypes: videoMediaTypes,
      async check(media, { signal }) {
        await inspectVideo(media, signal);
      },
      async encode(media, { signal }) {
        const { frames } = await decodeVideo(media, { width: EDGE, height: EDGE, fit: 'fill', background: [255, 255, 255], times: 'quarters' }, signal);
        const pixels = Buffer.concat(frames);
        return { tokens: { shape: [frames.length, pixels.length / frames.length], data: Float32Array.from(pixels, (value) => value / 127.5 - 1) }, joint: null, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};
