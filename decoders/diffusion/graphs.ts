// Opens the graphs of a decoder together, and drives a transformer in the two branches of classifier-free guidance.
// Knows ports and batches; nothing of steps, schedulers and what the latents mean.

import type { ComponentSource } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { openSession, requirePorts } from '../../src/runtime/sessions.ts';
import type { RuntimeTensor, Session } from '../../src/runtime/sessions.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import type { Guidance } from './conditioning.ts';
import { guide } from './denoise.ts';
import type { Denoising } from './denoise.ts';
import type { DiffusionConfig } from './settings.ts';

/** The float32 inputs and outputs of one graph; a null is one that this graph does not have. */
export interface GraphNames {
  readonly inputs: readonly (string | null)[];
  readonly outputs: readonly string[];
}

export interface OpenGraphs<K extends string> {
  /** An opened graph by the key of its file. Throws `internal` for one that was left out. */
  readonly session: (file: K) => Session;
  readonly release: () => Promise<void>;
}

/** Opens the files of a component by their keys, all or none. Throws `bundle_invalid` where a graph's ports differ. */
export async function openGraphs<K extends string>(source: ComponentSource, graphs: Readonly<Partial<Record<K, GraphNames>>>): Promise<OpenGraphs<K>> {
  const sessions = new Map<string, Session>();
  const release = async (): Promise<void> => void (await Promise.all([...sessions.values()].map(async (session) => session.release())));
  try {
    for (const [file, names] of Object.entries<GraphNames | undefined>(graphs)) {
      if (names === undefined) continue;
      const path = source.path(file);
      const session = await openSession(path, { device: source.device });
      sessions.set(file, session);
      const inputs = names.inputs.flatMap((name) => (name === null ? [] : [[name, 'float32'] as const]));
      const outputs = names.outputs.map((name) => [name, 'float32'] as const);
      requirePorts(session, path, { inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs) });
    }
  } catch (error) {
    await release();
    throw error;
  }
  return {
    session(file) {
      const session = sessions.get(file);
      if (session === undefined) throw new AnymodalError('internal', `${source.name}: graph ${file} was not opened.`);
      return session;
    },
    release,
  };
}

/** Names of the ports that every transformer has. */
export interface TransformerPorts {
  readonly latents: string;
  readonly timestep: string;
  readonly tokens: string;
  readonly output: string;
  /** An output [1, rows, columns] in 0..1: how far each place copies what the graph is given to edit. Null or absent where the graph does not say. */
  readonly copied?: string | null;
}

export const defaultTransformerPorts: TransformerPorts = { latents: 'latents', timestep: 'timestep', tokens: 'tokens', output: 'velocity' };

export interface Branches extends Guidance {
  readonly ports: TransformerPorts;
  /** Axes of the latents without the batch. */
  readonly latent: readonly number[];
  /** What the transformer is told beside the sample, the same at every step and in both branches, by port; axes without the batch. */
  readonly fixed: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
}

/** The guided output for samples under one condition: both branches in one run of batch 2, or one where the scale is 1. */
export function guidedPredictor(transformer: Session, config: DiffusionConfig, branches: Branches): Denoising['predict'] {
  const { ports, latent, tokens, nullTokens, guidanceScale } = branches;
  const guided = guidanceScale !== 1;
  const batch = guided ? 2 : 1;
  const fixed: Record<string, RuntimeTensor> = { [ports.tokens]: { shape: [batch, ...config.tokens], data: guided ? joined(tokens, nullTokens) : tokens } };
  for (const [port, { shape, data }] of Object.entries(branches.fixed)) fixed[port] = { shape: [batch, ...shape], data: repeated(data, batch) };
  return async (x_t, timestep) => {
    const results = await transformer.run({
      ...fixed,
      [ports.latents]: { shape: [batch, ...latent], data: repeated(x_t, batch) },
      [ports.timestep]: { shape: [batch], data: new Float32Array(batch).fill(timestep * config.timestepScale) },
    });
    const output = floatTensor(results[ports.output], ports.output).data;
    if (!guided) return output;
    const port = ports.copied ?? null;
    if (port === null) return guide(output, guidanceScale);
    const copied = floatTensor(results[port], port).data;
    return guide(output, guidanceScale, copied.subarray(0, copied.length / 2));
  };
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
