// Work under one name takes turns; work under different names does not wait for each other. Knows nothing of the work.

export class Turns {
  readonly #turns = new Map<string, Promise<void>>();

  /** Runs `work` alone among those of the same name, after those that came before. */
  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.then(() => undefined, () => undefined);
    this.#turns.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }
}
