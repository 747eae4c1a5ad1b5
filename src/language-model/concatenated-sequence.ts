// One growing sequence through a decoder in transformers.js' layout: tokens or embeddings in, logits and the whole cache out.
// Knows the graphs' ports and the cache; knows no sampling, no token's meaning and no text.

import { basename } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { feedFor, floatsOf } from '../runtime/float16.ts';
import type { PortInfo, RuntimeTensor, Session } from '../runtime/sessions.ts';
import { int64Tensor } from '../runtime/tensors.ts';
import type { CachePort, ConcatenatedCache } from './concatenated-cache.ts';
import { CHUNK, throwIfAborted, type Position } from './sequence.ts';

/** Opened graphs and what they take. */
export interface ConcatenatingGraphs {
  readonly model: Session;
  /** Tokens to embeddings, where the model takes those. */
  readonly embed: { readonly session: Session; readonly input: PortInfo; readonly output: string } | null;
  readonly cache: readonly CachePort[];
  /** Inputs beside the cache, by name. */
  readonly inputs: ReadonlyMap<string, PortInfo>;
}

/** Inputs that are known beside the cache. */
const known = ['input_ids', 'inputs_embeds', 'attention_mask', 'position_ids', 'use_cache_branch', 'num_logits_to_keep'];

/**
 * What a decoder's graph takes and gives.
 *
 * @param sizes heads and their width where the graph leaves them open
 * Throws `bundle_invalid` that names every fault at once.
 */
export function portsOf(model: Session, path: string, sizes: { readonly kvHeads: number; readonly headDim: number }): Pick<ConcatenatingGraphs, 'cache' | 'inputs'> {
  const faults: string[] = [];
  const cache: CachePort[] = [];
  const inputs = new Map<string, PortInfo>();
  const outputs = new Set(model.outputs.map(({ name }) => name));
  for (const port of model.inputs) {
    const layer = /^past_key_values\.(\d+\.(?:key|value))$/.exec(port.name)?.[1];
    if (layer === undefined) {
      if (!known.includes(port.name)) faults.push(`input ${port.name} is not known`);
      inputs.set(port.name, port);
      continue;
    }
    const [, heads, , width] = port.shape;
    const present = `present.${layer}`;
    if (port.shape.length !== 4) faults.push(`input ${port.name} has ${port.shape.length} axes, expected [1, heads, t, width]`);
    if (port.type !== 'float32' && port.type !== 'float16') faults.push(`input ${port.name} is ${port.type}, expected float32 or float16`);
    if (!outputs.has(present)) faults.push(`output ${present} is missing`);
    cache.push({ past: port, present, heads: typeof heads === 'number' ? heads : sizes.kvHeads, width: typeof width === 'number' ? width : sizes.headDim });
  }
  if (cache.length === 0) faults.push('it has no inputs past_key_values.*: it keeps no cache');
  if (!inputs.has('input_ids') && !inputs.has('inputs_embeds')) faults.push('it has neither input_ids nor inputs_embeds');
  if (!outputs.has('logits')) faults.push('output logits is missing');
  if (faults.length > 0) throw new AnymodalError('bundle_invalid', `${basename(path)}: ${faults.join('; ')}. Export the model with its cache: \`optimum-cli export onnx --task text-generation-with-past\`.`);
  return { cache, inputs };
}

export class ConcatenatedSequence {
  readonly #graphs: ConcatenatingGraphs;
  readonly #cache: ConcatenatedCache;
  readonly #presents: readonly string[];

  /** Borrows the graphs; continues `cache`. */
  constructor(graphs: ConcatenatingGraphs, cache: ConcatenatedCache) {
    this.#graphs = graphs;
    this.#cache = cache;
    this.#presents = graphs.cache.map(({ present }) => present);
  }

  /** Feeds the positions of `prompt` that are not cached yet. Returns the logits [V] after its last position. Throws `aborted`. */
  async prefill(prompt: readonly Position[], signal: AbortSignal): Promise<Float32Array> {
    for (;;) {
      throwIfAborted(signal);
      const start = this.#cache.length;
      const end = Math.min(prompt.length, start + CHUNK);
      const logits = await this.#run(prompt.slice(start, end), end === prompt.length);
      if (end === prompt.length) return logits;
    }
  }

  /** Feeds one token. Returns the logits [V] of what comes next. */
  async step(id: number): Promise<Float32Array> {
    return this.#run([id], true);
  }

  async #run(positions: readonly Position[], wantsLogits: boolean): Promise<Float32Array> {
    const count = positions.length;
    const start = this.#cache.length;
    const feeds: Record<string, RuntimeTensor> = { ...(await this.#fed(positions)), ...this.#cache.feeds() };
    const add = (name: string, tensor: () => RuntimeTensor): void => {
      if (this.#graphs.inputs.has(name)) feeds[name] = tensor();
    };
    add('attention_mask', () => int64Tensor([1, start + count], Array.from({ length: start + count }, () => 1)));
    add('position_ids', () => int64Tensor([1, count], Array.from({ length: count }, (_, i) => start + i)));
    add('use_cache_branch', () => ({ shape: [1], data: Uint8Array.of(start > 0 ? 1 : 0) }));
    add('num_logits_to_keep', () => int64Tensor([], [1]));
    const results = await this.#graphs.model.run(feeds, [...(wantsLogits ? ['logits'] : []), ...this.#presents]);
    this.#cache.append(results, count);
    if (!wantsLogits) return new Float32Array(0);
    const { shape, data } = floatsOf(results['logits'], 'logits');
    // All positions have some; the last one's are what comes next. A copy, since the loop changes them.
    return data.slice(data.length - (shape.at(-1) ?? data.length));
  }

  async #fed(positions: readonly Position[]): Promise<Record<string, RuntimeTensor>> {
    const { embed, inputs } = this.#graphs;
    const ids = positions.filter((position) => typeof position === 'number');
    if (inputs.has('input_ids')) return { input_ids: int64Tensor([1, ids.length], ids) };
    const port = inputs.get('inputs_embeds');
    if (embed === null || port === undefined) throw new AnymodalError('internal', 'language model: it takes embeddings, and nothing makes them of tokens.');
    const found = ids.length === 0 ? null : floatsOf((await embed.session.run({ [embed.input.name]: int64Tensor([1, ids.length], ids) }, [embed.output]))[embed.output], embed.output);
    const width = found?.shape.at(-1) ?? positions.find((position) => typeof position !== 'number')?.length ?? 0;
    const embeds = new Float32Array(positions.length * width);
    let row = 0;
    for (const [i, position] of positions.entries()) {
      if (typeof position !== 'number') embeds.set(position, i * width);
      else if (found !== null) embeds.set(found.data.subarray(row * width, (row += 1) * width), i * width);
    }
    return { inputs_embeds: feedFor(port, [1, positions.length, width], embeds) };
  }
}
