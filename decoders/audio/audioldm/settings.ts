// The configuration and the options of AudioLDM as a decoder of sounds, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a sound is made.

import { logMelSchema } from '../../../media/index.ts';
import type { LogMelSettings } from '../../../media/index.ts';
import type { JsonSchema } from '../../../src/contracts.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas } from '../../diffusion/settings.ts';
import type { DiffusionConfig } from '../../diffusion/settings.ts';
import { schedulersFor } from '../../schedulers/index.ts';
import { LEAST_SECONDS, secondsSchema } from '../settings.ts';
import type { AudioOptions } from '../settings.ts';

/** `config` of the component in a bundle. */
export interface AudioLdmConfig extends Pick<DiffusionConfig, 'prediction' | 'steps' | 'guidanceScale' | 'schedulers'> {
  /** Width of the one vector that the UNet is told as class labels: CLAP's, 512. */
  readonly width: number;
  readonly latentChannels: number;
  /** Frames, and mels, along one edge of a latent cell. */
  readonly factor: number;
  /** Latents as the UNet has them are the autoencoder's times this. */
  readonly scalingFactor: number;
  /** The log-mels between autoencoder and vocoder. */
  readonly mel: LogMelSettings;
  /** Name of the default scheduler; null is the first that fits. */
  readonly scheduler: string | null;
  /** Defaults of the options. */
  readonly seconds: number;
  readonly strength: number;
  /** The most that `seconds` can be. */
  readonly maxSeconds: number;
  /** Whether there is a file `vaeEncoder`, without which no sound can be edited. */
  readonly edits: boolean;
  /** Whether there is a file `unconditional`: float32 numbers of no prompt, for conditioning that does not bring its own. */
  readonly unconditional: boolean;
}

const seconds = { type: 'number', exclusiveMinimum: 0 } as const;

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width', 'mel'],
  properties: {
    width: { ...count, description: 'Width of the one vector that the UNet is told.' },
    latentChannels: { ...count, default: 8 },
    factor: { ...count, default: 4, description: 'Frames, and mels, along one edge of a latent cell.' },
    scalingFactor: { type: 'number', exclusiveMinimum: 0, default: 1, description: 'Of the autoencoder.' },
    mel: { ...logMelSchema, description: 'The log-mels between autoencoder and vocoder; their rate is that of the samples.' },
    prediction: { enum: ['epsilon', 'v_prediction', 'sample'], default: 'epsilon', description: 'What the output of the UNet means.' },
    scheduler: { type: ['string', 'null'], default: null, description: 'Name of the default scheduler.' },
    schedulers: diffusionConfigSchemas['schedulers'],
    steps: { ...count, maximum: 1000, default: 50, description: 'Default of the option.' },
    guidanceScale: { type: 'number', minimum: 0, default: 2.5, description: 'Default of the option.' },
    seconds: { ...seconds, default: 5.12, description: 'Default of the option.' },
    strength: { type: 'number', minimum: 0, maximum: 1, default: 0.5, description: 'Default of the option.' },
    maxSeconds: { ...seconds, minimum: LEAST_SECONDS, default: 30, description: 'The longest sound that can be asked for.' },
    edits: { type: 'boolean', default: true, description: 'Whether there is a file vaeEncoder.' },
    unconditional: { type: 'boolean', default: false, description: 'Whether there is a file unconditional: float32 numbers of no prompt.' },
  },
};

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: AudioLdmConfig): JsonSchema {
  const common = diffusionOptionSchemas(config, { default: config.strength, description: 'How much of an edited sound may change; its noised self is the start.' });
  const names = schedulersFor(config.prediction);
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      seconds: secondsSchema(config, `Length of a sound; without it that of the sound it is made from, else ${config.seconds}.`),
      ...common,
      scheduler: { ...common.scheduler, default: names.find((name) => name === config.scheduler) ?? names[0] },
      format: { type: 'string', enum: ['wav', 'mp3', 'ogg', 'flac'], default: 'wav', description: 'File format.' },
    },
  };
}

export type AudioLdmOptions = AudioOptions;
