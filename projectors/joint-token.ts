// The factory `joint-token`: an embedding of the joint space to the conditioning tokens of a decoder, without weights.
// For decoders whose first token is the sentence vector (encoders/text/sentence-tokens): the joint space is anchored there. Knows no modality.

import type { Factory, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { l2Normalise, zeros } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface JointTokenConfig {
  /** Count and width of the conditioning tokens. */
  readonly tokens: readonly [number, number];
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens'],
  properties: { tokens: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2, description: 'Count and width of the conditioning tokens.' } },
};

function readConfig(given: Readonly<Record<string, unknown>>): JointTokenConfig {
  return requireConfig('joint-token', checkSchema<JointTokenConfig>(config, given, 'config'));
}

/** `tokens` [n, d]: the unit embedding times sqrt(d) first, zeros after it. No files. */
export const jointToken: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'joint-token',
  config,
  ports(given) {
    const { tokens } = readConfig(given);
    return { in: { joint: [tokens[1]] }, out: { tokens } };
  },
  async open(source) {
    const [rows, width] = readConfig(source.config).tokens;
    return {
      accepts: 'joint',
      async project(given) {
        if (given.type !== 'joint') throw new AnymodalError('internal', `${source.name} got a ${given.type}; expected a joint embedding.`);
        if (given.embedding.data.length !== width) throw new AnymodalError('internal', `${source.name} got an embedding of ${given.embedding.data.length}; expected ${width}.`);
        const tokens = zeros([rows, width]);
        tokens.data.set(l2Normalise(given.embedding.data).map((value) => value * Math.sqrt(width)));
        return { tokens };
      },
      async dispose() {
        // Holds nothing.
      },
    };
  },
};
