// The factory `text-characters`: a prompt as it stands, for decoders that read letters, such as a speech synthesiser. No weights; knows no language.

import type { Factory, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

const config: JsonSchema = { type: 'object', additionalProperties: false, properties: {} };

/** `characters` [n]: Unicode code points. No files. */
export const textCharacters: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'text-characters',
  config,
  ports(given) {
    requireConfig('text-characters', checkSchema(config, given, 'config'));
    return { in: {}, out: { characters: [null] } };
  },
  async open(source) {
    requireConfig('text-characters', checkSchema(config, source.config, 'config'));
    return {
      accepts: 'prompt',
      async project(given) {
        if (given.type !== 'prompt') throw new AnymodalError('internal', `${source.name} got a ${given.type}; expected a prompt.`);
        const data = Float32Array.from(Array.from(given.text), (character) => character.codePointAt(0)!);
        return { characters: { shape: [data.length], data } };
      },
      async dispose() {
        // Holds nothing.
      },
    };
  },
};
