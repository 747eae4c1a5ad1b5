// The graphs of a latent diffusion decoder of sounds behind plain functions on float32 arrays.
// Knows ports; nothing of steps, windows and files.

import { logMel } from '../../media/index.ts';
import type { ComponentSource, Tensor } from '../../src/contracts.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import type { Guidance } from '../diffusion/conditioning.ts';
import type { Denoising } from '../diffusion/denoise.ts';
import { guidedPredictor, openGraphs } from '../diffusion/graphs.ts';
import { defaultPorts } from './settings.ts';
import type { AudioDecoderConfig } from './settings.ts';

/** What the transformer is told beside the sample, the same at every step of a window. */
export interface WindowCondition extends Guidance {
  /** [positions, channels]: latents of the known positions, zeros elsewhere. */
  readonly prefix: Float32Array;
  /** [positions]: 1 is known, 0 is to be made. */
  readonly mask: Float32Array;
  /** [positions, motion]: what moves at each position, zeros where nothing is seen. */
  readonly motion: Float32Array;
}

export interface AudioGraphs {
  /** Log-mels [mels, frames] to latents [positions, channels]. */
  encode(mel: Tensor): Promise<Float32Array>;
  /** Latents [n, channels] to samples [n * samplesPerPosition]. */
  decode(latents: Float32Array): Promise<Float32Array>;
  /** Latents [n, channels] to log-mels [mels, frames], as far as they are to be seen. */
  show(latents: Float32Array): Promise<Tensor>;
  /** Latents of frames [f, frame] and when they are seen, in seconds from the start of a window, to motion [positions, motion]. */
  watch(frames: Tensor, times: Float32Array): Promise<Float32Array>;
  /** The guided output for samples of a window under one condition. */
  predictor(condition: WindowCondition): Denoising['predict'];
  readonly release: () => Promise<void>;
}

/** Opens `transformer`, `vocoder`, `melEncoder`, and `melDecoder` and `environment` where the config has them. Throws `bundle_invalid` where a graph's ports differ. */
export async function openAudioGraphs(source: ComponentSource, config: AudioDecoderConfig): Promise<AudioGraphs> {
  const ports = { ...defaultPorts, ...config.ports, ...(config.motion === undefined && { motion: null }) };
  const { session, release } = await openGraphs<'transformer' | 'vocoder' | 'melEncoder' | 'melDecoder' | 'environment'>(source, {
    transformer: { inputs: [ports.latents, ports.prefix, ports.mask, ports.motion, ports.timestep, ports.tokens], outputs: [ports.output] },
    vocoder: { inputs: ['latents'], outputs: ['samples'] },
    melEncoder: { inputs: ['mel'], outputs: ['latents'] },
    ...(config.melDecoder && { melDecoder: { inputs: ['latents'], outputs: ['mel'] } }),
    ...(config.motion !== undefined && { environment: { inputs: ['frames', 'times'], outputs: ['motion'] } }),
  });
  const [positions, channels] = config.latent;
  const decode = async (latents: Float32Array): Promise<Float32Array> => {
    const { samples } = await session('vocoder').run({ latents: { shape: [1, latents.length / channels, channels], data: latents } });
    return floatTensor(samples, 'samples').data;
  };
  return {
    async encode(mel) {
      const { latents } = await session('melEncoder').run({ mel: { shape: [1, ...mel.shape], data: mel.data } });
      return floatTensor(latents, 'latents').data;
    },
    decode,
    async show(latents) {
      if (!config.melDecoder) return logMel(await decode(latents), config.mel);
      const { mel } = await session('melDecoder').run({ latents: { shape: [1, latents.length / channels, channels], data: latents } });
      const { shape, data } = floatTensor(mel, 'mel');
      return { shape: shape.slice(1), data };
    },
    async watch(frames, times) {
      const { motion } = await session('environment').run({ frames: { shape: [1, ...frames.shape], data: frames.data }, times: { shape: [1, times.length], data: times } });
      return floatTensor(motion, 'motion').data;
    },
    predictor(condition) {
      const fixed = {
        ...(ports.prefix !== null && { [ports.prefix]: { shape: config.latent, data: condition.prefix } }),
        ...(ports.mask !== null && { [ports.mask]: { shape: [positions, 1], data: condition.mask } }),
        ...(ports.motion !== null && { [ports.motion]: { shape: [positions, condition.motion.length / positions], data: condition.motion } }),
      };
      return guidedPredictor(session('transformer'), config, { ...condition, ports, latent: config.latent, fixed });
    },
    release,
  };
}
