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
  /** How many pictures are begun for a text, of which the one is finished that the file `encoder` finds most like it; absent where one is begun. */
  readonly candidates?: CandidatesConfig;
  /** Whether the file `arrangement` reads what a text wants where; absent is no. */
  readonly arrangement?: boolean;
}

export interface CandidatesConfig {
  /** Default of the option. */
  readonly count: number;
  /** Share of the steps after which one is chosen, 0..1. */
  readonly at: number;
  /** Side of the square that the encoder sees, and mean and deviation by channel of its values 0..1. */
  readonly size: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface ImageTransformerPorts extends TransformerPorts {
  readonly source: string | null;
  readonly mask: string | null;
  readonly copied: string | null;
}

export const defaultPorts: ImageTransformerPorts = { ...defaultTransformerPorts, source: 'source', mask: 'mask', copied: null };

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

const MOST_CANDIDATES = 16;
const channels: JsonSchema = { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 };

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['latent', 'factor', ...requiredDiffusionConfig],
  properties: {
    latent: { type: 'array', items: count, minItems: 3, maxItems: 3, description: 'Channels, height and width of the latents.' },
    factor: { ...count, description: 'Pixels along one edge of a latent cell.' },
    ...diffusionConfigSchemas,
    ports: portsSchema(defaultPorts, ['source', 'mask', 'copied']),
    preview: previewSchema,
    candidates: {
      type: 'object',
      additionalProperties: false,
      required: ['count', 'at', 'size', 'mean', 'std'],
      properties: {
        count: { ...count, maximum: MOST_CANDIDATES, description: 'Default of the option.' },
        at: { type: 'number', exclusiveMinimum: 0, maximum: 1, description: 'Share of the steps after which one is chosen.' },
        size: { ...count, description: 'Side of the square that the file `encoder` sees.' },
        mean: channels,
        std: channels,
      },
    },
    arrangement: { type: 'boolean', description: 'Whether the file `arrangement` reads what a text wants where.' },
  },
};

/** What a request can set. */
export interface ImageOptions extends DiffusionOptions {
  readonly width: number;
  readonly height: number;
  readonly format: 'png' | 'jpeg' | 'webp';
  readonly quality: number;
  /** Absent where the configuration has none. */
  readonly candidates?: number;
}

/** A transformer that is shown the picture edits from pure noise; one that is not keeps of it what the start holds. */
export function defaultStrength(config: ImageDecoderConfig): number {
  return config.ports?.source === null ? 0.8 : 1;
}

/** Schema of the option `candidates`, by its name; empty where the configuration has none. */
export function candidatesOption({ candidates }: ImageDecoderConfig, description: string): Record<string, JsonSchema> {
  return candidates === undefined ? {} : { candidates: { type: 'integer', minimum: 1, maximum: MOST_CANDIDATES, default: candidates.count, description } };
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
      ...candidatesOption(config, 'Pictures begun for a text, of which the most fitting is finished; each costs time.'),
      format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png', description: 'File format.' },
      quality: { type: 'integer', minimum: 1, maximum: 100, default: 90, description: 'Quality of jpeg and webp.' },
    },
  };
}
