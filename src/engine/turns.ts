// Takes the steps of several pieces of work in turns, one step at a time: who used the least time goes first.
// Knows no job. Start-time fair queueing: P. Goyal, H. M. Vin, H. Cheng, SIGCOMM 1996, section 2.

import { setImmediate as eventLoop } from 'node:timers/promises';

export interface TurnsOptions {
  /** Milliseconds since any moment. */
  readonly now?: () => number;
  /** Milliseconds that new work has before its time counts, so that a short reply begins beside a long job. */
  readonly bonusMs?: number;
  /** Milliseconds of others' steps after which who waits goes next, however little time they used. */
  readonly patienceMs?: number;
}

/** One piece of work among those that take turns. */
export interface Seat {
  /** Runs `step` when it is its turn. Throws the signal's reason if it is aborted by then; what `step` throws passes through. */
  take<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T>;
}

interface Waiter {
  readonly seat: OwnSeat;
  readonly signal: AbortSignal;
  readonly run: () => Promise<void>;
  readonly reject: (reason: unknown) => void;
  /** Milliseconds of steps that went before it. */
  passed: number;
}

interface OwnSeat extends Seat {
  /** Time at which its next step would start if the steps of all ran side by side. */
  tag: number;
  bonus: number;
  steps: number;
}

/** Steps of new work that go before those of old work, other things being equal: enough for a first token after its traces. */
const FIRST_STEPS = 16;

export class Turns {
  readonly #now: () => number;
  readonly #bonusMs: number;
  readonly #patienceMs: number;
  #waiting: Waiter[] = [];
  #isRunning = false;
  /** Tag of the step taken last: who comes new, or back after a pause, starts here and has saved up nothing. */
  #clock = 0;

  constructor({ now = () => performance.now(), bonusMs = 1000, patienceMs = 3000 }: TurnsOptions = {}) {
    this.#now = now;
    this.#bonusMs = bonusMs;
    this.#patienceMs = patienceMs;
  }

  /** A seat for a new piece of work; one that takes no more steps costs nothing. */
  join(): Seat {
    const seat: OwnSeat = {
      tag: this.#clock,
      bonus: this.#bonusMs,
      steps: 0,
      take: async (signal, step) => this.#take(seat, signal, step),
    };
    return seat;
  }

  async #take<T>(seat: OwnSeat, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    seat.tag = Math.max(seat.tag, this.#clock);
    const run = async (): Promise<void> => {
      try {
        resolve(await step());
      } catch (error) {
        reject(error);
      }
    };
    this.#waiting.push({ seat, signal, run, reject, passed: 0 });
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // A step blocks the thread, so a cancel that came meanwhile is still in the pipe: let it be read before the next step.
      // Whoever took that step asks for its next one meanwhile.
      await eventLoop();
      for (const { signal, reject } of this.#remove(({ signal: { aborted } }) => aborted)) reject(signal.reason);
      const [next] = this.#waiting.toSorted((a, b) => Number(this.#isPatient(a)) - Number(this.#isPatient(b)) || a.seat.tag - b.seat.tag || Number(isOld(a)) - Number(isOld(b)));
      if (next === undefined) continue;
      this.#remove((waiter) => waiter === next);
      const { seat } = next;
      this.#clock = Math.max(this.#clock, seat.tag);
      const start = this.#now();
      await next.run();
      const used = this.#now() - start;
      const free = Math.min(used, seat.bonus);
      seat.steps += 1;
      seat.bonus -= free;
      seat.tag += used - free;
      for (const waiter of this.#waiting) waiter.passed += used;
    }
    this.#isRunning = false;
  }

  #isPatient({ passed }: Waiter): boolean {
    return passed < this.#patienceMs;
  }

  /** Takes out those that wait and fit. */
  #remove(fits: (waiter: Waiter) => boolean): Waiter[] {
    const removed = this.#waiting.filter(fits);
    this.#waiting = this.#waiting.filter((waiter) => !fits(waiter));
    return removed;
  }
}

function isOld({ seat }: Waiter): boolean {
  return seat.steps >= FIRST_STEPS;
}
