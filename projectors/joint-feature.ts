// The factory `joint-feature`: an embedding in the joint space as the one feature that an unCLIP decoder is told.
// For joint spaces that are the decoder's own encoder space, or aligned with it; knows neither.

import type { Factory, JsonSchema, OutputProjector } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface JointFeatureConfig {
  readonly width: number;
  /** Length of the decoder's embeddings; a joint embedding has length 1. */
  readonly scale: number;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width'],
  properties: {
    width: { type: 'integer', minimum: 1, description: 'Width of the joint space and of the feature.' },
    scale: { type: 'number', exclusiveMinimum: 0, default: 1, description: "Length of the decoder's embeddings." },
  },
};

/** Files: none. */
export const jointFeature: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'joint-feature',
  config,
  ports(given) {
    const { width } = readConfig(given);
    return { in: { joint: [width] }, out: { feature: [width] } };
  },
  async open(source): Promise<OutputProjector> {
    const { width, scale } = readConfig(source.config);
    return {
      accepts: 'joint',
      async project(given) {
        if (given.type !== 'joint') throw new AnymodalError('internal', `joint-feature got a ${given.type}; expected a joint embedding.`);
        return { feature: { shape: [width], data: given.embedding.data.map((value) => value * scale) } };
      },
      dispose: async () => undefined,
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): JointFeatureConfig {
  return requireConfig('joint-feature', checkSchema<JointFeatureConfig>(config, given, 'config'));
}
