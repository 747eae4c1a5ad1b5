// The configuration and the options of a latent diffusion decoder of pictures, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a picture is made.

import type { JsonSchema } from '../../src/contracts.ts';
import { defaultTransformerPorts } from '../diffusion/graphs.ts';
import type { TransformerPorts } from '../diffusion/graphs.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas, portsSchema, requiredDiffusionConfig } from '../diffusion/settings.ts';
import type { DiffusionConfig, DiffusionOptions } from '../diffusion/settings.ts';

/** `config` of the component in a bundle. */
export interface ImageDecoderConfig extends DiffusionConfig {
  /** Channels, height and width of the latents. */
  readonly latent: readonly [number, number, number];
  /** Pixels along one edge of a latent cell. */
  readonly factor: number;
  /** Names of the transformer's ports; null where the graph has no such input. */
  readonly ports?: Partial<ImageTransformerPorts>;
  /** Latents [c] to RGB in -1..1 for previews: a row of three for each channel, and an offset. */
  readonly preview?: { readonly matrix: readonly (readonly number[])[]; readonly offset: readonly number[] };
}

export interface ImageTransformerPorts extends TransformerPorts {
  readonly source: string | null;
  readonly mask: string | null;
}

export const defaultPorts: ImageTransformerPorts = { ...defaultTransformerPorts, source: 'source', mask: 'mask' };

/** Schema of a linear map of latents to RGB. */
export const previewSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['matrix', 'offset'],
  properties: {
    matrix: { type: 'array', items: { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 } },
    offset: { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 },
  },
};

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['latent', 'factor', ...requiredDiffusionConfig],
  properties: {
    latent: { type: 'array', items: count, minItems: 3, maxItems: 3, description: 'Channels, height and width of the latents.' },
    factor: { ...count, description: 'Pixels along one edge of a latent cell.' },
    ...diffusionConfigSchemas,
    ports: portsSchema(defaultPorts, ['source', 'mask']),
    preview: previewSchema,
  },
};

/** What a request can set. */
export interface ImageOptions extends DiffusionOptions {
  readonly width: number;
  readonly height: number;
  readonly format: 'png' | 'jpeg' | 'webp';
  readonly quality: number;
}

/** A transformer that is shown the picture edits from pure noise; one that is not keeps of it what the start holds. */
export function defaultStrength(config: ImageDecoderConfig): number {
  return config.ports?.source === null ? 0.8 : 1;
}

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: ImageDecoderConfig): JsonSchema {
  const [, rows, columns] = config.latent;
  const [width, height] = [columns * config.factor, rows * config.factor];
  const { steps, guidanceScale, ...others } = diffusionOptionSchemas(config, {
    default: defaultStrength(config),
    description: 'How much of an edited picture may change; below 1 its noised self is the start.',
  });
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      steps,
      guidanceScale,
      width: { type: 'integer', enum: [width], default: width, description: 'Pixels.' },
      height: { type: 'integer', enum: [height], default: height, description: 'Pixels.' },
      ...others,
      format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png', description: 'File format.' },
      quality: { type: 'integer', minimum: 1, maximum: 100, default: 90, description: 'Quality of jpeg and webp.' },
    },
  };
}
