// Keys and values of the positions that the model has seen: one growing buffer each a layer, in host memory.
// Knows no graph and no token.

import type { RuntimeTensor } from '../runtime/sessions.ts';
import { floatTensor } from '../runtime/tensors.ts';

/** Positions reserved at a time: growing copies the whole cache, so it must be rare, and a position takes memory. */
const RESERVE = 512;

export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Sequence-major cache: per layer keys and values [1, t, kvHeads, headDim], float32. */
export class KeyValueCache {
  readonly #shape: CacheShape;
  readonly #rowWidth: number;
  readonly #keys: Float32Array[];
  readonly #values: Float32Array[];
  #length = 0;

  constructor(shape: CacheShape) {
    this.#shape = shape;
    this.#rowWidth = shape.kvHeads * shape.headDim;
    this.#keys = Array.from({ length: shape.layers }, () => new Float32Array(0));
    this.#values = Array.from({ length: shape.layers }, () => new Float32Array(0));
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /** The graph's inputs `past_key.i` and `past_value.i`: views that are valid until the next `append`. */
  feeds(): Record<string, RuntimeTensor> {
    const shape = [1, this.#length, this.#shape.kvHeads, this.#shape.headDim];
    const end = this.#length * this.#rowWidth;
    const feeds: Record<string, RuntimeTensor> = {};
    for (let layer = 0; layer < this.#shape.layers; layer += 1) {
      feeds[`past_key.${layer}`] = { shape, data: this.#keys[layer]!.subarray(0, end) };
      feeds[`past_value.${layer}`] = { shape, data: this.#values[layer]!.subarray(0, end) };
    }
    return feeds;
  }

  /** Copies the graph's outputs `new_key.i` and `new_value.i` [1, n, kvHeads, headDim] to the end. */
  append(results: Readonly<Record<string, RuntimeTensor>>, count: number): void {
    const start = this.#length * this.#rowWidth;
    const reserve = RESERVE * this.#rowWidth;
    for (let layer = 0; layer < this.#shape.layers; layer += 1) {
      this.#keys[layer] = written(this.#keys[layer]!, start, floatTensor(results[`new_key.${layer}`], `new_key.${layer}`).data, reserve);
      this.#values[layer] = written(this.#values[layer]!, start, floatTensor(results[`new_value.${layer}`], `new_value.${layer}`).data, reserve);
    }
    this.#length += count;
  }

  /** Forgets all positions from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }
}

/** `buffer` with `rows` written at `start`, moved to one with `reserve` more elements where they do not fit. */
function written(buffer: Float32Array, start: number, rows: Float32Array, reserve: number): Float32Array {
  let target = buffer;
  if (start + rows.length > buffer.length) {
    target = new Float32Array(start + rows.length + reserve);
    target.set(buffer.subarray(0, start));
  }
  target.set(rows, start);
  return target;
}
