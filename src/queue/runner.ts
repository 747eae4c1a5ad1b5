// Jobs that have not ended: started in their order, stopped when they must, run again when their engine is lost, ended once.
// Knows no client; the queue is its face.

import { AnymodalError } from '../errors.ts';
import { Channel } from './channel.ts';
import type { Clock } from './clock.ts';
import type { Engines, JobLog, JobRecord, LoggedEvent, MediaStore } from './contracts.ts';
import { runAttempt, type Terminal } from './job-run.ts';
import { Order, type Slots, type Waiting } from './order.ts';
import { hasMedia } from './stored.ts';
import { Rates } from './weight.ts';

/** Why a job is stopped. `suspend` leaves it in the log for the next start. */
export type Stop =
  | { readonly kind: 'cancel'; readonly reason: string }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'fault'; readonly error: unknown }
  | { readonly kind: 'suspend' };

export interface RunnerParts {
  readonly log: JobLog;
  readonly media: MediaStore;
  readonly engines: Engines;
  readonly clock: Clock;
  readonly slots: Slots;
  readonly flushMs: number;
  readonly mostAttempts: number;
  readonly observe: (job: JobRecord, event: LoggedEvent) => void;
}

export interface Entry {
  readonly record: JobRecord;
  readonly channel: Channel;
  readonly done: Promise<void>;
}

interface Unfinished extends Entry {
  attempt: number;
  losses: number;
  state: 'waiting' | 'running' | 'ending';
  stop: Stop | null;
  /** Its end could not be kept so far. */
  stuck: boolean;
  readonly abort: AbortController;
  readonly resolve: () => void;
  readonly cancelDeadline: () => void;
}

/** Engines that may end under a job before it is taken for the cause. */
const MOST_LOSSES = 2;
/** How long previews stay for those who have seen the end coming but not read it. */
const PREVIEWS_MS = 10_000;
/** How long until the end of a job is tried to be kept again on a full disk. */
const RETRY_END_MS = 5000;

