// The graphs of Stable Diffusion as Optimum exports them (UNet, autoencoder in two halves) behind plain functions on float32 arrays.
// Knows ports and widths; nothing of steps, schedulers and picture files.

import type { ComponentSource } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { inputPort } from '../../../src/runtime/float16.ts';
import type { Session } from '../../../src/runtime/sessions.ts';
import { openAutoencoder } from '../../diffusion/autoencoder.ts';
import type { Autoencoder } from '../../diffusion/autoencoder.ts';
import type { Denoising } from '../../diffusion/denoise.ts';
import { exportedGraphs } from '../../diffusion/exported-graphs.ts';
import type { FeatureStatistics } from './feature.ts';
import type { StableDiffusionConfig } from './settings.ts';
import { unetPredictor } from './unet.ts';
import type { UnetCondition } from './unet.ts';

export interface StableDiffusionGraphs extends Autoencoder {
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
  const graphs = exportedGraphs(source);
  try {
    const more = [...(config.pooledWidth === null ? [] : ['text_embeds', 'time_ids']), ...(config.featureWidth === null ? [] : ['class_labels'])];
    const unet = await graphs.open('unet', ['sample', 'timestep', 'encoder_hidden_states', ...more], ['out_sample']);
    requireWidths(source.name, unet, config);
    const autoencoder = await openAutoencoder(graphs, source.name, config);
    const width = config.featureWidth;
    const numbers = width === null ? null : await graphs.floats('featureStatistics');
    if (width !== null && numbers?.length !== 2 * width) throw new AnymodalError('bundle_invalid', `${source.name}: featureStatistics has ${numbers?.length} numbers, expected mean and deviation of ${width}.`);
    return {
      ...autoencoder,
      predictor: (condition) => unetPredictor(unet, condition),
      unconditional: config.unconditional ? await graphs.floats('unconditional') : null,
      statistics: width === null || numbers === null ? null : { mean: numbers.subarray(0, width), deviation: numbers.subarray(width) },
      release: async () => graphs.release(),
    };
  } catch (error) {
    await graphs.release();
    throw error;
  }
}

function requireWidths(name: string, unet: Session, { task, tokenWidth, latentChannels }: StableDiffusionConfig): void {
  const expected = { generate: latentChannels, inpaint: 2 * latentChannels + 1, instruct: 2 * latentChannels }[task];
  const found = inputPort(unet, 'unet', 'sample').shape[1];
  if (typeof found === 'number' && found !== expected) throw new AnymodalError('bundle_invalid', `${name}: the UNet takes ${found} channels, expected ${expected} for the task "${task}". Correct the config.`);
  const width = inputPort(unet, 'unet', 'encoder_hidden_states').shape[2];
  if (typeof width === 'number' && width !== tokenWidth) throw new AnymodalError('bundle_invalid', `${name}: the UNet takes tokens of ${width}, expected ${tokenWidth}. Correct the config.`);
}
