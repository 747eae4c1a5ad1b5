// Keys and values of the positions that a model has seen, as graphs in transformers.js' layout return them: whole, past and new in one tensor.
// Knows no token; a graph's outputs `present.*` become its next inputs `past_key_values.*` without a copy of ours.

import { AnymodalError } from '../errors.ts';
import type { PortInfo, RuntimeTensor } from '../runtime/sessions.ts';

/** One tensor of the cache: the input it is fed to, the output it comes from, its heads and their width. */
export interface CachePort {
  readonly past: PortInfo;
  readonly present: string;
  readonly heads: number;
  readonly width: number;
}

/** Head-major cache: tensors [1, heads, t, width] of the type of their ports. */
export class ConcatenatedCache {
  readonly #ports: readonly CachePort[];
  #tensors: RuntimeTensor[];
  #length = 0;

  constructor(ports: readonly CachePort[]) {
    this.#ports = ports;
    this.#tensors = ports.map(({ past, heads, width }) => ({ shape: [1, heads, 0, width], data: past.type === 'float16' ? new Uint16Array(0) : new Float32Array(0) }));
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  feeds(): Record<string, RuntimeTensor> {
    return Object.fromEntries(this.#ports.map(({ past }, i) => [past.name, this.#tensors[i]!]));
  }

  /** Takes what a run returned that was fed with this cache and `count` positions more. Throws `bundle_invalid` where that is not the whole cache. */
  append(results: Readonly<Record<string, RuntimeTensor>>, count: number): void {
    const length = this.#length + count;
    this.#tensors = this.#ports.map(({ present, heads, width }) => {
      const tensor = results[present];
      if (tensor?.data.length !== heads * length * width) {
        throw new AnymodalError('bundle_invalid', `output ${present}: got [${tensor?.shape.join(', ') ?? 'nothing'}], expected [1, ${heads}, ${length}, ${width}]: past and new positions. Use a graph that returns its whole cache.`);
      }
      return tensor;
    });
    this.#length = length;
  }

  /** Forgets all positions from `length` on. */
  truncate(length: number): void {
    if (length >= this.#length) return;
    this.#tensors = this.#tensors.map((tensor, i) => {
      const { heads, width } = this.#ports[i]!;
      const [from, to] = [this.#length * width, length * width];
      const data = tensor.data instanceof Uint16Array ? new Uint16Array(heads * to) : new Float32Array(heads * to);
      for (let head = 0; head < heads; head += 1) {
        const rows = tensor.data.subarray(head * from, head * from + to);
        if (rows instanceof Uint16Array || rows instanceof Float32Array) data.set(rows, head * to);
      }
      return { shape: [1, heads, length, width], data };
    });
    this.#length = length;
  }
}
