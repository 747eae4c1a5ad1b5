// The factory `sentence-tokens`: a prompt to the conditioning tokens of a decoder, by the sentence encoder.
// A decoder's own text encoder; the same definition as training/conditioning.py. Knows no decoder.

import type { Factory, JsonSchema, OutputProjector } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { zeros } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { openSentenceModel } from './sentence-model.ts';
import type { SentenceModel } from './sentence-model.ts';

interface SentenceTokensConfig {
  /** Count and width of the conditioning tokens. */
  readonly tokens: readonly [number, number];
  /** Factor on the states of the word pieces that brings their elements to a variance of one, as the decoder was trained with. */
  readonly tokenScale: number;
  /** Longest text in tokens, start and end token included; the model's own limit. */
  readonly maxTokens: number;
}

const count = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'tokenScale'],
  properties: {
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the conditioning tokens.' },
    tokenScale: { type: 'number', exclusiveMinimum: 0, description: 'Factor on the states of the word pieces.' },
    maxTokens: { type: 'integer', minimum: 3, default: 256, description: 'Longest text in tokens, start and end token included.' },
  },
};

/** Files: `model`, `tokenizer`, `tokenizerConfig`. */
export const sentenceTokens: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'sentence-tokens',
  config,
  ports: (given) => ({ in: {}, out: { tokens: readConfig(given).tokens } }),
  async open(source) {
    const read = readConfig(source.config);
    return createTextConditioner(read, await openSentenceModel(source, { width: read.tokens[1], maxTokens: read.maxTokens }));
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): SentenceTokensConfig {
  return requireConfig('sentence-tokens', checkSchema<SentenceTokensConfig>(config, given, 'config'));
}

/**
 * `tokens` [n, d]: the sentence vector times sqrt(d), so that its elements have a variance of one; then the word pieces' states times the
 * scale; zeros after the end. An empty prompt is all zeros, which is what a decoder takes for no condition. Owns the model.
 */
function createTextConditioner({ tokens: [rows, width], tokenScale }: SentenceTokensConfig, model: SentenceModel): OutputProjector {
  return {
    accepts: 'prompt',
    async project(source, context) {
      if (source.type !== 'prompt') throw new AnymodalError('internal', `sentence-tokens got a ${source.type}; expected a prompt.`);
      const tokens = zeros([rows, width]);
      if (source.text.trim() === '') return { tokens };
      const { embedding, pieces, pieceCount } = await model.read(source.text);
      tokens.data.set(embedding.data.map((value) => value * Math.sqrt(width)));
      tokens.data.set(pieces.data.subarray(0, (rows - 1) * width).map((value) => value * tokenScale), width);
      if (pieceCount > rows - 1) {
        context.warn('prompt_truncated', `The prompt has ${pieceCount} word pieces; the first ${rows - 1} count in full and the rest through the meaning of the whole alone. A shorter prompt is followed better.`);
      }
      return { tokens };
    },
    dispose: async () => model.dispose(),
  };
}
