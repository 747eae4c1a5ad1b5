// The configuration and the options of a decoder of videos with a UNet over frames, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a video is made.

import type { JsonSchema } from '../../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../../src/schema.ts';
import { autoencoderSchemas, tilesOption } from '../../diffusion/autoencoder.ts';
import type { AutoencoderConfig, Tiles } from '../../diffusion/autoencoder.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas } from '../../diffusion/settings.ts';
import type { DiffusionConfig } from '../../diffusion/settings.ts';
import { previewSchema } from '../../image/settings.ts';
import type { ImageDecoderConfig } from '../../image/settings.ts';
import { schedulersFor } from '../../schedulers/index.ts';
import type { VideoOptions } from '../settings.ts';

export const FACTORY = 'zeroscope';

/** `config` of the component in a bundle. */
export interface ZeroscopeConfig extends Pick<DiffusionConfig, 'prediction' | 'steps' | 'guidanceScale' | 'schedulers'>, Pick<ImageDecoderConfig, 'preview'>, AutoencoderConfig {
  /** Width of the conditioning tokens. */
  readonly tokenWidth: number;
  /** Default width and height in pixels, and the limits. */
  readonly size: readonly [number, number];
  readonly minSize: number;
  readonly maxSize: number;
  /** Width and height are multiples of this. */
  readonly multiple: number;
  /** Default length, and the longest: all frames are made at once. */
  readonly frames: number;
  readonly maxFrames: number;
  readonly fps: number;
  readonly strength: number;
  /** Name of the default scheduler; null is the first that fits. */
  readonly scheduler: string | null;
  /** Whether there is a file `unconditional`: float32 tokens of no prompt, for conditioning that does not bring its own. */
  readonly unconditional: boolean;
}

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokenWidth'],
  properties: {
    tokenWidth: { ...count, description: 'Width of the conditioning tokens.' },
    ...autoencoderSchemas,
    size: { type: 'array', items: count, minItems: 2, maxItems: 2, default: [256, 256], description: 'Default width and height in pixels.' },
    minSize: { ...count, default: 64, description: 'Smallest width and height in pixels.' },
    maxSize: { ...count, default: 1024, description: 'Largest width and height in pixels.' },
    multiple: { ...count, default: 8, description: 'Width and height are multiples of this.' },
    frames: { ...count, default: 16, description: 'Default length in frames.' },
    maxFrames: { ...count, default: 64, description: 'Greatest length in frames.' },
    fps: { ...count, maximum: 30, default: 8, description: 'Default frames a second.' },
    strength: { type: 'number', minimum: 0, maximum: 1, default: 0.6, description: 'Default of the option.' },
    prediction: { enum: ['epsilon', 'v_prediction', 'sample'], default: 'epsilon', description: 'What the output of the UNet means.' },
    steps: { ...count, maximum: 1000, default: 50, description: 'Default of the option.' },
    guidanceScale: { type: 'number', minimum: 0, default: 9, description: 'Default of the option.' },
    schedulers: diffusionConfigSchemas['schedulers'],
    scheduler: { type: ['string', 'null'], default: null, description: 'Name of the default scheduler.' },
    unconditional: { type: 'boolean', default: false, description: 'Whether there is a file unconditional: float32 tokens of no prompt.' },
    preview: previewSchema,
  },
};

/** The configuration with defaults filled in. Throws `bundle_invalid` with every fault. */
export function readConfig(config: Readonly<Record<string, unknown>>): ZeroscopeConfig {
  return requireConfig(FACTORY, checkSchema<ZeroscopeConfig>(configSchema, config, 'config'));
}

/** What a request can set. */
export interface ZeroscopeOptions extends VideoOptions {
  readonly height: number;
  readonly tiles: Tiles;
}

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: ZeroscopeConfig): JsonSchema {
  const { steps, guidanceScale, scheduler, ...others } = diffusionOptionSchemas(config, {
    default: config.strength,
    description: 'How much of an edited video may change; below 1 its noised self is the start.',
  });
  const edge = { type: 'integer', minimum: config.minSize, maximum: config.maxSize, multipleOf: config.multiple, description: `Pixels, a multiple of ${config.multiple}.` };
  const names = schedulersFor(config.prediction);
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      frames: { type: 'integer', minimum: 1, maximum: config.maxFrames, default: config.frames, description: 'Length in frames, which are made at once; memory grows with it.' },
      fps: { type: 'integer', minimum: 1, maximum: 30, default: config.fps, description: 'Frames a second.' },
      width: { ...edge, default: config.size[0] },
      height: { ...edge, default: config.size[1] },
      steps,
      guidanceScale,
      scheduler: { ...scheduler, default: names.find((name) => name === config.scheduler) ?? names[0] },
      ...others,
      tiles: tilesOption,
      format: { type: 'string', enum: ['mp4', 'webm', 'gif', 'webp'], default: 'mp4', description: 'File format.' },
    },
  };
}
