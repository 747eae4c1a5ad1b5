// Time as the queue sees it: what o'clock it is, and to be called later. Injected, so that tests own it.
// Knows nothing of what is waited for.

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after `milliseconds`, and returns what calls it off. A timer keeps no process alive. */
  after(milliseconds: number, run: () => void): () => void;
}

/** Longest wait that a timer of Node can hold; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const end = Date.now() + milliseconds;
    const start = (): NodeJS.Timeout => {
      const left = end - Date.now();
      return setTimeout(() => (left > LONGEST_TIMER_MS ? (timer = start()) : run()), Math.min(Math.max(left, 0), LONGEST_TIMER_MS)).unref();
    };
    let timer = start();
    return () => clearTimeout(timer);
  },
};
