// The configuration and the options of a latent diffusion decoder of videos, as JSON Schema and as types.
// Knows what can be set and to what; nothing of how a video is made.

import type { JsonSchema } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { count, diffusionConfigSchemas, diffusionOptionSchemas, requiredDiffusionConfig } from '../diffusion/settings.ts';
import type { DiffusionConfig, DiffusionOptions } from '../diffusion/settings.ts';
import { candidatesOption, configSchema as imageConfigSchema } from '../image/settings.ts';
import type { ImageDecoderConfig } from '../image/settings.ts';

export const FACTORY = 'latent-diffusion-video';

/** `config` of the component in a bundle; its `tokens` are those of `image`. */
export interface VideoDecoderConfig extends DiffusionConfig {
  /** Configuration of the decoder of pictures that draws the first frame; its latents are those of every frame. */
  readonly image: ImageDecoderConfig;
  /** Frames that the transformer makes at once, the first one, which is given to it, included. */
  readonly frames: number;
  /** Frames a second that it learned from. */
  readonly fps: number;
  /** The transformer's samples are (latents of a frame - latents of the first) times this. */
  readonly differenceScale: number;
  readonly strength: number;
  /** Whether a graph turns the tokens of a prompt, motion and all, into those that the first frame is drawn from. */
  readonly still: boolean;
  /** How more frames come about: going on from the last one, or by repeating what was made. */
  readonly longer: 'continue' | 'repeat';
}

const { tokens: _, ...motionSchemas } = diffusionConfigSchemas;

export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['image', 'frames', 'fps', 'differenceScale', ...requiredDiffusionConfig.filter((key) => key !== 'tokens')],
  properties: {
    image: { ...imageConfigSchema, description: 'Configuration of the decoder of pictures that draws the first frame.' },
    frames: { ...count, minimum: 2, maximum: 64, description: 'Frames made at once, the first included; default of the option.' },
    fps: { ...count, maximum: 30, description: 'Frames a second that the transformer learned from; default of the option.' },
    differenceScale: { type: 'number', exclusiveMinimum: 0, description: 'Samples are differences from the first frame times this.' },
    ...motionSchemas,
    strength: { type: 'number', minimum: 0, maximum: 1, default: 0.8, description: 'Default of the option.' },
    still: { type: 'boolean', default: false, description: 'Whether the file still turns tokens about a motion into those of what moves, for the first frame.' },
    longer: { enum: ['continue', 'repeat'], default: 'continue', description: 'Whether more frames go on from the last one or repeat what was made.' },
  },
};

/** The configuration with defaults filled in. Throws `bundle_invalid` with every fault. */
export function readConfig(given: Readonly<Record<string, unknown>>): VideoDecoderConfig {
  const config = requireConfig(FACTORY, checkSchema<Omit<VideoDecoderConfig, 'tokens'>>(configSchema, given, 'config'));
  return { ...config, tokens: config.image.tokens };
}

/** What a request can set. */
export interface VideoOptions extends DiffusionOptions {
  readonly frames: number;
  readonly fps: number;
  readonly width: number;
  readonly format: 'mp4' | 'webm' | 'gif' | 'webp';
  /** First frames begun; absent where the configuration has none. */
  readonly candidates?: number;
}

/** Schema of the options as this configuration offers them, a default for each. */
export function optionsSchema(config: VideoDecoderConfig): JsonSchema {
  const { width } = frameSize(config);
  const { steps, guidanceScale, ...others } = diffusionOptionSchemas(config, {
    default: config.strength,
    description: 'How much of an edited video may change; below 1 its noised self is the start.',
  });
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      frames: { type: 'integer', minimum: 2, maximum: 64, default: config.frames, description: 'Length in frames.' },
      fps: { type: 'integer', minimum: 1, maximum: 30, default: config.fps, description: `Frames a second; at ${config.fps} things move as they were learned.` },
      // Codecs keep one colour for two by two pixels.
      width: { type: 'integer', minimum: 64, maximum: 512, multipleOf: 2, default: width, description: `Pixels; ${width} are drawn, others are scaled from them.` },
      steps: { ...steps, description: 'Denoising steps of the motion; more is slower and finer.' },
      guidanceScale,
      ...others,
      ...candidatesOption(config.image, 'First frames begun for a text, of which the most fitting is finished; each costs time.'),
      format: { type: 'string', enum: ['mp4', 'webm', 'gif', 'webp'], default: 'mp4', description: 'File format.' },
    },
  };
}

/** Width and height of a frame as it is drawn, in pixels. */
export function frameSize({ image }: Pick<VideoDecoderConfig, 'image'>): { readonly width: number; readonly height: number } {
  const [, rows, columns] = image.latent;
  return { width: columns * image.factor, height: rows * image.factor };
}

/** Numbers in the latents of one frame. */
export function frameElements({ image }: Pick<VideoDecoderConfig, 'image'>): number {
  return image.latent[0] * image.latent[1] * image.latent[2];
}
