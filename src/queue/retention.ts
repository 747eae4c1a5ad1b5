// What is kept how long: finished jobs and their media for so many days, no more of them than so many, all media within so many bytes; the
// oldest go first.
// Uploads and what conversations hold are never taken: without room beside them, what is new is refused.

import { systemClock, type Clock } from './clock.ts';
import type { JobLog, JobRecord, LimitedMediaStore } from './contracts.ts';

export interface RetentionOptions {
  readonly jobs: JobLog;
  readonly media: LimitedMediaStore;
  /** Days that a finished job is kept with its media; null for ever. */
  readonly days: number | null;
  /** Finished jobs that are kept at most, for a log that lies in memory; null or absent for no limit. */
  readonly most?: number | null;
  /** Bytes that all media may take; null for no limit. */
  readonly budgetBytes: number | null;
  readonly clock?: Clock;
  /** Told of a fault while it runs by itself, such as a disk that is gone. */
  readonly failed?: (error: unknown) => void;
}

export interface Retention {
  /** Takes what is too old or too much. */
  run(): Promise<void>;
  /** Runs no more. Fulfilled when the run under way is over. */
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Jobs of one look, and of them so many at once. */
const BATCH = 100;
const AT_ONCE = 10;
/** Between two runs where their number is bounded: a fleet ends many in an hour. */
const BOUNDED_MS = 300_000;

/** Runs at once and every hour, every five minutes where the number of jobs is bounded. The caller closes it before its parts. */
export function createRetention(options: RetentionOptions): Retention {
  return new TimedRetention(options);
}

class TimedRetention implements Retention {
  readonly #options: RetentionOptions;
  readonly #clock: Clock;
  #turn: Promise<void> = Promise.resolve();
  #callOff: () => void = () => undefined;
  #isClosed = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { budgetBytes, media } = options;
    if (budgetBytes !== null) media.limit({ bytes: budgetBytes, makeRoom: async (bytes) => this.#next(async () => this.#shrink(budgetBytes - bytes)) });
    this.#ever();
  }

  async run(): Promise<void> {
    await this.#next(async () => {
      await this.#expire();
      await this.#trim();
      if (this.#options.budgetBytes !== null) await this.#shrink(this.#options.budgetBytes);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#callOff();
    this.#options.media.limit(null);
    await this.#turn;
  }

  #ever(): void {
    if (this.#isClosed) return;
    this.run().catch((error: unknown) => this.#options.failed?.(error));
    this.#callOff = this.#clock.after((this.#options.most ?? null) === null ? HOUR_MS : BOUNDED_MS, () => this.#ever());
  }

  /** One run at a time. */
  async #next(work: () => Promise<void>): Promise<void> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    await run;
  }

  async #expire(): Promise<void> {
    const { days, jobs, media } = this.#options;
    if (days === null) return;
    const before = this.#clock.now() - days * DAY_MS;
    for (let batch = await jobs.endedBefore(before, BATCH); batch.length > 0 && !this.#isClosed; batch = await jobs.endedBefore(before, BATCH)) {
      await this.#removeAll(batch);
    }
    while (!this.#isClosed && (await media.removeLoose(before, BATCH)) === BATCH);
  }

  /** Takes the oldest finished jobs beyond the most that are kept. */
  async #trim(): Promise<void> {
    const { most = null, jobs } = this.#options;
    if (most === null) return;
    for (let over = (await jobs.ended()) - most; over > 0 && !this.#isClosed; over -= BATCH) {
      const batch = await jobs.endedBefore(Infinity, Math.min(over, BATCH));
      if (batch.length === 0) return;
      await this.#removeAll(batch);
    }
  }

  async #removeAll(jobs: readonly JobRecord[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += AT_ONCE) await Promise.all(jobs.slice(from, from + AT_ONCE).map(async (job) => this.#remove(job)));
  }

  /** Takes finished jobs outside of conversations, then media without a job, until all media take `bytes` at most. */
  async #shrink(bytes: number): Promise<void> {
    const { media, jobs } = this.#options;
    const fits = async (): Promise<boolean> => this.#isClosed || (await media.size()) <= bytes;
    while (!(await fits())) {
      const batch = await jobs.endedBefore(Infinity, BATCH, { conversations: false });
      if (batch.length === 0) break;
      for (const job of batch) if (!(await fits())) await this.#remove(job);
    }
    while (!(await fits()) && (await media.removeLoose(Infinity, 1)) > 0);
  }

  async #remove({ id }: JobRecord): Promise<void> {
    await this.#options.media.removeOfJob(id, 'all');
    await this.#options.jobs.remove(id);
  }
}
