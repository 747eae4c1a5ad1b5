// The factory `identity`: tokens of an encoder that are embeddings of the language model already, since its graph holds the connector.
// Checks their width; knows no graph and no modality.

import type { Factory, InputProjector, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface IdentityConfig {
  /** Of the encoder's tokens and of the language model. */
  readonly width: number;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width'],
  properties: { width: { type: 'integer', minimum: 1, description: "Width of the encoder's tokens, which is that of the language model." } },
};

function readConfig(given: Readonly<Record<string, unknown>>): IdentityConfig {
  return requireConfig('identity', checkSchema<IdentityConfig>(config, given, 'config'));
}

/** Files: none. Tokens [n, width] are the embeddings. */
export const identity: Factory<'input-projector'> = {
  kind: 'input-projector',
  name: 'identity',
  config,
  ports: (given) => ({ in: { tokens: [null, readConfig(given).width] }, out: { embeds: [null, readConfig(given).width] } }),
  async open(source): Promise<InputProjector> {
    const { width } = readConfig(source.config);
    return {
      async project(tokens) {
        if (tokens.shape.length !== 2 || tokens.shape[1] !== width) throw new AnymodalError('internal', `${source.name} got tokens [${tokens.shape.join(', ')}]; expected [n, ${width}].`);
        // A caller owns what it gets, and the tokens are another's.
        return { shape: tokens.shape, data: tokens.data.slice() };
      },
      dispose: async () => undefined,
    };
  },
};
