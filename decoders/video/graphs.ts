// The graphs of a latent diffusion decoder of videos behind plain functions on float32 arrays: those of the decoder of pictures, and
// the transformer over all frames at once. Knows ports and batches; nothing of steps, schedulers and files.

import type { ComponentSource } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import type { Denoising } from '../diffusion/denoise.ts';
import { defaultTransformerPorts, guidedPredictor } from '../diffusion/graphs.ts';
import { openImageGraphs } from '../image/graphs.ts';
import type { ImageGraphs } from '../image/graphs.ts';
import type { VideoDecoderConfig } from './settings.ts';

export interface VideoGraphs {
  readonly image: ImageGraphs;
  /** The guided output for samples [frames * c * rows * columns] that go on from the latents `first`. */
  predictor(condition: Guidance & { readonly first: Float32Array }): Denoising['predict'];
  readonly release: () => Promise<void>;
}

/**
 * Opens the files `transformer`, `imageTransformer`, `latentEncoder` and `latentDecoder`. A file that the decoder of pictures has open too
 * is not loaded again: sessions of one file are shared in a process. Throws `bundle_invalid` where a graph's ports differ.
 */
export async function openVideoGraphs(source: ComponentSource, config: VideoDecoderConfig): Promise<VideoGraphs> {
  const { frames, tokens, image: { latent } } = config;
  const transformer = await openGraph(source, 'transformer', {
    inputs: {
      latents: { type: 'float32', shape: [null, frames, ...latent] },
      first: { type: 'float32', shape: [null, ...latent] },
      timestep: { type: 'float32', shape: [null] },
      tokens: { type: 'float32', shape: [null, ...tokens] },
    },
    outputs: { velocity: { type: 'float32', shape: [null, frames, ...latent] } },
  });
  let image: ImageGraphs;
  try {
    image = await openImageGraphs({ ...source, path: (file) => source.path(file === 'transformer' ? 'imageTransformer' : file) }, config.image);
  } catch (error) {
    await transformer.release();
    throw error;
  }
  return {
    image,
    predictor({ first, ...guidance }) {
      return guidedPredictor(transformer, config, { ...guidance, ports: defaultTransformerPorts, latent: [frames, ...latent], fixed: { first: { shape: latent, data: first } } });
    },
    release: async () => void (await Promise.all([transformer.release(), image.release()])),
  };
}
