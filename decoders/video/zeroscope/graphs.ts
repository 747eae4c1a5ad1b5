// The graphs of a text-to-video model as exported: a UNet over frames and the autoencoder of pictures, behind plain functions.
// Samples here are frame by frame, [frames, c, rows, columns]; the UNet has them channel by channel. Knows no steps and no files of videos.

import type { ComponentSource } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../../../src/runtime/float16.ts';
import type { Session } from '../../../src/runtime/sessions.ts';
import { openAutoencoder } from '../../diffusion/autoencoder.ts';
import type { Autoencoder } from '../../diffusion/autoencoder.ts';
import type { Denoising } from '../../diffusion/denoise.ts';
import { exportedGraphs } from '../../diffusion/exported-graphs.ts';
import type { Branches } from '../../image/stable-diffusion/branches.ts';
import type { ZeroscopeConfig } from './settings.ts';

export interface ZeroscopeGraphs extends Autoencoder {
  /** The combined output for samples under one condition; `shape` is frames, channels, rows and columns. */
  readonly predictor: (branches: Branches, shape: readonly [number, number, number, number]) => Denoising['predict'];
  /** Tokens of no prompt; null where conditioning brings its own. */
  readonly unconditional: Float32Array | null;
  readonly release: () => Promise<void>;
}

/** Opens the files `unet`, `vaeDecoder` and those that the config says there are. Throws `bundle_invalid` where a graph's ports differ. */
export async function openZeroscopeGraphs(source: ComponentSource, config: ZeroscopeConfig): Promise<ZeroscopeGraphs> {
  const graphs = exportedGraphs(source);
  try {
    const unet = await graphs.open('unet', ['sample', 'timestep', 'encoder_hidden_states'], ['out_sample']);
    requireWidth(source.name, inputPort(unet, 'unet', 'sample').shape[1], config.latentChannels, 'channels');
    requireWidth(source.name, inputPort(unet, 'unet', 'encoder_hidden_states').shape[2], config.tokenWidth, 'numbers a token');
    return {
      ...(await openAutoencoder(graphs, source.name, config)),
      predictor: (branches, shape) => predictor(unet, branches, shape),
      unconditional: config.unconditional ? await graphs.floats('unconditional') : null,
      release: async () => graphs.release(),
    };
  } catch (error) {
    await graphs.release();
    throw error;
  }
}

function requireWidth(name: string, found: number | string | undefined, expected: number, what: string): void {
  if (typeof found === 'number' && found !== expected) throw new AnymodalError('bundle_invalid', `${name}: the UNet takes ${found} ${what}, expected ${expected}. Correct the config.`);
}

function predictor(unet: Session, branches: Branches, [frames, channels, rows, columns]: readonly [number, number, number, number]): Denoising['predict'] {
  const batch = branches.all.length;
  const tokens = new Float32Array(branches.all.reduce((sum, branch) => sum + branch.tokens.length, 0));
  branches.all.forEach((branch, index) => tokens.set(branch.tokens, index * branch.tokens.length));
  const conditioning = feedFor(inputPort(unet, 'unet', 'encoder_hidden_states'), [batch, branches.rows, tokens.length / batch / branches.rows], tokens);
  const time = inputPort(unet, 'unet', 'timestep');
  const length = frames * channels * rows * columns;
  const sample = new Float32Array(batch * length);
  return async (x_t, timestep) => {
    const planes = swapAxes(x_t, frames, channels);
    for (let index = 0; index < batch; index += 1) sample.set(planes, index * length);
    const results = await unet.run(
      { sample: feedFor(inputPort(unet, 'unet', 'sample'), [batch, channels, frames, rows, columns], sample), timestep: feedFor(time, time.shape.length === 0 ? [] : [1], Float32Array.of(timestep)), encoder_hidden_states: conditioning },
      ['out_sample'],
    );
    return swapAxes(branches.combine(floatsOf(results['out_sample'], 'out_sample').data), channels, frames);
  };
}

/** [first, second, rest] to [second, first, rest]. */
export function swapAxes(data: Float32Array, first: number, second: number): Float32Array {
  const rest = data.length / first / second;
  const out = new Float32Array(data.length);
  for (let i = 0; i < first; i += 1) for (let j = 0; j < second; j += 1) out.set(data.subarray((i * second + j) * rest, (i * second + j + 1) * rest), (j * first + i) * rest);
  return out;
}
