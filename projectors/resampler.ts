// The factories `q-former`, `perceiver-resampler` and `pixel-shuffle`: all encoder tokens of a medium to a fixed number of embeddings of the language model.
// What chooses or merges them, and the layers behind it, are in the graph; the three differ there alone. Knows no modality.
// Sources: Li et al. 2023, BLIP-2 (arXiv 2301.12597); Alayrac et al. 2022, Flamingo (2204.14198), and IDEFICS 2 (2405.02246); IDEFICS 3 (2408.12637).

import type { Factory, InputProjector, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import { floatTensor } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface ResamplerConfig {
  /** Count and width of the encoder's tokens. */
  readonly in: readonly [number, number];
  /** Count and width of the embeddings. */
  readonly out: readonly [number, number];
}

const pair = (description: string): object => ({ type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2, description });
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['in', 'out'],
  properties: { in: pair("Count and width of the encoder's tokens."), out: pair('Count and width of the embeddings.') },
};

/** File: `model`, a graph `tokens` [n, d_enc] to `embeds` [m, d_model]; learned queries attend to the tokens. */
export const qFormer: Factory<'input-projector'> = resampler('q-former');

/** File: `model`, a graph `tokens` [n, d_enc] to `embeds` [m, d_model]; learned latents attend to the tokens and to each other. */
export const perceiverResampler: Factory<'input-projector'> = resampler('perceiver-resampler');

/** File: `model`, a graph `tokens` [n, d_enc] to `embeds` [m, d_model]; squares of neighbouring tokens become one. */
export const pixelShuffle: Factory<'input-projector'> = resampler('pixel-shuffle');

function resampler(name: string): Factory<'input-projector'> {
  const readConfig = (given: Readonly<Record<string, unknown>>): ResamplerConfig => requireConfig(name, checkSchema<ResamplerConfig>(config, given, 'config'));
  return {
    kind: 'input-projector',
    name,
    config,
    ports: (given) => ({ in: { tokens: readConfig(given).in }, out: { embeds: readConfig(given).out } }),
    async open(source): Promise<InputProjector> {
      const read = readConfig(source.config);
      const session = await openGraph(source, 'model', { inputs: { tokens: { type: 'float32', shape: read.in } }, outputs: { embeds: { type: 'float32', shape: read.out } } });
      return {
        async project(tokens) {
          const [count, width] = read.in;
          if (tokens.shape.length !== 2 || tokens.shape[0] !== count || tokens.shape[1] !== width) throw new AnymodalError('internal', `${source.name} got tokens [${tokens.shape.join(', ')}]; expected [${count}, ${width}].`);
          return floatTensor((await session.run({ tokens })).embeds, 'embeds');
        },
        dispose: async () => session.release(),
      };
    },
  };
}
