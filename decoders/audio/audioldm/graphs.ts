// AudioLDM's graphs (UNet, autoencoder in two halves, vocoder) behind plain functions on float32 arrays.
// Knows ports, scaling and layouts; nothing of steps, schedulers and sound files. Ports as Optimum names those of diffusers and of SpeechT5's vocoder.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ComponentSource, Tensor } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { feedFor, floatsOf, inputPort, toHalf } from '../../../src/runtime/float16.ts';
import { openSession } from '../../../src/runtime/sessions.ts';
import type { RuntimeTensor, Session } from '../../../src/runtime/sessions.ts';
import { guide } from '../../diffusion/denoise.ts';
import type { Denoising } from '../../diffusion/denoise.ts';
import type { AudioLdmConfig } from './settings.ts';

/** Channels, time and mels of latents. */
export type Latent = readonly [number, number, number];

/** What the UNet is told: [width] each; `away` is what guidance moves away from, null without guidance. */
export interface Told {
  readonly prompt: Float32Array;
  readonly away: Float32Array | null;
  readonly guidanceScale: number;
}

export interface AudioLdmGraphs {
  /** Log-mels [mels, frames] to latents as the UNet has them: the mean that the autoencoder gives, not a draw. */
  readonly encode: (mel: Tensor) => Promise<Float32Array>;
  /** Latents as the UNet has them to log-mels [frames, mels]. */
  readonly decode: (latents: Float32Array, latent: Latent) => Promise<Tensor>;
  /** Log-mels [frames, mels] to samples, one hop a frame. */
  readonly hear: (mel: Tensor) => Promise<Float32Array>;
  /** The combined output for samples under one condition. */
  readonly predictor: (told: Told, latent: Latent) => Denoising['predict'];
  /** The vector of no prompt; null where conditioning brings its own. */
  readonly unconditional: Float32Array | null;
  readonly release: () => Promise<void>;
}

