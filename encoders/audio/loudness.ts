// The factory `loudness`: a sound to one token of how loud it is over its time, so that a bundle without a trained encoder takes sounds to edit.
// Checks that a sound can be read; knows no joint space and no model.

import { audioMediaTypes, decodeAudio, inspectAudio } from '../../media/index.ts';
import type { Factory, JsonSchema } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';

const PARTS = 64;
const [RATE_HZ, MAX_SECONDS] = [8000, 60];

const config: JsonSchema = { type: 'object', additionalProperties: false, properties: {} };

/** Files: none. Tokens [1, 64]: root mean square of each part of the first minute, 0..1; no joint embedding. */
export const loudness: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'loudness',
  config,
  ports(given) {
    requireConfig('loudness', checkSchema(config, given, 'config'));
    return { in: {}, out: { tokens: [1, PARTS] } };
  },
  async open(source) {
    requireConfig('loudness', checkSchema(config, source.config, 'config'));
    return {
      mediaTypes: audioMediaTypes,
      async check(media, { signal }) {
        await inspectAudio(media, signal);
      },
      async encode(media, { signal }) {
        const { samples } = await decodeAudio(media, { sampleRateHz: RATE_HZ, maxSeconds: MAX_SECONDS }, signal);
        const data = Float32Array.from({ length: PARTS }, (_, part) => {
          const heard = samples.subarray(Math.floor((part * samples.length) / PARTS), Math.floor(((part + 1) * samples.length) / PARTS));
          return Math.sqrt(heard.reduce((sum, value) => sum + value * value, 0) / Math.max(heard.length, 1));
        });
        return { tokens: { shape: [1, PARTS], data }, joint: null, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};
