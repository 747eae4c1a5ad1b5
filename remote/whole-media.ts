// The factory `whole-media`: media that are read elsewhere, as they are. Checks here that they can be read; gives one empty token.
// Knows no server.

import { audioMediaTypes, imageMediaTypes, inspectAudio, inspectImage, inspectVideo, videoMediaTypes } from '../media/index.ts';
import type { Factory, JsonSchema } from '../src/contracts.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface WholeMediaConfig {
  readonly modality: 'image' | 'audio' | 'video';
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['modality'],
  properties: { modality: { enum: ['image', 'audio', 'video'], description: 'Of the media.' } },
};

const kinds = {
  image: { mediaTypes: imageMediaTypes, inspect: inspectImage },
  audio: { mediaTypes: audioMediaTypes, inspect: inspectAudio },
  video: { mediaTypes: videoMediaTypes, inspect: inspectVideo },
} as const;

/** No files. Tokens [1, 1]; no joint embedding. */
export const wholeMedia: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'whole-media',
  config,
  ports(given) {
    requireConfig('whole-media', checkSchema(config, given, 'config'));
    return { in: {}, out: { tokens: [1, 1] } };
  },
  async open(source) {
    const { modality } = requireConfig('whole-media', checkSchema<WholeMediaConfig>(config, source.config, 'config'));
    const { mediaTypes, inspect } = kinds[modality];
    return {
      mediaTypes,
      async check(media, { signal }) {
        await inspect(media, signal);
      },
      async encode(media, { signal }) {
        await inspect(media, signal);
        // Its bytes tell it from others, as every encoding does.
        return { tokens: { shape: [1, 1], data: Float32Array.of(Number.parseInt(media.id.slice(0, 6), 16) / 2 ** 24) }, joint: null, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};
