// The factories `linear` and `mlp`: encoder tokens to embeddings of the language model, row by row.
// The products are in the graph; the two differ in depth alone. Knows no modality.
// Source: `linear` is the released NExT-GPT's (NExT-GPT-Lagacy/code/model/anyToImageVideoAudio.py L103-105 at 60d618b), `mlp`, two layers
// with GELU between, that of its successor (nextgpt/model/multimodal_projector/builder.py L49-63 at 60d618b).

import type { Factory, InputProjector, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import { floatTensor } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface LinearConfig {
  /** Width of the encoder's tokens. */
  readonly in: number;
  /** Width of the language model. */
  readonly out: number;
}

const width = { type: 'integer', minimum: 1 };
const properties = { in: { ...width, description: "Width of the encoder's tokens." }, out: { ...width, description: 'Width of the language model.' } };
const linearConfig: JsonSchema = { type: 'object', additionalProperties: false, required: ['in', 'out'], properties };
const mlpConfig: JsonSchema = {
  ...linearConfig,
  properties: { ...properties, hidden: { ...width, description: 'Width between the two layers; for readers, the graph has it.' } },
};

/** File: `model`, a graph `tokens` [n, in] to `embeds` [n, out]. */
export const linear: Factory<'input-projector'> = rowProjector('linear', linearConfig);

/** File: `model`, a graph `tokens` [n, in] to `embeds` [n, out]. */
export const mlp: Factory<'input-projector'> = rowProjector('mlp', mlpConfig);

function rowProjector(name: string, config: JsonSchema): Factory<'input-projector'> {
  const readConfig = (given: Readonly<Record<string, unknown>>): LinearConfig => requireConfig(name, checkSchema<LinearConfig>(config, given, 'config'));
  return {
    kind: 'input-projector',
    name,
    config,
    ports: (given) => ({ in: { tokens: [null, readConfig(given).in] }, out: { embeds: [null, readConfig(given).out] } }),
    async open(source): Promise<InputProjector> {
      const widths = readConfig(source.config);
      const session = await openGraph(source, 'model', {
        inputs: { tokens: { type: 'float32', shape: [null, widths.in] } },
        outputs: { embeds: { type: 'float32', shape: [null, widths.out] } },
      });
      return {
        async project(tokens) {
          if (tokens.shape.length !== 2 || tokens.shape[1] !== widths.in) throw new AnymodalError('internal', `${source.name} got tokens [${tokens.shape.join(', ')}]; expected [n, ${widths.in}].`);
          return floatTensor((await session.run({ tokens })).embeds, 'embeds');
        },
        dispose: async () => session.release(),
      };
    },
  };
}
