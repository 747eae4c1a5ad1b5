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
  /** Milliseconds that old work pauses for new work that is expected. */
  readonly pauseMs?: number;
}

/** One piece of work among those that take turns. */
export interface Seat {
  /** Runs `step` when it is its turn. Throws the signal's reason if it is aborted by then; what `step` throws passes through. */
  take<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T>;
  /** For use within a step: others take theirs while `work` is done elsewhere; the step goes on when it is its turn again. */
  away<T>(work: () => Promise<T>): Promise<T>;
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
  /** Fulfilled when the step under way is over. */
  over: Promise<void>;
  /** Ends the turn of the step under way before it is over. */
  free: () => void;
}

/** Steps of new work that go before those of old work, other things being equal: enough for a first token after its traces. */
const FIRST_STEPS = 16;
/** Share of its bonus that work which does not pause for others has left. */
const YOUNG_SHARE = 0.75;

export class Turns {
  readonly #now: () => number;
  readonly #bonusMs: number;
  readonly #patienceMs: number;
  readonly #pauseMs: number;
  readonly #expected = new Map<string, () => void>();
  #waiting: Waiter[] = [];
  #news = Promise.withResolvers<void>();
  #isRunning = false;
  /** Tag of the step taken last: who comes new, or back after a pause, starts here and has saved up nothing. */
  #clock = 0;

  constructor({ now = () => performance.now(), bonusMs = 1000, patienceMs = 3000, pauseMs = 500 }: TurnsOptions = {}) {
    this.#now = now;
    this.#bonusMs = bonusMs;
    this.#patienceMs = patienceMs;
    this.#pauseMs = pauseMs;
  }

  /** Announces new work that joins as `name` in a moment: work that had its start takes no step before it does, but pauses no longer than `pauseMs` for it. */
  expect(name: string): void {
    if (this.#expected.has(name)) return;
    const timer = setTimeout(() => this.#came(name), this.#pauseMs);
    this.#expected.set(name, () => clearTimeout(timer));
  }

  /**
   * A seat for a new piece of work, expected under its name or not; one that takes no more steps costs nothing. One that is known to be
   * long has no start of its own: its time counts at once, so that short work which comes during its first steps begins beside it as well.
   */
  join(name: string | null = null, isLong = false): Seat {
    if (name !== null) this.#came(name);
    const seat: OwnSeat = {
      tag: this.#clock,
      bonus: isLong ? 0 : this.#bonusMs,
      steps: isLong ? FIRST_STEPS : 0,
      over: Promise.resolve(),
      free: () => undefined,
      take: async (signal, step) => this.#take(seat, signal, step),
      away: async (work) => {
        seat.free();
        try {
          return await work();
        } finally {
          await this.#back(seat);
        }
      },
    };
    return seat;
  }

  async #take<T>(seat: OwnSeat, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    seat.tag = Math.max(seat.tag, this.#clock);
    const run = async (): Promise<void> => {
      const freed = new Promise<void>((free) => {
        seat.free = free;
      });
      seat.over = step().then(resolve, reject);
      await Promise.race([seat.over, freed]);
    };
    this.#wait({ seat, signal, run, reject, passed: 0 });
    return promise;
  }

  /** Fulfilled when a step that was away has its turn again, which it keeps until it is over or away once more. */
  async #back(seat: OwnSeat): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    seat.tag = Math.max(seat.tag, this.#clock);
    const run = async (): Promise<void> => {
      const freed = new Promise<void>((free) => {
        seat.free = free;
      });
      resolve();
      await Promise.race([seat.over, freed]);
    };
    // Whoever was cancelled meanwhile finds out by itself.
    this.#wait({ seat, signal: new AbortController().signal, run, reject: () => undefined, passed: 0 });
    return promise;
  }

  #wait(waiter: Waiter): void {
    this.#waiting.push(waiter);
    this.#tell();
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // A step blocks the thread, so a cancel that came meanwhile is still in the pipe: let it be read before the next step.
      // Whoever took that step asks for its next one meanwhile.
      await eventLoop();
      for (const { signal, reject } of this.#remove(({ signal: { aborted } }) => aborted)) reject(signal.reason);
      const news = this.#news.promise;
      const [next] = this.#waiting.filter(({ seat }) => this.#expected.size === 0 || this.#isYoung(seat)).toSorted((a, b) => Number(this.#isPatient(a)) - Number(this.#isPatient(b)) || a.seat.tag - b.seat.tag || Number(isOld(a)) - Number(isOld(b)));
      if (next === undefined) {
        if (this.#waiting.length > 0) await news;
        continue;
      }
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

  #came(name: string): void {
    this.#expected.get(name)?.();
    if (this.#expected.delete(name)) this.#tell();
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** So short so far that a pause would cost it more than who is expected gains. */
  #isYoung({ bonus }: OwnSeat): boolean {
    return bonus > YOUNG_SHARE * this.#bonusMs;
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
