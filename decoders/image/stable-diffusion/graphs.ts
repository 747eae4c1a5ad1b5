// The graphs of Stable Diffusion as Optimum exports them (UNet, autoencoder in two halves) behind plain functions on float32 arrays.
// Knows ports and scaling; nothing of steps, schedulers and picture files.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ComponentSource } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../../../src/runtime/float16.ts';
import { openSession } from '../../../src/runtime/sessions.ts';
import type { Session } from '../../../src/runtime/sessions.ts';
import type { Denoising } from '../../diffusion/denoise.ts';
import type { FeatureStatistics } from './feature.ts';
import type { StableDiffusionConfig } from './settings.ts';
import { unetPredictor } from './unet.ts';
import type { UnetCondition } from './unet.ts';

/** Channels, rows and columns of latents. */
type Latent = readonly [number, number, number];

export interface StableDiffusionGraphs {
  /** Planar pixels of a picture to its latents as the UNet has them: the mean that the autoencoder gives, not a draw. */
  readonly encode: (planar: Float32Array, latent: Latent) => Promise<Float32Array>;
  /** Latents as the UNet has them to planar pixels, not clamped. */
  readonly decode: (latents: Float32Array, latent: Latent) => Promise<Float32Array>;
  /** The same, quickly and roughly, by the tiny autoencoder; null without one. */
  readonly decodeRoughly: StableDiffusionGraphs['decode'] | null;
  /** The combined output for samples under one condition. */
  readonly predictor: (condition: UnetCondition) => Denoising['predict'];
  /** Tokens of no prompt; null where conditioning brings its own. */
  readonly unconditional: Float32Array | null;
  /** Of the embeddings that an unCLIP model is told; null for another. */
  readonly statistics: FeatureStatistics | null;
  readonly release: () => Promise<void>;
}

/** Opens the files `unet`, `vaeDecoder` and those that the config says there are. Throws `bundle_invalid` where a graph's ports differ. */
export async function openStableDiffusionGraphs(source: ComponentSource, config: StableDiffusionConfig): Promise<StableDiffusionGraphs> {
  const sessions: Session[] = [];
  const release = async (): Promise<void> => void (await Promise.all(sessions.map(async (session) => session.release())));
  const open = async (file: string, inputs: readonly string[], outputs: readonly string[]): Promise<Session> => {
    const path = source.path(file);
    const session = await openSession(path, { device: source.device });
    sessions.push(session);
    for (const name of inputs) inputPort(session, basename(path), name);
    const known = session.outputs.map((output) => output.name);
    if (outputs.every((name) => !known.includes(name))) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} has no output ${outputs.join(' or ')}; it has ${known.join(', ')}. Export the graph again.`);
    const extra = session.inputs.filter(({ name }) => !inputs.includes(name)).map(({ name }) => name);
    if (extra.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} wants ${extra.join(', ')}, which this decoder does not give; it gives ${inputs.join(', ')}.`);
    return session;
  };
  const { scalingFactor, shiftFactor, latentChannels, factor } = config;
  try {
    const unet = await open('unet', ['sample', 'timestep', 'encoder_hidden_states', ...(config.pooledWidth === null ? [] : ['text_embeds', 'time_ids']), ...(config.featureWidth === null ? [] : ['class_labels'])], ['out_sample']);
    requireChannels(source.name, unet, config);
    const vaeDecoder = await open('vaeDecoder', ['latent_sample'], ['sample']);
    const vaeEncoder = config.edits ? await open('vaeEncoder', ['sample'], ['latent_parameters', 'latent_sample']) : null;
    const tiny = config.tinyDecoder ? await open('tinyDecoder', ['latent_sample'], ['sample']) : null;
    const unconditional = config.unconditional ? floatsIn(await readFile(source.path('unconditional'))) : null;
    const width = config.featureWidth;
    const numbers = width === null ? null : floatsIn(await readFile(source.path('featureStatistics')));
    if (width !== null && numbers?.length !== 2 * width) throw new AnymodalError('bundle_invalid', `${source.name}: featureStatistics has ${numbers?.length} numbers, expected mean and deviation of ${width}.`);
    return {
      async encode(planar, [channels, rows, columns]) {
        if (vaeEncoder === null) throw new AnymodalError('unsupported', `${source.name}: this model has no encoder of pictures and edits none.`);
        const results = await vaeEncoder.run({ sample: feedFor(inputPort(vaeEncoder, 'vaeEncoder', 'sample'), [1, 3, rows * factor, columns * factor], planar) });
        // Newer exports give mean and logarithm of the variance, older ones a mean alone.
        const given = floatsOf(results['latent_parameters'] ?? results['latent_sample'], 'latent_parameters').data;
        return given.subarray(0, channels * rows * columns).map((value) => (value - shiftFactor) * scalingFactor);
      },
      decode: decodeBy(vaeDecoder, 'vaeDecoder', (latents) => latents.map((value) => value / scalingFactor + shiftFactor)),
      decodeRoughly: tiny === null ? null : decodeBy(tiny, 'tinyDecoder', (latents) => latents),
      predictor: (condition) => unetPredictor(unet, condition),
      unconditional,
      statistics: width === null || numbers === null ? null : { mean: numbers.subarray(0, width), deviation: numbers.subarray(width) },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }

  function requireChannels(name: string, unet: Session, { task, tokenWidth }: StableDiffusionConfig): void {
    const expected = { generate: latentChannels, inpaint: 2 * latentChannels + 1, instruct: 2 * latentChannels }[task];
    const found = inputPort(unet, 'unet', 'sample').shape[1];
    if (typeof found === 'number' && found !== expected) throw new AnymodalError('bundle_invalid', `${name}: the UNet takes ${found} channels, expected ${expected} for the task "${task}". Correct the config.`);
    const width = inputPort(unet, 'unet', 'encoder_hidden_states').shape[2];
    if (typeof width === 'number' && width !== tokenWidth) throw new AnymodalError('bundle_invalid', `${name}: the UNet takes tokens of ${width}, expected ${tokenWidth}. Correct the config.`);
  }
}

function decodeBy(session: Session, name: string, change: (latents: Float32Array) => Float32Array): StableDiffusionGraphs['decode'] {
  return async (latents, latent) => {
    const results = await session.run({ latent_sample: feedFor(inputPort(session, name, 'latent_sample'), [1, ...latent], change(latents)) });
    return floatsOf(results['sample'], 'sample').data;
  };
}

function floatsIn(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength - (bytes.byteLength % 4)));
}
