// The factory `sentence-transformer`: text to the joint space by a sentence encoder.
// The anchor of that space: encoders of other modalities are trained towards it. Knows no decoder.

import type { Encoder, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { l2Normalise, concatRows, reshape } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { openSentenceModel } from './sentence-model.ts';
import type { SentenceModel } from './sentence-model.ts';

interface SentenceTransformerConfig {
  /** Width of the vectors, which is that of the joint space. */
  readonly width: number;
  /** Longest text in tokens, start and end token included; the model's own limit. */
  readonly maxTokens: number;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width'],
  properties: {
    width: { type: 'integer', minimum: 1, description: 'Width of the vectors, which is that of the joint space.' },
    maxTokens: { type: 'integer', minimum: 3, default: 256, description: 'Longest text in tokens, start and end token included.' },
  },
};

/** Files: `model`, `tokenizer`, `tokenizerConfig`. */
export const sentenceTransformer: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'sentence-transformer',
  config,
  ports: (given) => ({ in: {}, out: { tokens: [null, readConfig(given).width], joint: [readConfig(given).width] } }),
  async open(source) {
    const read = readConfig(source.config);
    return createTextEncoder(read, await openSentenceModel(source, read));
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): SentenceTransformerConfig {
  return requireConfig('sentence-transformer', checkSchema<SentenceTransformerConfig>(config, given, 'config'));
}

/** Tokens are the sentence vector, then the states of the word pieces. Owns the model. */
function createTextEncoder({ width, maxTokens }: SentenceTransformerConfig, model: SentenceModel): Encoder {
  return {
    mediaTypes: ['text/plain'],
    async encode(media, context) {
      const { embedding, pieces, pieceCount } = await model.read(textOf(media));
      if (pieceCount > maxTokens - 2) context.warn('text_truncated', `The text has ${pieceCount} word pieces; the text encoder reads the first ${maxTokens - 2}.`);
      const joint = { shape: [width], data: l2Normalise(embedding.data) };
      return { tokens: concatRows([reshape(joint, [1, width]), pieces]), joint, tracks: [] };
    },
    dispose: async () => model.dispose(),
  };
}

function textOf(media: Media): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(media.bytes);
  } catch (error) {
    throw new AnymodalError('bad_media', `${media.name === undefined ? 'The text' : `"${media.name}"`} is not UTF-8; save it as UTF-8.`, { cause: error });
  }
}
