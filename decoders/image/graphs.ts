// The three graphs of a latent diffusion decoder behind plain functions on float32 arrays.
// Knows ports and batches; nothing of steps, schedulers and files.

import type { ComponentSource } from '../../src/contracts.ts';
import { openSession, requirePorts } from '../../src/runtime/sessions.ts';
import type { RuntimeTensor, Session } from '../../src/runtime/sessions.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import { guide } from './denoise.ts';
import { defaultPorts } from './settings.ts';
import type { ImageDecoderConfig } from './settings.ts';

/** What the transformer is told beside the sample, the same at every step. */
export interface Condition {
  /** [n, d] */
  readonly tokens: Float32Array;
  /** Tokens of the branch that guidance moves away from. */
  readonly nullTokens: Float32Array;
  readonly guidanceScale: number;
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
  /** The guided output for samples under one condition: both branches in one run of batch 2, or one where the scale is 1. */
  predictor(condition: Condition): (x_t: Float32Array, timestep: number) => Promise<Float32Array>;
  readonly release: () => Promise<void>;
}

/** Opens the files `transformer`, `latentEncoder` and `latentDecoder`. Throws `bundle_invalid` where a graph's ports differ. */
export async function openImageGraphs(source: ComponentSource, config: ImageDecoderConfig): Promise<ImageGraphs> {
  const ports = { ...defaultPorts, ...config.ports };
  const sessions: Session[] = [];
  const release = async (): Promise<void> => void (await Promise.all(sessions.map(async (session) => session.release())));
  const open = async (file: string, inputs: readonly (string | null)[], output: string): Promise<Session> => {
    const path = source.path(file);
    const session = await openSession(path, { device: source.device });
    sessions.push(session);
    const named = inputs.flatMap((input) => (input === null ? [] : [[input, 'float32'] as const]));
    requirePorts(session, path, { inputs: Object.fromEntries(named), outputs: { [output]: 'float32' } });
    return session;
  };
  try {
    const transformer = await open('transformer', [ports.latents, ports.source, ports.mask, ports.timestep, ports.tokens], ports.output);
    const latentEncoder = await open('latentEncoder', ['pixels'], 'latents');
    const latentDecoder = await open('latentDecoder', ['latents'], 'pixels');
    const [channels, rows, columns] = config.latent;
    const pixelShape = [1, 3, rows * config.factor, columns * config.factor];
    return {
      async encode(planar) {
        const { latents } = await latentEncoder.run({ pixels: { shape: pixelShape, data: planar } });
        return floatTensor(latents, 'latents').data;
      },
      async decode(latents) {
        const { pixels } = await latentDecoder.run({ latents: { shape: [1, channels, rows, columns], data: latents } });
        return floatTensor(pixels, 'pixels').data;
      },
      predictor(condition) {
        const guided = condition.guidanceScale !== 1;
        const batch = guided ? 2 : 1;
        const fixed: Record<string, RuntimeTensor> = {
          [ports.tokens]: { shape: [batch, ...config.tokens], data: guided ? joined(condition.tokens, condition.nullTokens) : condition.tokens },
          ...(ports.source !== null && { [ports.source]: { shape: [batch, channels, rows, columns], data: repeated(condition.source, batch) } }),
          ...(ports.mask !== null && { [ports.mask]: { shape: [batch, 1, rows, columns], data: repeated(condition.mask, batch) } }),
        };
        return async (x_t, timestep) => {
          const results = await transformer.run({
            ...fixed,
            [ports.latents]: { shape: [batch, channels, rows, columns], data: repeated(x_t, batch) },
            [ports.timestep]: { shape: [batch], data: new Float32Array(batch).fill(timestep * config.timestepScale) },
          });
          const output = floatTensor(results[ports.output], ports.output).data;
          return guided ? guide(output, condition.guidanceScale) : output;
        };
      },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const data = new Float32Array(a.length + b.length);
  data.set(a);
  data.set(b, a.length);
  return data;
}

function repeated(data: Float32Array, times: number): Float32Array {
  return times === 1 ? data : joined(data, data);
}
