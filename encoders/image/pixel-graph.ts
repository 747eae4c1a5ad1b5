// The graph of a picture tower: one square in, its tokens out, whatever its ports are called and whether it wants a mask.
// Graphs of hubs take pictures [1, 3, s, s], or several of a conversation [1, 1, 3, s, s] with a mask of what is picture. Knows no preprocessing.

import { basename } from 'node:path';
import type { ComponentSource, Tensor } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../../src/runtime/float16.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import type { RuntimeTensor } from '../../src/runtime/sessions.ts';

export interface PixelPorts {
  readonly size: number;
  /** Count and width of the tokens. */
  readonly tokens: readonly [number, number];
  /** Names of the graph's ports. */
  readonly input: string;
  readonly output: string;
}

export interface PixelGraph {
  /** [3, size, size] float32, normalised, to tokens [n, d]. Throws `bundle_invalid` where the graph gives others. */
  tokensOf(pixels: Float32Array): Promise<Tensor>;
  release(): Promise<void>;
}

/** The one input that may stand beside the pixels: 1 where there is picture, which is everywhere. */
const MASK = 'pixel_attention_mask';

/** Opens the file `model`. The caller releases it. Throws `bundle_invalid`, `device_unavailable`. */
export async function openPixelGraph(source: ComponentSource, { size, tokens, input, output }: PixelPorts): Promise<PixelGraph> {
  const path = source.path('model');
  const session = await openSession(path, { device: source.device });
  const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} ${text}. Correct the config or export the graph again.`);
  try {
    const pixels = inputPort(session, basename(path), input);
    const mask = session.inputs.find(({ name }) => name === MASK);
    const others = session.inputs.filter(({ name }) => name !== input && name !== MASK).map(({ name }) => name);
    if (others.length > 0) throw fault(`has unexpected inputs ${others.join(', ')}; expected ${input}, and ${MASK} where it wants a mask`);
    const ones = Array.from({ length: Math.max(1, pixels.shape.length - 3) }, () => 1);
    const shape = [...ones, 3, size, size];
    if (!fits(pixels.shape, shape)) throw fault(`takes ${input} [${pixels.shape.join(', ')}], expected [${[...ones, 3, size, size].join(', ')}]`);
    if (mask !== undefined && !fits(mask.shape, [...ones, size, size])) throw fault(`takes ${MASK} [${mask.shape.join(', ')}], expected [${[...ones, size, size].join(', ')}]`);
    if (mask !== undefined && mask.type !== 'bool' && mask.type !== 'int64') throw fault(`takes ${MASK} as ${mask.type}, expected bool or int64`);
    const found = session.outputs.find(({ name }) => name === output);
    if (found === undefined) throw fault(`has no output ${output}; it has ${session.outputs.map(({ name }) => name).join(', ')}`);
    const [count, width] = [found.shape.at(-2), found.shape.at(-1)];
    if ((typeof width === 'number' && width !== tokens[1]) || (found.shape.length > 2 && typeof count === 'number' && count !== tokens[0])) throw fault(`gives ${output} [${found.shape.join(', ')}], expected [1, ${tokens.join(', ')}]`);
    return {
      async tokensOf(data) {
        const feeds: Record<string, RuntimeTensor> = { [input]: feedFor(pixels, shape, data) };
        if (mask !== undefined) feeds[MASK] = { shape: [...ones, size, size], data: mask.type === 'bool' ? new Uint8Array(size * size).fill(1) : new BigInt64Array(size * size).fill(1n) };
        const result = floatsOf((await session.run(feeds, [output]))[output], output);
        if (result.data.length !== tokens[0] * tokens[1]) throw fault(`gives ${output} [${result.shape.join(', ')}], expected ${tokens[0]} tokens of ${tokens[1]}`);
        return { shape: tokens, data: result.data };
      },
      release: async () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Whether a port whose free axes have names takes this shape. */
function fits(port: readonly (number | string)[], shape: readonly number[]): boolean {
  return port.length === shape.length && shape.every((length, axis) => typeof port[axis] !== 'number' || port[axis] === length);
}
