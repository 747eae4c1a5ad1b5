// The configuration and the options of a latent diffusion decoder of sounds, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a sound is made.

import { logMelSchema } from '../../media/index.ts';
import type { LogMelSettings } from '../../media/index.ts';
import type { JsonSchema } from '../../src/contracts.ts';
import { defaultTransformerPorts } from '../diffusion/graphs.ts';
import type { TransformerPorts } from '../diffusion/graphs.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas, portsSchema, requiredDiffusionConfig } from '../diffusion/settings.ts';
import type { DiffusionConfig, DiffusionOptions } from '../diffusion/settings.ts';

/** `config` of the component in a bundle. */
export interface AudioDecoderConfig extends DiffusionConfig {
  /** Positions of a window, which is what the transformer makes at once, and channels of a position. */
  readonly latent: readonly [number, number];
  /** Samples of a position; a multiple of the hop of `mel`. */
  readonly samplesPerPosition: number;
  /** Positions of what was made that the next window goes on from. */
  readonly overlap: number;
  /** What the encoder of given sounds sees; its rate is that of all samples. */
  readonly mel: LogMelSettings;
  /** Width of a frame of a companion and of the motion that is made of it; absent where no companion can be followed. */
  readonly motion?: { readonly frame: number; readonly width: number };
  /** Whether the file `melDecoder` turns latents to log-mels, so that a preview needs no vocoder. */
  readonly melDecoder: boolean;
  /** Defaults of the options. */
  readonly seconds: number;
  readonly strength: number;
  /** The most that `seconds` can be. */
  readonly maxSeconds: number;
  /** Names of the transformer's ports; null where the graph has no such input. */
  readonly ports?: Partial<AudioTransformerPorts>;
}

export interface AudioTransformerPorts extends TransformerPorts {
  readonly prefix: string | null;
  readonly mask: string | null;
  readonly motion: string | null;
}

export const defaultPorts: AudioTransformerPorts = { ...defaultTransformerPorts, prefix: 'prefix', mask: 'mask', motion: 'motion' };

const seconds = { type: 'number', exclusiveMinimum: 0 } as const;
/** Below this a codec has hardly a frame to work with. */
export const LEAST_SECONDS = 0.5;

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['latent', 'samplesPerPosition', 'mel', ...requiredDiffusionConfig],
  properties: {
    latent: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Positions of a window and channels of a position.' },
    samplesPerPosition: { ...count, description: 'Samples of a position of the latents; a multiple of the hop of mel.' },
    overlap: { type: 'integer', minimum: 0, default: 16, description: 'Positions of what was made that the next window goes on from.' },
    mel: { ...logMelSchema, description: 'What melEncoder sees of a given sound, and the rate of all samples.' },
    motion: {
      type: 'object',
      additionalProperties: false,
      required: ['frame', 'width'],
      properties: { frame: { ...count, description: 'Width of a frame of a companion.' }, width: { ...count, description: 'Channels of the motion at a position.' } },
    },
    melDecoder: { type: 'boolean', default: false, description: 'Whether the file melDecoder shows latents as log-mels, for previews without the vocoder.' },
    seconds: { ...seconds, default: 4, description: 'Default of the option.' },
    strength: { type: 'number', minimum: 0, maximum: 1, default: 0.8, description: 'Default of the option.' },
    maxSeconds: { ...seconds, minimum: LEAST_SECONDS, default: 30, description: 'The longest sound that can be asked for.' },
    ...diffusionConfigSchemas,
    ports: portsSchema(defaultPorts, ['prefix', 'mask', 'motion']),
  },
};

/** What a request can set. */
export interface AudioOptions extends DiffusionOptions {
  /** Null is as long as what it goes with or is made from, else the configuration's. */
  readonly seconds: number | null;
  readonly format: 'wav' | 'mp3' | 'ogg' | 'flac';
}

/** Schema of the option `seconds`, null without a value. */
export function secondsSchema({ maxSeconds }: Pick<AudioDecoderConfig, 'maxSeconds'>, description: string): JsonSchema {
  return { type: ['number', 'null'], minimum: LEAST_SECONDS, maximum: maxSeconds, default: null, description };
}

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: AudioDecoderConfig): JsonSchema {
  const common = diffusionOptionSchemas(config, { default: config.strength, description: 'How much of an edited sound may change; its noised self is the start.' });
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      seconds: secondsSchema(config, `Length of a sound; without it that of the video it goes with or of the sound it is made from, else ${config.seconds}.`),
      ...common,
      format: { type: 'string', enum: ['wav', 'mp3', 'ogg', 'flac'], default: 'wav', description: 'File format.' },
    },
  };
}
