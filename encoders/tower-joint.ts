// A tower that gives one vector a clip of a medium in its own joint space, with ports named as its hub names them.
// Of several clips the mean counts, as ImageBind (arXiv 2305.05665) does. Knows no modality and no preprocessing.

import { basename } from 'node:path';
import type { ComponentSource, Encoding, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../src/runtime/float16.ts';
import { openSession } from '../src/runtime/sessions.ts';
import { l2Normalise } from '../src/runtime/tensors.ts';
import { jointProperty } from './joint-graph.ts';

/** Part of the `config` of every such encoder. */
export interface TowerPorts {
  /** Width of the joint space. */
  readonly joint: number;
  /** Names of the graph's ports. */
  readonly input: string;
  readonly output: string;
}

/** Schemas of the keys of `TowerPorts` with these names as defaults. */
export function towerProperties(input: string, output: string): Readonly<Record<string, JsonSchema>> {
  return {
    ...jointProperty,
    input: { type: 'string', minLength: 1, default: input, description: "Name of the graph's input." },
    output: { type: 'string', minLength: 1, default: output, description: "Name of the graph's output with one vector." },
  };
}

export interface JointTower {
  /** The one token is the mean of the clips' vectors at length 1, the joint embedding the same at length 1. Throws `aborted`. */
  embed(clips: readonly Float32Array[], signal: AbortSignal): Promise<Encoding>;
  release(): Promise<void>;
}

/**
 * Opens the file `model`, a graph from `input` [batch, ...shape] to `output` [batch, joint]. The caller releases it.
 * Throws `bundle_invalid`, `device_unavailable`.
 */
export async function openJointTower(source: ComponentSource, { joint, input, output }: TowerPorts, shape: readonly number[]): Promise<JointTower> {
  const path = source.path('model');
  const session = await openSession(path, { device: source.device });
  try {
    const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} ${text}. Correct the config or export it again.`);
    const port = inputPort(session, basename(path), input);
    const others = session.inputs.filter(({ name }) => name !== input).map(({ name }) => name);
    if (others.length > 0) throw fault(`has unexpected inputs ${others.join(', ')}; expected ${input} alone`);
    const fits = port.shape.length === shape.length + 1 && shape.every((length, axis) => typeof port.shape[axis + 1] !== 'number' || port.shape[axis + 1] === length);
    if (!fits) throw fault(`takes ${input} [${port.shape.join(', ')}], expected [any, ${shape.join(', ')}]`);
    const found = session.outputs.find(({ name }) => name === output);
    if (found === undefined) throw fault(`has no output ${output}; it has ${session.outputs.map(({ name }) => name).join(', ')}`);
    if (typeof found.shape.at(-1) === 'number' && found.shape.at(-1) !== joint) throw fault(`gives ${output} [${found.shape.join(', ')}], expected vectors of ${joint}`);
    return {
      async embed(clips, signal) {
        const mean = new Float32Array(joint);
        for (const clip of clips) {
          signal.throwIfAborted();
          // One clip at a time: a long run cannot be stopped, and a large model needs much memory for each.
          const results = await session.run({ [input]: feedFor(port, [1, ...shape], clip) }, [output]);
          const { data } = floatsOf(results[output], output);
          if (data.length !== joint) throw fault(`gives ${data.length} numbers as ${output}, expected ${joint}`);
          const vector = l2Normalise(data);
          for (let i = 0; i < joint; i += 1) mean[i]! += vector[i]! / clips.length;
        }
        return { tokens: { shape: [1, joint], data: mean }, joint: { shape: [joint], data: l2Normalise(mean) }, tracks: [] };
      },
      release: async () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}
