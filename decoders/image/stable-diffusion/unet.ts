// Drives Stable Diffusion's UNet: sample, what stands beside it, timestep and conditioning of all branches in one run a step.
// Feeds float32 and float16 graphs from buffers that are filled anew, not made anew; knows no scheduler and no file.

import type { RuntimeTensor, Session } from '../../../src/runtime/sessions.ts';
import { feedFor, floatsOf, inputPort, toHalf } from '../../../src/runtime/float16.ts';
import type { Denoising } from '../../diffusion/denoise.ts';
import type { Branches } from './branches.ts';

export interface UnetCondition {
  readonly branches: Branches;
  /** Channels, rows and columns of the latents. */
  readonly latent: readonly [number, number, number];
  /** Channels that stand behind the sample's, [c * rows * columns]; zeros in a branch that is not shown them. Empty for none. */
  readonly beside: Float32Array;
  /** Pixels of the picture, told to SDXL as original size, crop and target size. */
  readonly pixels: { readonly width: number; readonly height: number };
}

const FILE = 'unet';

/** The combined output for samples under one condition; borrows the session. Throws `bundle_invalid` for a graph without the ports. */
export function unetPredictor(session: Session, { branches, latent, beside, pixels }: UnetCondition): Denoising['predict'] {
  const [channels, rows, columns] = latent;
  const batch = branches.all.length;
  const area = rows * columns;
  const own = channels * area;
  const stride = own + beside.length;
  const sample = inputPort(session, FILE, 'sample');
  const time = inputPort(session, FILE, 'timestep');

  const start = new Float32Array(batch * stride);
  branches.all.forEach(({ shown }, index) => shown && start.set(beside, index * stride + own));
  const buffer = feedFor(sample, [batch, stride / area, rows, columns], start);
  const fixed: Record<string, RuntimeTensor> = {
    sample: buffer,
    encoder_hidden_states: feedFor(inputPort(session, FILE, 'encoder_hidden_states'), [batch, branches.rows, branches.all[0]!.tokens.length / branches.rows], joined(branches.all.map(({ tokens }) => tokens))),
  };
  const pooled = branches.all.flatMap((branch) => (branch.pooled === null ? [] : [branch.pooled]));
  if (pooled.length === batch) {
    const ids = [pixels.height, pixels.width, 0, 0, pixels.height, pixels.width];
    fixed['text_embeds'] = feedFor(inputPort(session, FILE, 'text_embeds'), [batch, pooled[0]!.length], joined(pooled));
    fixed['time_ids'] = feedFor(inputPort(session, FILE, 'time_ids'), [batch, ids.length], joined(branches.all.map(() => Float32Array.from(ids))));
  }
  const labels = branches.all.flatMap((branch) => (branch.labels === null ? [] : [branch.labels]));
  if (labels.length === batch) fixed['class_labels'] = feedFor(inputPort(session, FILE, 'class_labels'), [batch, labels[0]!.length], joined(labels));
  // A scalar, or one number for all; only an axis of the batch's own name takes one for each.
  const timeShape = time.shape.length === 0 ? [] : [time.shape[0] === sample.shape[0] && typeof time.shape[0] === 'string' ? batch : 1];

  return async (x_t, timestep) => {
    const values = buffer.data instanceof Uint16Array ? toHalf(x_t) : x_t;
    for (let index = 0; index < batch; index += 1) fill(buffer.data, values, index * stride);
    const times = feedFor(time, timeShape, new Float32Array(timeShape[0] ?? 1).fill(timestep));
    const results = await session.run({ ...fixed, timestep: times }, ['out_sample']);
    return branches.combine(floatsOf(results['out_sample'], 'out_sample').data);
  };
}

function fill(target: RuntimeTensor['data'], values: Float32Array | Uint16Array, offset: number): void {
  if (target instanceof Float32Array || target instanceof Uint16Array) target.set(values, offset);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
