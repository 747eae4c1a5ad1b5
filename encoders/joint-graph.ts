// A graph that gives one vector of the joint space for each clip of a medium, and the encoding that several clips make together.
// As ImageBind (arXiv 2305.05665) does: the mean of vectors of length 1. Knows no modality and no preprocessing.

import type { ComponentSource, Encoding, JsonSchema, Media } from '../src/contracts.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import type { GraphPort } from '../src/runtime/graphs.ts';
import { floatTensor, int64Tensor, l2Normalise } from '../src/runtime/tensors.ts';

/** Part of the `config` of every encoder whose graph gives vectors of the joint space alone. */
export const jointProperty: Readonly<Record<string, object>> = { joint: { type: 'integer', minimum: 1, description: 'Width of the joint space.' } };

/** The `config` schema of such an encoder: `joint`, and properties of its own that all have to be given. */
export function jointSchema(properties: Readonly<Record<string, object>>, optional: Readonly<Record<string, object>> = {}): JsonSchema {
  return { type: 'object', additionalProperties: false, required: ['joint', ...Object.keys(properties)], properties: { ...jointProperty, ...properties, ...optional } };
}

/** Ports of such an encoder: one token, which is the vector. */
export function jointPorts(joint: number): { in: Record<string, never>; out: { tokens: [number, number]; joint: [number] } } {
  return { in: {}, out: { tokens: [1, joint], joint: [joint] } };
}

export interface JointGraph {
  /** The one token is the mean of the clips' vectors, the joint embedding the same at length 1. Throws `aborted`. */
  embed(clips: readonly Float32Array[], signal: AbortSignal): Promise<Encoding>;
  release(): Promise<void>;
}

/**
 * Opens the file `model`, a graph from `port` [batch, ...shape] to `joint` [batch, joint]. The caller releases it.
 * Throws `bundle_invalid`, `device_unavailable`.
 */
export async function openJointGraph(source: ComponentSource, port: string, shape: readonly number[], joint: number, type: GraphPort['type'] = 'float32'): Promise<JointGraph> {
  const session = await openGraph(source, 'model', {
    inputs: { [port]: { type, shape: [null, ...shape] } },
    outputs: { joint: { type: 'float32', shape: [null, joint] } },
  });
  return {
    async embed(clips, signal) {
      const mean = new Float32Array(joint);
      for (const clip of clips) {
        signal.throwIfAborted();
        // One clip at a time: a long run cannot be stopped, and a large model needs much memory for each.
        const fed = type === 'int64' ? int64Tensor([1, ...shape], clip) : { shape: [1, ...shape], data: clip };
        const vector = l2Normalise(floatTensor((await session.run({ [port]: fed }))['joint'], 'joint').data);
        for (let i = 0; i < joint; i += 1) mean[i]! += vector[i]! / clips.length;
      }
      return { tokens: { shape: [1, joint], data: mean }, joint: { shape: [joint], data: l2Normalise(mean) }, tracks: [] };
    },
    release: async () => session.release(),
  };
}

/** How a message names a medium. */
export function nameOf(media: Media): string {
  return media.name === undefined ? `the ${media.modality}` : `"${media.name}"`;
}
