// Lets a number of callers through at a time, the others in the order in which they came.
// Knows nothing of what they do.

export class Gate {
  readonly #most: number;
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs `work` when there is room. Throws the signal's reason where it is aborted before. */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Waits for room; the caller calls what comes back when it has done. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside >= this.#most) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = (): void => {
        this.#waiting.delete(resolve);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      this.#waiting.add(resolve);
      signal.addEventListener('abort', stop, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    } else this.#inside += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = this.#waiting;
      // Whoever waits takes the place over.
      if (next === undefined) this.#inside -= 1;
      else {
        this.#waiting.delete(next);
        next();
      }
    };
  }
}
