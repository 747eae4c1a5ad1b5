// The factory `feature-regression`: the state at the last token of a marker to one feature of a decoder's encoder space.
// Linear, GELU, LayerNorm, Linear are in the graph. Knows no decoder.
// Source: Tang et al. 2024, CoDi-2 (arXiv 2311.18775); `codi_llama_decode`, i-Code/CoDi-2/core/models/mmllama/openllama.py L177-189 and L505-527 at 9b16730.

import type { Factory, JsonSchema } from '../src/contracts.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import { floatTensor, reshape, sliceRows } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';
import { signalStates } from './signal-states.ts';

interface FeatureRegressionConfig {
  /** Width of the language model. */
  readonly model: number;
  /** Width of the feature. */
  readonly feature: number;
}

const width = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['model', 'feature'],
  properties: { model: { ...width, description: 'Width of the language model.' }, feature: { ...width, description: 'Width of the feature.' } },
};

function readConfig(given: Readonly<Record<string, unknown>>): FeatureRegressionConfig {
  return requireConfig('feature-regression', checkSchema<FeatureRegressionConfig>(config, given, 'config'));
}

/** File: `model`, a graph `hidden` [1, 1, d_model] to `feature` [1, 1, d]. A marker of several tokens counts by its last one. */
export const featureRegression: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'feature-regression',
  config,
  ports(given) {
    const { model, feature } = readConfig(given);
    return { in: { hidden: [null, model] }, out: { feature: [1, feature] } };
  },
  async open(source) {
    const { model, feature } = readConfig(source.config);
    const session = await openGraph(source, 'model', {
      inputs: { hidden: { type: 'float32', shape: [1, 1, model] } },
      outputs: { feature: { type: 'float32', shape: [1, 1, feature] } },
    });
    return {
      accepts: 'signal',
      async project(given) {
        const { hidden } = signalStates(source.name, given, null, model);
        const rows = hidden.shape[0] ?? 0;
        const results = await session.run({ hidden: reshape(sliceRows(hidden, rows - 1, rows), [1, 1, model]) });
        return { feature: reshape(floatTensor(results['feature'], 'feature'), [1, feature]) };
      },
      dispose: async () => session.release(),
    };
  },
};
