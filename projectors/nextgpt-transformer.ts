// The factory `nextgpt-transformer`: the states of a group of signal tokens to the conditioning tokens of a decoder.
// Learned queries attend to hidden state plus input embedding of each signal token; the network is the graph's. Knows no decoder.
// Source: Wu et al. 2024, NExT-GPT (arXiv 2309.05519); `TextFcLayer` in mode `transformer`, NExT-GPT-Lagacy/code/model/layers.py L6-123 at 60d618b.

import type { Factory, JsonSchema } from '../src/contracts.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import { floatTensor, reshape } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';
import { signalStates } from './signal-states.ts';

interface NextGptTransformerConfig {
  /** Signal tokens in a group. */
  readonly signals: number;
  /** Width of the language model. */
  readonly model: number;
  /** Count and width of the conditioning tokens, which is the count of learned queries. */
  readonly tokens: readonly [number, number];
}

const count = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['signals', 'model', 'tokens'],
  properties: {
    signals: { ...count, description: 'Signal tokens in a group.' },
    model: { ...count, description: 'Width of the language model.' },
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the conditioning tokens.' },
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): NextGptTransformerConfig {
  return requireConfig('nextgpt-transformer', checkSchema<NextGptTransformerConfig>(config, given, 'config'));
}

/** File: `model`, a graph `hidden`, `embedded` [1, N, d_model] to `tokens` [1, n, d]. */
export const nextGptTransformer: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'nextgpt-transformer',
  config,
  ports(given) {
    const { signals, model, tokens } = readConfig(given);
    return { in: { hidden: [signals, model], embedded: [signals, model] }, out: { tokens } };
  },
  async open(source) {
    const { signals, model, tokens } = readConfig(source.config);
    const states = { type: 'float32', shape: [1, signals, model] } as const;
    const session = await openGraph(source, 'model', { inputs: { hidden: states, embedded: states }, outputs: { tokens: { type: 'float32', shape: [1, ...tokens] } } });
    return {
      accepts: 'signal',
      async project(given) {
        const { hidden, embedded } = signalStates(source.name, given, signals, model);
        const results = await session.run({ hidden: reshape(hidden, [1, signals, model]), embedded: reshape(embedded, [1, signals, model]) });
        return { tokens: reshape(floatTensor(results['tokens'], 'tokens'), tokens) };
      },
      dispose: async () => session.release(),
    };
  },
};
