// A map that keeps the entries used last, within a number of bytes.
// Knows nothing about what it keeps; the caller says how large a value is.

export class Recent<V> {
  readonly #entries = new Map<string, V>();
  readonly #limit: number;
  readonly #sizeOf: (value: V) => number;
  #size = 0;

  constructor(limitBytes: number, sizeOf: (value: V) => number) {
    this.#limit = limitBytes;
    this.#sizeOf = sizeOf;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps a value, in the place of those used longest ago; one larger than the limit is not kept and displaces none. */
  set(key: string, value: V): void {
    this.#drop(key);
    const size = this.#sizeOf(value);
    if (size > this.#limit) return;
    this.#entries.set(key, value);
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#size -= this.#sizeOf(value);
  }
}
