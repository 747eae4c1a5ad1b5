// One text tower of CLIP or OpenCLIP: rows of token ids to hidden states and, where it has one, a pooled vector a row.
// The one reader of the graph and its tokenizer; knows no decoder. Ports as Optimum exports them.

import { basename } from 'node:path';
import type { ComponentSource, Disposable } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../../src/runtime/float16.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import { openClipTokenizer } from './clip-tokenizer.ts';
import type { SpecialTokens } from './clip-tokenizer.ts';
import { chunksOf, weigh } from './prompt-chunks.ts';
import type { Fragment } from './prompt-weights.ts';

export interface TowerConfig extends SpecialTokens {
  /** Width of the hidden states. */
  readonly width: number;
  /** Output with the hidden states: `last_hidden_state`, or `hidden_states.11` for those before the last layer of twelve. */
  readonly states: string;
  /** Output with one vector a text, and its width; null where it is not wanted. */
  readonly pooled: { readonly output: string; readonly width: number } | null;
  /** Tokens in a row, begin and end included. */
  readonly length: number;
}

export interface TowerReading {
  readonly rows: number;
  /** [rows * length, width] */
  readonly states: Float32Array;
  /** [width of pooled] of the first row; null without one. */
  readonly pooled: Float32Array | null;
}

export interface ClipTower extends Disposable {
  read(fragments: readonly Fragment[]): Promise<TowerReading>;
}

/** Opens the files `model`, `vocabulary` and `merges`, with `suffix` behind each; the caller disposes the result. Throws `bundle_invalid`, `device_unavailable`. */
export async function openClipTower(source: ComponentSource, config: TowerConfig, suffix: string): Promise<ClipTower> {
  const tokenizer = await openClipTokenizer(source, { vocabulary: `vocabulary${suffix}`, merges: `merges${suffix}` }, config);
  const path = source.path(`model${suffix}`);
  const session = await openSession(path, { device: source.device });
  const wanted = [config.states, ...(config.pooled === null ? [] : [config.pooled.output])];
  try {
    const missing = wanted.filter((name) => session.outputs.every((output) => output.name !== name));
    if (missing.length > 0) {
      throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} has no output ${missing.join(' and ')}; it has ${session.outputs.map((output) => output.name).join(', ')}. Export it with hidden states.`);
    }
    const port = inputPort(session, basename(path), 'input_ids');
    const others = session.inputs.filter((input) => input.name !== 'input_ids').map((input) => input.name);
    if (others.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} has unexpected inputs ${others.join(', ')}; expected input_ids alone.`);
    return {
      async read(fragments) {
        const chunks = chunksOf(fragments, tokenizer, config.length);
        const ids = Float32Array.from(chunks.flatMap((chunk) => chunk.ids));
        const results = await session.run({ input_ids: feedFor(port, [chunks.length, config.length], ids) }, wanted);
        const states = floatsOf(results[config.states], config.states).data;
        const size = config.length * config.width;
        if (states.length !== chunks.length * size) throw new AnymodalError('bundle_invalid', `${source.name}: ${config.states} has ${states.length} values, expected ${chunks.length} rows of ${config.length} x ${config.width}. Correct the config.`);
        chunks.forEach(({ weights }, row) => weigh(states.subarray(row * size, (row + 1) * size), weights));
        const { pooled } = config;
        return { rows: chunks.length, states, pooled: pooled === null ? null : floatsOf(results[pooled.output], pooled.output).data.slice(0, pooled.width) };
      },
      dispose: async () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}
