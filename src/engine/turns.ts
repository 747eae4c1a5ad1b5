// Takes the steps of several jobs in turns: who asked first goes first, and one step runs at a time.
// Knows no job; a job that asks again stands behind those that wait.

import { setImmediate as eventLoop } from 'node:timers/promises';

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `step` when it is its turn. Throws the signal's reason if it is aborted by then; what `step` throws passes through. */
  async take<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      // A step blocks the thread, so a cancel that came meanwhile is still in the pipe: let it be read before the next step.
      await eventLoop();
      signal.throwIfAborted();
      return step();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