export class Runner {
  readonly rates = new Rates();
  readonly #parts: RunnerParts;
  readonly #order: Order;
  readonly #entries = new Map<string, Unfinished>();
  #starting = true;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#order = new Order(parts.slots);
  }

  get waiting(): number {
    return this.#order.size;
  }

  /** Jobs in an engine or on their way to one. */
  get running(): readonly Entry[] {
    return this.#running();
  }

  get(id: string): Entry | null {
    return this.#entries.get(id) ?? null;
  }

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  position(id: string): number | null {
    return this.#order.position(id);
  }

  /** The position that a job would have if it came now. */
  foreseen(record: JobRecord): number {
    return this.#order.foreseen(waitingOf({ record, losses: 0 }));
  }

  /** Whether a job would start at once if it came now. */
  isFree(job: Pick<JobRecord, 'id' | 'owner' | 'model' | 'weight'>): boolean {
    return this.#starting && this.#order.isFree({ ...job, suspect: false }, this.#running().map(waitingOf));
  }

  countOf(owner: string): number {
    return [...this.#entries.values()].filter(({ record }) => record.owner === owner).length;
  }

  /** Takes a job that is in the log; it starts when its turn comes. */
  add(record: JobRecord): Entry {
    const { log, clock, flushMs, observe } = this.#parts;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const channel = new Channel({
      job: record.id, log, clock, flushMs,
      kept: (events) => {
        for (const event of events) tell(() => observe(record, event));
      },
      failed: (error) => this.#stop(entry, { kind: 'fault', error }),
    });
    const cancelDeadline = record.deadlineAt === null ? () => undefined : clock.after(record.deadlineAt - clock.now(), () => this.#stop(entry, { kind: 'deadline' }));
    const entry: Unfinished = { record, channel, done, resolve, cancelDeadline, attempt: record.attempt, losses: record.losses, state: 'waiting', stop: null, stuck: false, abort: new AbortController() };
    this.#entries.set(record.id, entry);
    this.#order.add(waitingOf(entry));
    this.#schedule();
    return entry;
  }

  /** Stops a job; fulfilled when it has ended, or was left. Throws `disk_full` where its end cannot be kept by now. */
  async stop(id: string, stop: Stop): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (this.#starting && entry.channel.fault !== null) throw entry.channel.fault;
    this.#stop(entry, stop);
    await entry.done;
  }

  /** Starts no other job from here on. */
  hold(): void {
    this.#starting = false;
  }

  #running(): Unfinished[] {
    return [...this.#entries.values()].filter(({ state }) => state === 'running');
  }

  #schedule(): void {
    while (this.#starting) {
      const next = this.#order.next(this.#running().map(waitingOf));
      const entry = next === null ? undefined : this.#entries.get(next.id);
      if (entry === undefined) return;
      entry.state = 'running';
      void this.#run(entry);
    }
  }

  #stop(entry: Unfinished, stop: Stop): void {
    // The first reason holds, but what is merely left can still be cancelled.
    if (entry.stop !== null && entry.stop.kind !== 'suspend' && !entry.stuck) return;
    entry.stop = stop;
    if (entry.stuck) {
      // The log has it unfinished still: the next start finds it.
      if (!this.#starting) void this.#settle(entry, null);
    } else if (entry.state === 'waiting') {
      this.#order.remove(entry.record.id);
      entry.state = 'ending';
      void this.#settle(entry, stopped(stop));
    } else {
      entry.abort.abort(reasonOf(stop));
    }
  }

  /** One attempt, from its lease of an engine to what follows from its end. */
  async #run(entry: Unfinished): Promise<void> {
    const { engines, clock } = this.#parts;
    const from = clock.now();
    let end: Terminal;
    try {
      const lease = await engines.lease(entry.record.model, entry.abort.signal);
      try {
        entry.attempt += 1;
        end = await this.#attempt(entry, lease.engine);
      } finally {
        lease.release();
      }
    } catch (error) {
      end = failure(error);
    }
    if (entry.stop !== null) {
      // It may have ended by itself just before it was stopped.
      await this.#settle(entry, end.type === 'job-end' ? end : stopped(entry.stop));
      return;
    }
    if (end.type === 'job-end') this.rates.add(entry.record.weight, clock.now() - from);
    if (end.type === 'job-error' && end.code === 'engine_crashed' && (await this.#again(entry))) return;
    await this.#settle(entry, end);
  }

  async #attempt(entry: Unfinished, engine: Parameters<typeof runAttempt>[0]): Promise<Terminal> {
    const { log, media, clock } = this.#parts;
    const { record, attempt, channel } = entry;
    // Kept before it begins, so that a job which ends its server is known by it.
    await log.update(record.id, { attempt });
    if (attempt > 1) await media.removeOfJob(record.id, 'output');
    return runAttempt(engine, { record, attempt, channel, log, media, signal: entry.abort.signal, failed: (error) => this.#stop(entry, { kind: 'fault', error }), now: () => clock.now() });
  }

  /** Puts a job that lost its engine back into the order. False where it is to end. */
  async #again(entry: Unfinished): Promise<boolean> {
    const { log, mostAttempts } = this.#parts;
    // Who ran beside it lost the engine too, and may be the cause; the next time it runs alone.
    entry.losses += 1;
    if (entry.losses >= MOST_LOSSES || entry.attempt >= mostAttempts) {
      await log.update(entry.record.id, { losses: entry.losses }).catch(() => undefined);
      return false;
    }
    entry.state = 'waiting';
    this.#order.add(waitingOf(entry));
    entry.channel.write(entry.attempt + 1, { type: 'job-queued', position: this.#order.position(entry.record.id) ?? 0 });
    try {
      await log.update(entry.record.id, { status: 'queued', losses: entry.losses });
    } catch (error) {
      this.#stop(entry, { kind: 'fault', error });
    }
    this.#schedule();
    return true;
  }

  /** Keeps how the job ended; null leaves it as it is in the log. */
  async #settle(entry: Unfinished, end: Terminal | null): Promise<void> {
    entry.state = 'ending';
    this.#schedule();
    const { channel, record } = entry;
    if (end === null) {
      await channel.close();
    } else {
      try {
        await channel.end(Math.max(entry.attempt, 1), end);
      } catch (error) {
        if (isElsewhere(error)) {
          await this.#settle(entry, null);
          return;
        }
        // The end of a job that could not be kept is kept when there is room, or found out at the next start.
        entry.stuck = true;
        channel.fail(error instanceof AnymodalError ? error : new AnymodalError('internal', `job ${record.id}: its end could not be kept`, { cause: error }));
        this.#parts.clock.after(RETRY_END_MS, () => {
          if (this.#entries.has(record.id)) void this.#settle(entry, end);
        });
        if (!this.#starting) await this.#settle(entry, null);
        return;
      }
      if (hasMedia(record.request)) await this.#parts.media.release(`job/${record.id}`).catch(() => undefined);
      if (channel.hasPreviews) this.#dropPreviews(entry);
    }
    entry.cancelDeadline();
    this.#entries.delete(record.id);
    entry.resolve();
    this.#schedule();
  }

  /** Previews go when nobody follows the job any more. */
  #dropPreviews(entry: Entry): void {
    const { clock, media } = this.#parts;
    clock.after(PREVIEWS_MS, () => {
      if (entry.channel.followers > 0) this.#dropPreviews(entry);
      else void media.removeOfJob(entry.record.id, 'previews').catch(() => undefined);
    });
  }
}

/** A fault of who watches costs no job its events. */
function tell(watch: () => void): void {
  try {
    watch();
  } catch {
    // Who watches knows of it.
  }
}

/** Whether a job has ended or goes on in another process, so that nothing of it is to be kept here. */
function isElsewhere(error: unknown): boolean {
  return error instanceof AnymodalError && (error.code === 'conflict' || error.code === 'not_found');
}

function waitingOf({ record: { id, owner, model, weight }, losses }: { readonly record: JobRecord; readonly losses: number }): Waiting {
  return { id, owner, model, weight, suspect: losses > 0 };
}

/** The end of a job that was stopped; null for one that is left to the next start. */
function stopped(stop: Stop): Terminal | null {
  if (stop.kind === 'suspend') return null;
  if (stop.kind === 'cancel') return { type: 'job-abort', reason: stop.reason };
  if (stop.kind === 'fault') return failure(stop.error);
  return { type: 'job-error', code: 'timeout', message: 'the job had not ended by its deadline; ask for less, or for more time' };
}

function reasonOf(stop: Stop): string {
  return stop.kind === 'cancel' ? stop.reason : stop.kind === 'deadline' ? 'out of time' : 'the server stops it';
}

function failure(error: unknown): Terminal {
  if (error instanceof AnymodalError) return { type: 'job-error', code: error.code, message: error.message };
  return { type: 'job-error', code: 'internal', message: error instanceof Error ? error.message : 'the job failed' };
}
