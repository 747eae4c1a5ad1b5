// Keeps the cache of the last prompt, so that the next turn of a conversation feeds only what is new.
// Knows positions and caches; knows no graph and no text.

import { KeyValueCache, type CacheShape } from './key-value-cache.ts';
import { CHUNK, type Position } from './sequence.ts';

interface Stored {
  readonly prompt: readonly Position[];
  readonly cache: KeyValueCache;
}

/**
 * One cache is kept. Only whole chunks of a prompt are reused, never the reply: tokens that were generated one by one
 * have other last bits than the same tokens in a prompt, and a job's bytes must not depend on what ran before it.
 */
export class PrefixStore {
  readonly #shape: CacheShape;
  #stored: Stored | null = null;

  constructor(shape: CacheShape) {
    this.#shape = shape;
  }

  /** The cache for `prompt` with the whole chunks of it that are known; at least its last position is not. The caller owns it. */
  take(prompt: readonly Position[]): KeyValueCache {
    const stored = this.#stored;
    const known = stored === null ? 0 : commonLength(stored.prompt, prompt.slice(0, -1));
    const whole = known - (known % CHUNK);
    if (stored === null || whole === 0) return new KeyValueCache(this.#shape);
    this.#stored = null;
    stored.cache.truncate(whole);
    return stored.cache;
  }

  /** Hands a cache over that begins with `prompt`, whose media embeddings are copied. */
  put(prompt: readonly Position[], cache: KeyValueCache): void {
    const fed = prompt.slice(0, cache.length);
    cache.truncate(fed.length);
    this.#stored = { prompt: fed.map((position) => (typeof position === 'number' ? position : position.slice())), cache };
  }

  clear(): void {
    this.#stored = null;
  }
}

/** Length of the common start. Media are compared by their embeddings, bit by bit. */
function commonLength(a: readonly Position[], b: readonly Position[]): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i += 1) if (!samePosition(a[i]!, b[i]!)) return i;
  return most;
}

function samePosition(a: Position, b: Position): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
