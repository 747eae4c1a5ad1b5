// The configuration and the options of a decoder with Stable Diffusion's UNet and autoencoder, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a picture is made.

import type { JsonSchema } from '../../../src/contracts.ts';
import { autoencoderSchemas, tilesOption } from '../../diffusion/autoencoder.ts';
import type { AutoencoderConfig, Tiles } from '../../diffusion/autoencoder.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas } from '../../diffusion/settings.ts';
import type { DiffusionConfig } from '../../diffusion/settings.ts';
import { schedulersFor } from '../../schedulers/index.ts';
import type { SchedulerConfig } from '../../schedulers/scheduler.ts';
import { previewSchema } from '../settings.ts';
import type { ImageDecoderConfig, ImageOptions } from '../settings.ts';

/** `config` of the component in a bundle. */
export interface StableDiffusionConfig extends Pick<DiffusionConfig, 'prediction' | 'steps' | 'guidanceScale' | 'schedulers'>, Pick<ImageDecoderConfig, 'preview'>, AutoencoderConfig {
  /**
   * What the UNet is shown beside the sample: `generate` nothing; `inpaint` a mask and what it leaves of the picture (9 channels);
   * `instruct` the picture (8 channels), in a guidance of its own.
   */
  readonly task: 'generate' | 'inpaint' | 'instruct';
  /** Width of the conditioning tokens. */
  readonly tokenWidth: number;
  /** Width of the pooled vector that the UNet takes beside the size of the picture (SDXL); null for a UNet without them. */
  readonly pooledWidth: number | null;
  /** Width of the embedding of a picture that the UNet is told as class labels (unCLIP), with a file `featureStatistics`; null for a UNet without them. */
  readonly featureWidth: number | null;
  /** Settings of the noise on that embedding, as of a scheduler. */
  readonly featureNoise: SchedulerConfig;
  /** Default width and height in pixels, and the largest. */
  readonly size: readonly [number, number];
  readonly maxSize: number;
  readonly minSize: number;
  /** Width and height are multiples of this: the factor, or more where the UNet was exported for sizes that all its levels can halve. */
  readonly multiple: number;
  /** Name of the default scheduler; null is the first that fits. */
  readonly scheduler: string | null;
  /** Default of the option, for `instruct`. */
  readonly imageGuidanceScale: number;
  /** Whether there is a file `unconditional`: float32 tokens of no prompt, for conditioning that does not bring its own. */
  readonly unconditional: boolean;
}

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokenWidth'],
  properties: {
    task: { enum: ['generate', 'inpaint', 'instruct'], default: 'generate', description: 'What the UNet is shown beside the sample.' },
    tokenWidth: { ...count, description: 'Width of the conditioning tokens.' },
    pooledWidth: { type: ['integer', 'null'], minimum: 1, default: null, description: 'Width of the pooled vector of SDXL.' },
    featureWidth: { type: ['integer', 'null'], minimum: 2, default: null, description: 'Width of the embedding of a picture that an unCLIP model is told.' },
    featureNoise: { type: 'object', default: {}, description: 'Settings of the noise on that embedding.' },
    ...autoencoderSchemas,
    size: { type: 'array', items: count, minItems: 2, maxItems: 2, default: [512, 512], description: 'Default width and height in pixels.' },
    minSize: { ...count, default: 64, description: 'Smallest width and height in pixels.' },
    multiple: { ...count, default: 8, description: 'Width and height are multiples of this.' },
    maxSize: { ...count, default: 1536, description: 'Largest width and height in pixels.' },
    schedulers: diffusionConfigSchemas['schedulers'],
    prediction: { enum: ['epsilon', 'v_prediction', 'sample'], default: 'epsilon', description: 'What the output of the UNet means.' },
    steps: { ...count, maximum: 1000, default: 50, description: 'Default of the option.' },
    guidanceScale: { type: 'number', minimum: 0, default: 7.5, description: 'Default of the option.' },
    imageGuidanceScale: { type: 'number', minimum: 0, default: 1.5, description: 'Default of the option.' },
    scheduler: { type: ['string', 'null'], default: null, description: 'Name of the default scheduler.' },
    unconditional: { type: 'boolean', default: false, description: 'Whether there is a file unconditional: float32 tokens of no prompt.' },
    preview: previewSchema,
  },
};
/** What a request can set. */
export interface StableDiffusionOptions extends ImageOptions {
  /** How strictly the picture to edit is followed; with `instruct` alone. */
  readonly imageGuidanceScale?: number;
  /** Noise on the embedding of a picture, 0..999; with `featureWidth` alone. */
  readonly noiseLevel?: number;
  readonly tiles: Tiles;
}

/** A UNet that is shown the picture, or told its embedding, begins from pure noise; one that is not keeps of it what the start holds. */
export function defaultStrength(config: Pick<StableDiffusionConfig, 'task' | 'featureWidth'>): number {
  return config.task === 'generate' && config.featureWidth === null ? 0.8 : 1;
}

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: StableDiffusionConfig): JsonSchema {
  const { steps, guidanceScale, scheduler, ...others } = diffusionOptionSchemas(config, {
    default: defaultStrength(config),
    description: 'How much of an edited picture may change; below 1 its noised self is the start.',
  });
  const edge = { type: 'integer', minimum: config.minSize, maximum: config.maxSize, multipleOf: config.multiple, description: `Pixels, a multiple of ${config.multiple}.` };
  const names = schedulersFor(config.prediction);
  const instructs = config.task === 'instruct';
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      steps,
      guidanceScale,
      ...(instructs && { imageGuidanceScale: { type: 'number', minimum: 0, maximum: 30, default: config.imageGuidanceScale, description: 'How strictly the picture to edit is followed.' } }),
      ...(config.featureWidth !== null && { noiseLevel: { type: 'integer', minimum: 0, maximum: 999, default: 0, description: 'Noise on the embedding of a picture; more is freer.' } }),
      width: { ...edge, default: config.size[0] },
      height: { ...edge, default: config.size[1] },
      scheduler: { ...scheduler, default: names.find((name) => name === config.scheduler) ?? names[0] },
      ...others,
      tiles: tilesOption,
      format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png', description: 'File format.' },
      quality: { type: 'integer', minimum: 1, maximum: 100, default: 90, description: 'Quality of jpeg and webp.' },
    },
  };
}
