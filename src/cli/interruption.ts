// Ctrl-C as an AbortSignal: the first one cancels the work in hand, the second one ends the process.
// Knows neither processes nor terminals; whoever sees a Ctrl-C calls `interrupt`.

export interface Interruption {
  /** Runs `work` with a signal that `interrupt` aborts. One work at a time. */
  during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  interrupt(): void;
}

// npm hands a terminal's Ctrl-C on to a process that has already had it; two so close together are one.
const ECHO_MS = 400;

/** An interruption that calls `kill` where nothing is in hand, or where what is in hand was interrupted before. */
export function createInterruption(kill: () => void, now: () => number = () => performance.now()): Interruption {
  let controller: AbortController | null = null;
  let interruptedAt = -Infinity;
  return {
    async during(work) {
      const own = new AbortController();
      controller = own;
      try {
        return await work(own.signal);
      } finally {
        if (controller === own) controller = null;
      }
    },
    interrupt() {
      const since = now() - interruptedAt;
      if (controller !== null && !controller.signal.aborted) {
        interruptedAt = now();
        controller.abort();
      } else if (since > ECHO_MS) kill();
    },
  };
}
