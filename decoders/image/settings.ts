// The configuration and the options of a latent diffusion decoder of pictures, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a picture is made.

import type { JsonSchema } from '../../src/contracts.ts';
import { schedulersFor } from '../schedulers/index.ts';
import type { Prediction, SchedulerConfig } from '../schedulers/scheduler.ts';

/** `config` of the component in a bundle. */
export interface ImageDecoderConfig {
  /** Channels, height and width of the latents. */
  readonly latent: readonly [number, number, number];
  /** Pixels along one edge of a latent cell. */
  readonly factor: number;
  /** Count and width of the conditioning tokens; tokens of zeros are no condition. */
  readonly tokens: readonly [number, number];
  readonly prediction: Prediction;
  /** The graph's timestep is the scheduler's, 0 to 1000, times this. */
  readonly timestepScale: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Settings by scheduler name. */
  readonly schedulers?: Readonly<Record<string, SchedulerConfig>>;
  /** Names of the transformer's ports; null where the graph has no such input. */
  readonly ports?: Partial<TransformerPorts>;
  /** Latents [c] to RGB in -1..1 for previews: a row of three for each channel, and an offset. */
  readonly preview?: { readonly matrix: readonly (readonly number[])[]; readonly offset: readonly number[] };
}

export interface TransformerPorts {
  readonly latents: string;
  readonly source: string | null;
  readonly mask: string | null;
  readonly timestep: string;
  readonly tokens: string;
  readonly output: string;
}

export const defaultPorts: TransformerPorts = { latents: 'latents', source: 'source', mask: 'mask', timestep: 'timestep', tokens: 'tokens', output: 'velocity' };

const count = { type: 'integer', minimum: 1 };
const name = { type: 'string', minLength: 1 };
const nameOrNull = { type: ['string', 'null'], minLength: 1 };

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['latent', 'factor', 'tokens', 'prediction', 'timestepScale', 'steps', 'guidanceScale'],
  properties: {
    latent: { type: 'array', items: count, minItems: 3, maxItems: 3, description: 'Channels, height and width of the latents.' },
    factor: { ...count, description: 'Pixels along one edge of a latent cell.' },
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the conditioning tokens.' },
    prediction: { enum: ['flow', 'epsilon', 'v_prediction'], description: 'What the output of the transformer means.' },
    timestepScale: { type: 'number', exclusiveMinimum: 0, description: "The transformer's timestep is 0 to 1000 times this." },
    steps: { ...count, maximum: 1000, description: 'Default of the option.' },
    guidanceScale: { type: 'number', minimum: 0, description: 'Default of the option.' },
    schedulers: { type: 'object', additionalProperties: { type: 'object' }, description: 'Settings by scheduler name, as in diffusers.' },
    ports: {
      type: 'object',
      additionalProperties: false,
      properties: { latents: name, source: nameOrNull, mask: nameOrNull, timestep: name, tokens: name, output: name },
    },
    preview: {
      type: 'object',
      additionalProperties: false,
      required: ['matrix', 'offset'],
      properties: {
        matrix: { type: 'array', items: { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 } },
        offset: { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 },
      },
    },
  },
};

/** What a request can set. */
export interface ImageOptions {
  readonly steps: number;
  readonly guidanceScale: number;
  readonly width: number;
  readonly height: number;
  readonly scheduler: string;
  readonly strength: number;
  readonly previewEvery: number;
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
  const schedulers = schedulersFor(config.prediction);
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      steps: { type: 'integer', minimum: 1, maximum: 1000, default: config.steps, description: 'Denoising steps; more is slower and finer.' },
      guidanceScale: { type: 'number', minimum: 0, maximum: 30, default: config.guidanceScale, description: 'How strictly the prompt is followed; 1 is off and twice as fast.' },
      width: { type: 'integer', enum: [width], default: width, description: 'Pixels.' },
      height: { type: 'integer', enum: [height], default: height, description: 'Pixels.' },
      scheduler: { type: 'string', enum: schedulers, default: schedulers[0], description: 'How the steps are taken.' },
      strength: { type: 'number', minimum: 0, maximum: 1, default: defaultStrength(config), description: 'How much of an edited picture may change; below 1 its noised self is the start.' },
      previewEvery: { type: 'integer', minimum: 0, maximum: 1000, default: 0, metadata: false, description: 'A preview every so many steps; 0 is none.' },
      format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png', description: 'File format.' },
      quality: { type: 'integer', minimum: 1, maximum: 100, default: 90, description: 'Quality of jpeg and webp.' },
    },
  };
}
