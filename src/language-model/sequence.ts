// One growing sequence of token and media embeddings through the graphs of a language model.
// Knows the graphs' ports and the cache; knows no sampling, no token's meaning and no text.

import type { Tensor } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { Session } from '../runtime/sessions.ts';
import { floatTensor, int64Tensor } from '../runtime/tensors.ts';
import type { LanguageModelConfig } from './config.ts';
import type { KeyValueCache } from './key-value-cache.ts';

/** One position of a prompt: a token id, or one embedding [d_model] of a medium. */
export type Position = number | Float32Array;

/**
 * Positions of a prompt that go through the graph at once. Borders lie at its multiples, also where a cache is continued,
 * so that a position is always computed in the same company and its bits do not depend on what was cached; an abort is
 * noticed between chunks.
 */
export const CHUNK = 64;

export interface Graphs {
  /** `inputs_embeds` [1, n, d], `position_ids` [n], past -> `logits` [1, 1, V], `hidden` [1, n, d], new slices. */
  readonly model: Session;
  /** `input_ids` [1, n] -> `embeds` [1, n, d]. */
  readonly embed: Session;
}

type Wanted = 'logits' | 'hidden';

export class Sequence {
  readonly #graphs: Graphs;
  readonly #config: LanguageModelConfig;
  readonly #cache: KeyValueCache;
  readonly #slices: readonly string[];

  /** Borrows the graphs; continues `cache`. */
  constructor(graphs: Graphs, config: LanguageModelConfig, cache: KeyValueCache) {
    this.#graphs = graphs;
    this.#config = config;
    this.#cache = cache;
    this.#slices = Array.from({ length: config.layers }, (_, layer) => [`new_key.${layer}`, `new_value.${layer}`]).flat();
  }

  /** Positions that the model has seen. */
  get length(): number {
    return this.#cache.length;
  }

  /** Feeds the positions of `prompt` that are not cached yet; what is cached are whole chunks of it. Returns the logits [V] after its last position. Throws `aborted`. */
  async prefill(prompt: readonly Position[], signal: AbortSignal): Promise<Float32Array> {
    for (;;) {
      throwIfAborted(signal);
      const start = this.#cache.length;
      const end = Math.min(prompt.length, start + CHUNK);
      const embeds = await this.#embed(prompt.slice(start, end));
      if (end < prompt.length) await this.#run(embeds, []);
      else return (await this.#run(embeds, ['logits'])).logits;
    }
  }

  /** Feeds one token. Returns the logits [V] of what comes next. */
  async step(id: number): Promise<Float32Array> {
    return (await this.#run(await this.#embed([id]), ['logits'])).logits;
  }

  /** Feeds a signal group at once. Returns the states AT its tokens [N, d_model] and the logits [V] after it. */
  async group(ids: readonly number[]): Promise<{ hidden: Tensor; embedded: Tensor; logits: Float32Array }> {
    const shape = [ids.length, this.#config.modelWidth];
    const embedded = await this.#embed(ids);
    const { hidden, logits } = await this.#run(embedded, ['logits', 'hidden']);
    return { hidden: { shape, data: hidden }, embedded: { shape, data: embedded }, logits };
  }

  /** Embeddings [n * d] of a stretch: one look-up for its tokens, media rows as they are. */
  async #embed(positions: readonly Position[]): Promise<Float32Array> {
    const width = this.#config.modelWidth;
    const ids = positions.filter((position) => typeof position === 'number');
    const found = ids.length === 0 ? new Float32Array(0) : floatTensor((await this.#graphs.embed.run({ input_ids: int64Tensor([1, ids.length], ids) }))['embeds'], 'embeds').data;
    if (ids.length === positions.length) return found;
    const embeds = new Float32Array(positions.length * width);
    let row = 0;
    positions.forEach((position, i) => {
      if (typeof position === 'number') embeds.set(found.subarray(row * width, (row += 1) * width), i * width);
      else embeds.set(position, i * width);
    });
    return embeds;
  }

  async #run(embeds: Float32Array, wanted: readonly Wanted[]): Promise<Record<Wanted, Float32Array>> {
    const width = this.#config.modelWidth;
    const count = embeds.length / width;
    const start = this.#cache.length;
    const results = await this.#graphs.model.run(
      { inputs_embeds: { shape: [1, count, width], data: embeds }, position_ids: int64Tensor([count], Array.from({ length: count }, (_, i) => start + i)), ...this.#cache.feeds() },
      [...wanted, ...this.#slices],
    );
    this.#cache.append(results, count);
    const part = (name: Wanted): Float32Array => (wanted.includes(name) ? floatTensor(results[name], name).data : new Float32Array(0));
    return { logits: part('logits'), hidden: part('hidden') };
  }
}

/** Throws `aborted` where the job was cancelled. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AnymodalError('aborted', 'language model: cancelled.');
}
