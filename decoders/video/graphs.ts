// The graphs of a latent diffusion decoder of videos behind plain functions on float32 arrays: those of the decoder of pictures, and
// the transformer over all frames at once. Knows ports and batches; nothing of steps, schedulers and files.

import type { ComponentSource } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { GraphPort } from '../../src/runtime/graphs.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import type { Denoising } from '../diffusion/denoise.ts';
import { defaultTransformerPorts, guidedPredictor } from '../diffusion/graphs.ts';
import { openLikeness } from '../image/candidates.ts';
import type { Likeness } from '../image/candidates.ts';
import { openImageGraphs } from '../image/graphs.ts';
import type { ImageGraphs } from '../image/graphs.ts';
import type { VideoDecoderConfig } from './settings.ts';

export interface VideoGraphs {
  readonly image: ImageGraphs;
  /** What chooses the first frame among candidates; null where the configuration of pictures has none. */
  readonly likeness: Likeness | null;
  /** Tokens [n * d] of a prompt for a video to those that its first frame is drawn from. */
  stillTokens(tokens: Float32Array): Promise<Float32Array>;
  /** The guided output for samples [frames * c * rows * columns] that go on from the latents `first`. */
  predictor(condition: Guidance & { readonly first: Float32Array }): Denoising['predict'];
  readonly release: () => Promise<void>;
}

/**
 * Opens the files `transformer`, `imageTransformer`, `latentEncoder`, `latentDecoder`, `still` where the config has it, and `encoder` where pictures have candidates. A file that the
 * decoder of pictures has open too is not loaded again: sessions of one file are shared in a process. Throws `bundle_invalid` where a graph's ports differ.
 */
export async function openVideoGraphs(source: ComponentSource, config: VideoDecoderConfig): Promise<VideoGraphs> {
  const { frames, tokens: tokenShape, image: { latent } } = config;
  const opened: { release(): Promise<void> }[] = [];
  const release = async (): Promise<void> => void (await Promise.all(opened.map(async (each) => each.release())));
  const keep = <T extends { release(): Promise<void> }>(each: T): T => (opened.push(each), each);
  const tokens: GraphPort = { type: 'float32', shape: [null, ...tokenShape] };
  const samples: GraphPort = { type: 'float32', shape: [null, frames, ...latent] };
  try {
    const first: GraphPort = { type: 'float32', shape: [null, ...latent] };
    const inputs = { latents: samples, first, timestep: { type: 'float32', shape: [null] }, tokens } as const;
    const transformer = keep(await openGraph(source, 'transformer', { inputs, outputs: { velocity: samples } }));
    const still = config.still ? keep(await openGraph(source, 'still', { inputs: { tokens }, outputs: { still: tokens } })) : null;
    const image = keep(await openImageGraphs({ ...source, path: (file) => source.path(file === 'transformer' ? 'imageTransformer' : file) }, config.image));
    const likeness = config.image.candidates === undefined ? null : keep(await openLikeness(source, config.image.candidates, tokenShape[1]));
    return {
      image,
      likeness,
      async stillTokens(data) {
        if (still === null) return data;
        return floatTensor((await still.run({ tokens: { shape: [1, ...tokenShape], data } }))['still'], 'still').data;
      },
      predictor(condition) {
        const fixed = { first: { shape: latent, data: condition.first } };
        return guidedPredictor(transformer, config, { ...condition, ports: defaultTransformerPorts, latent: [frames, ...latent], fixed });
      },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}
