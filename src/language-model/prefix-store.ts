// Keeps the cache of the last prompt, so that the next turn of a conversation feeds only what is new.
// Knows positions and caches; knows no graph and no text.

import { CHUNK, type Position } from './sequence.ts';

/** What a cache of keys and values lets its keeper do. */
export interface PrefixCache {
  readonly length: number;
  truncate(length: number): void;
}

interface Stored<C> {
  readonly prompt: readonly Position[];
  readonly cache: C;
}

/**
 * One cache is kept. Only whole chunks of a prompt are reused, never the reply: tokens that were generated one by one
 * have other last bits than the same tokens in a prompt, and a job's bytes must not depend on what ran before it.
 */
export class PrefixStore<C extends PrefixCache> {
  readonly #create: () => C;
  #stored: Stored<C> | null = null;

  /** @param create makes an empty cache */
  constructor(create: () => C) {
    this.#create = create;
  }

  /** The cache for `prompt` with the whole chunks of it that are known; at least its last position is not. The caller owns it. */
  take(prompt: readonly Position[]): C {
    const stored = this.#stored;
    const known = stored === null ? 0 : commonLength(stored.prompt, prompt.slice(0, -1));
    const whole = known - (known % CHUNK);
    if (stored === null || whole === 0) return this.#create();
    this.#stored = null;
    stored.cache.truncate(whole);
    return stored.cache;
  }

  /** Hands a cache over that begins with `prompt`, whose media embeddings are copied. */
  put(prompt: readonly Position[], cache: C): void {
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
