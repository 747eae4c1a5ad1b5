// Keys and values of the positions that the model has seen: one buffer each a layer, in host memory, in the order of axes that the graph wants.
// Knows no graph and no token.

import { AnymodalError } from '../errors.ts';
import type { PortInfo, RuntimeTensor } from '../runtime/sessions.ts';
import { elementCount, floatTensor } from '../runtime/tensors.ts';

/** Positions of memory reserved at a time: what is reserved anew is copied whole and its pages are new, so it must be rare, and a position takes memory. */
const RESERVE = 512;
/** Positions by which what is fed of a cache with heads first grows; the graph reads it all, so that it is little. */
const ROOM = 64;

export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** One tensor of the cache: `outer` stretches of `room` positions each, of `inner` numbers a position, at the beginning of `data`. */
interface Part {
  readonly past: string;
  readonly fresh: string;
  /** Sizes of all axes; that of the positions stands for nothing. */
  readonly axes: readonly number[];
  readonly axis: number;
  readonly outer: number;
  readonly inner: number;
  room: number;
  data: Float32Array;
}

/**
 * Per layer keys and values, float32, in one of two orders of axes. With positions first ([1, t, kvHeads, headDim]) the graph is fed those held. With heads first
 * ([kvHeads, 1, t, headDim]) it is fed room for more with them, which it does not look at: how much depends on their number alone, so that
 * a result's bits do not depend on how the cache came to be.
 */
export class KeyValueCache {
  readonly #parts: readonly Part[];
  #length = 0;

  /** @param inputs of the graph; where one is missing, its positions come first. Throws `bundle_invalid` where their axes do not fit `shape`. */
  constructor(shape: CacheShape, inputs: readonly PortInfo[] = []) {
    const names = Array.from({ length: shape.layers }, (_, layer) => [`key.${layer}`, `value.${layer}`]).flat();
    this.#parts = names.map((name) => partOf(name, shape, inputs.find((port) => port.name === `past_${name}`)));
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /** The graph's inputs `past_key.i` and `past_value.i`: views that are valid until the next `append` or `truncate`. */
  feeds(): Record<string, RuntimeTensor> {
    const feeds: Record<string, RuntimeTensor> = {};
    for (const part of this.#parts) {
      const positions = part.axis === 1 ? this.#length : roomFor(this.#length);
      if (part.room !== positions) move(part, this.#length, positions);
      feeds[part.past] = { shape: part.axes.with(part.axis, positions), data: part.data.subarray(0, part.outer * positions * part.inner) };
    }
    return feeds;
  }

  /** Copies the graph's outputs `new_key.i` and `new_value.i`, which have `count` positions, to the end. */
  append(results: Readonly<Record<string, RuntimeTensor>>, count: number): void {
    const length = this.#length + count;
    for (const part of this.#parts) {
      const { data: rows } = floatTensor(results[part.fresh], part.fresh);
      if (part.room < length) move(part, this.#length, part.axis === 1 ? length : roomFor(length));
      write(part, this.#length, rows, count);
    }
    this.#length = length;
  }

  /** Forgets all positions from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }
}

/** The least multiple of `ROOM` that holds `length`; some, where it is 0. */
function roomFor(length: number): number {
  return Math.max(1, Math.ceil(length / ROOM)) * ROOM;
}

function partOf(name: string, { kvHeads, headDim }: CacheShape, port: PortInfo | undefined): Part {
  const axis = port?.shape.findIndex((size) => typeof size !== 'number' || size < 0) ?? 1;
  const axes = [[], [1, 0, kvHeads, headDim], [kvHeads, 1, 0, headDim]][axis] ?? [];
  if (axes.length === 0 || port?.shape.some((size, i) => i !== axis && size !== axes[i]) === true) {
    throw new AnymodalError('bundle_invalid', `input past_${name}: got [${port?.shape.join(', ') ?? ''}], expected [1, t, ${kvHeads}, ${headDim}] or [${kvHeads}, 1, t, ${headDim}]. Export the graph again, or correct kvHeads and headDim in the config.`);
  }
  return { past: `past_${name}`, fresh: `new_${name}`, axes, axis, outer: elementCount(axes.slice(0, axis)), inner: elementCount(axes.slice(axis + 1)), room: 0, data: new Float32Array(0) };
}

/** Gives the stretches of a part room for other numbers of positions; the first `length` of each are kept as far as they fit. */
function move(part: Part, length: number, room: number): void {
  const { outer, inner, data } = part;
  const kept = Math.min(length, room) * inner;
  const [before, after] = [part.room * inner, room * inner];
  part.room = room;
  if (outer * after > data.length) {
    part.data = new Float32Array(outer * (after + RESERVE * inner));
    for (let each = 0; each < outer; each += 1) part.data.set(data.subarray(each * before, each * before + kept), each * after);
  } else if (after > before) {
    for (let each = outer - 1; each > 0; each -= 1) data.copyWithin(each * after, each * before, each * before + kept);
  } else {
    for (let each = 1; each < outer; each += 1) data.copyWithin(each * after, each * before, each * before + kept);
  }
}

/** Writes `count` positions from `start` on. Throws `bundle_invalid` where the graph gave another number of them. */
function write(part: Part, start: number, rows: Float32Array, count: number): void {
  const { outer, inner, data, room } = part;
  const stretch = count * inner;
  if (rows.length !== outer * stretch) throw new AnymodalError('bundle_invalid', `output ${part.fresh}: got ${rows.length} values, expected ${outer * stretch}. Export the graph again.`);
  for (let each = 0; each < outer; each += 1) data.set(rows.subarray(each * stretch, (each + 1) * stretch), (each * room + start) * inner);
}
