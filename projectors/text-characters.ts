// The factory `text-characters`: a prompt as it stands, for decoders that read letters, such as a speech synthesiser. No weights; knows no language.

import type { Factory } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';

/** `characters` [n]: Unicode code points. No files. */
export const textCharacters: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'text-characters',
  config: { type: 'object', additionalProperties: false, properties: {} },
  ports: () => ({ in: {}, out: { characters: [null] } }),
  async open(source) {
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