/** Opens `unet`, `vaeDecoder`, `vocoder` and, as the config says, `vaeEncoder` and `unconditional`. Throws `bundle_invalid` where a graph's ports differ. */
export async function openAudioLdmGraphs(source: ComponentSource, config: AudioLdmConfig): Promise<AudioLdmGraphs> {
  const sessions: Session[] = [];
  const release = async (): Promise<void> => void (await Promise.all(sessions.map(async (session) => session.release())));
  const open = async (file: string, inputs: Readonly<Record<string, readonly (number | null)[]>>, outputs: readonly string[]): Promise<Session> => {
    const path = source.path(file);
    const session = await openSession(path, { device: source.device });
    sessions.push(session);
    const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} (${file}) ${text}.`);
    for (const [name, wanted] of Object.entries(inputs)) {
      const { shape } = inputPort(session, basename(path), name);
      // A vocoder that Optimum exported takes one sound without a batch.
      const axes = shape.length === wanted.length - 1 && file === 'vocoder' ? wanted.slice(1) : wanted;
      const fits = shape.length === axes.length && axes.every((length, axis) => length === null || typeof shape[axis] !== 'number' || shape[axis] === length);
      if (!fits && shape.length > 0) throw fault(`takes ${name} [${shape.join(', ')}], expected [${axes.map((length) => length ?? 'any').join(', ')}]. Correct the config`);
    }
    const known = session.outputs.map((output) => output.name);
    if (outputs.every((name) => !known.includes(name))) throw fault(`has no output ${outputs.join(' or ')}; it has ${known.join(', ')}. Export the graph again`);
    const extra = session.inputs.filter(({ name }) => !(name in inputs)).map(({ name }) => name);
    if (extra.length > 0) throw fault(`wants ${extra.join(', ')}, which this decoder does not give; it gives ${Object.keys(inputs).join(', ')}`);
    return session;
  };
  const { latentChannels, mel: { mels }, scalingFactor, width, factor } = config;
  const columns = mels / factor;
  try {
    const unet = await open('unet', { sample: [null, latentChannels, null, columns], timestep: [null], class_labels: [null, width] }, ['out_sample']);
    const vaeDecoder = await open('vaeDecoder', { latent_sample: [null, latentChannels, null, columns] }, ['sample']);
    const vocoder = await open('vocoder', { spectrogram: [null, null, mels] }, ['waveform']);
    const vaeEncoder = config.edits ? await open('vaeEncoder', { sample: [null, 1, null, mels] }, ['latent_parameters', 'latent_sample']) : null;
    return {
      async encode(mel) {
        if (vaeEncoder === null) throw new AnymodalError('unsupported', `${source.name}: this model has no encoder of sounds and edits none.`);
        const turned = transposed(mel);
        const results = await vaeEncoder.run({ sample: feedFor(inputPort(vaeEncoder, 'vaeEncoder', 'sample'), [1, 1, ...turned.shape], turned.data) });
        // Newer exports give mean and logarithm of the variance, older ones a mean alone.
        const given = floatsOf(results['latent_parameters'] ?? results['latent_sample'], 'latent_parameters').data;
        return given.subarray(0, latentChannels * (mel.shape[1]! / factor) * columns).map((value) => value * scalingFactor);
      },
      async decode(latents, latent) {
        const scaled = latents.map((value) => value / scalingFactor);
        const results = await vaeDecoder.run({ latent_sample: feedFor(inputPort(vaeDecoder, 'vaeDecoder', 'latent_sample'), [1, ...latent], scaled) });
        const { data } = floatsOf(results['sample'], 'sample');
        return { shape: [data.length / mels, mels], data };
      },
      async hear({ shape, data }) {
        const port = inputPort(vocoder, 'vocoder', 'spectrogram');
        const results = await vocoder.run({ spectrogram: feedFor(port, port.shape.length === 2 ? shape : [1, ...shape], data) });
        return floatsOf(results['waveform'], 'waveform').data;
      },
      predictor: (told, latent) => unetPredictor(unet, told, latent),
      unconditional: config.unconditional ? floatsIn(await readFile(source.path('unconditional')), source.name, width) : null,
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Both branches of guidance in one run a step; buffers are filled anew, not made anew. */
function unetPredictor(session: Session, { prompt, away, guidanceScale }: Told, latent: Latent): Denoising['predict'] {
  const batch = away === null ? 1 : 2;
  const size = latent.reduce((product, length) => product * length, 1);
  const sample = inputPort(session, 'unet', 'sample');
  const time = inputPort(session, 'unet', 'timestep');
  const told = new Float32Array(batch * prompt.length);
  told.set(prompt);
  if (away !== null) told.set(away, prompt.length);
  const buffer = feedFor(sample, [batch, ...latent], new Float32Array(batch * size));
  const labels = feedFor(inputPort(session, 'unet', 'class_labels'), [batch, prompt.length], told);
  // A scalar, or one number for all; only an axis of the batch's own name takes one for each.
  const timeShape = time.shape.length === 0 ? [] : [time.shape[0] === sample.shape[0] && typeof time.shape[0] === 'string' ? batch : 1];
  return async (x_t, timestep) => {
    const values = buffer.data instanceof Uint16Array ? toHalf(x_t) : x_t;
    for (let index = 0; index < batch; index += 1) fill(buffer.data, values, index * size);
    const times = feedFor(time, timeShape, new Float32Array(timeShape[0] ?? 1).fill(timestep));
    const results = await session.run({ sample: buffer, timestep: times, class_labels: labels }, ['out_sample']);
    const output = floatsOf(results['out_sample'], 'out_sample').data;
    return away === null ? output : guide(output, guidanceScale);
  };
}

function fill(target: RuntimeTensor['data'], values: Float32Array | Uint16Array, offset: number): void {
  if (target instanceof Float32Array || target instanceof Uint16Array) target.set(values, offset);
}

/** [a, b] as [b, a]. */
export function transposed({ shape: [rows = 0, columns = 0], data }: Tensor): Tensor {
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) turned[column * rows + row] = data[row * columns + column]!;
  return { shape: [columns, rows], data: turned };
}

function floatsIn(bytes: Uint8Array, name: string, width: number): Float32Array {
  if (bytes.byteLength !== 4 * width) throw new AnymodalError('bundle_invalid', `${name}: unconditional has ${bytes.byteLength} bytes, expected ${4 * width}: ${width} float32 numbers.`);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
