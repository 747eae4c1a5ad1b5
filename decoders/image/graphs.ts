// The three graphs of a latent diffusion decoder of pictures behind plain functions on float32 arrays.
// Knows ports; nothing of steps, schedulers and files.

import type { ComponentSource } from '../../src/contracts.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import type { Denoising } from '../diffusion/denoise.ts';
import { guidedPredictor, openGraphs } from '../diffusion/graphs.ts';
import { defaultPorts } from './settings.ts';
import type { ImageDecoderConfig } from './settings.ts';

/** What the transformer is told beside the sample, the same at every step. */
export interface Condition extends Guidance {
  /** Latents of the picture to edit, zeros where nothing is shown. */
  readonly source: Float32Array;
  /** [rows * columns]: 1 may change, 0 stays. */
  readonly mask: Float32Array;
}

export interface ImageGraphs {
  /** Planar pixels to latents. */
  encode(planar: Float32Array): Promise<Float32Array>;
  /** Latents to planar pixels, not clamped. */
  decode(latents: Float32Array): Promise<Float32Array>;
  /** The guided output for samples under one condition. */
  predictor(condition: Condition): Denoising['predict'];
  readonly release: () => Promise<void>;
}

/** Opens the files `transformer`, `latentEncoder` and `latentDecoder`. Throws `bundle_invalid` where a graph's ports differ. */
export async function openImageGraphs(source: ComponentSource, config: ImageDecoderConfig): Promise<ImageGraphs> {
  const ports = { ...defaultPorts, ...config.ports };
  const { session, release } = await openGraphs(source, {
    transformer: { inputs: [ports.latents, ports.source, ports.mask, ports.timestep, ports.tokens], outputs: [ports.output, ...(ports.copied === null ? [] : [ports.copied])] },
    latentEncoder: { inputs: ['pixels'], outputs: ['latents'] },
    latentDecoder: { inputs: ['latents'], outputs: ['pixels'] },
  });
  const [channels, rows, columns] = config.latent;
  const pixelShape = [1, 3, rows * config.factor, columns * config.factor];
  return {
    async encode(planar) {
      const { latents } = await session('latentEncoder').run({ pixels: { shape: pixelShape, data: planar } });
      return floatTensor(latents, 'latents').data;
    },
    async decode(latents) {
      const { pixels } = await session('latentDecoder').run({ latents: { shape: [1, channels, rows, columns], data: latents } });
      return floatTensor(pixels, 'pixels').data;
    },
    predictor(condition) {
      const fixed = {
        ...(ports.source !== null && { [ports.source]: { shape: config.latent, data: condition.source } }),
        ...(ports.mask !== null && { [ports.mask]: { shape: [1, rows, columns], data: condition.mask } }),
      };
      return guidedPredictor(session('transformer'), config, { ...condition, ports, latent: config.latent, fixed });
    },
    release,
  };
}
