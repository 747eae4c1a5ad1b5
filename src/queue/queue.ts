// The queue of one server: takes jobs when they are sound and there is room, and tells what becomes of them.
// The log is its memory; the order and the attempts are the runner's.

import type { EmbedRequest } from '../contracts.ts';
import { AnymodalError, isErrorCode } from '../errors.ts';
import { follow } from './channel.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Engines, JobLog, JobRecord, LoggedEvent, MediaStore, NewJob, Queue, Warning } from './contracts.ts';
import type { Slots } from './order.ts';
import { recoverJobs } from './recovery.ts';
import { Runner } from './runner.ts';
import { mediaOfRequest, storedRequest } from './stored.ts';
import { LONG_WEIGHT, weightOf } from './weight.ts';

export interface QueueOptions {
  /** Borrowed, as are the two below: who made them closes them, after the queue. */
  readonly log: JobLog;
  readonly media: MediaStore;
  readonly engines: Engines;
  readonly clock?: Clock;
  /** Jobs that may wait. */
  readonly capacity?: number;
  /** Jobs of one owner that may wait or run; null for no limit. */
  readonly perOwner?: number | null;
  /** Jobs that run at once in one engine, and how many of them may be long; of one slot alone, long ones take it. */
  readonly slots?: Partial<Slots>;
  /** Milliseconds that a job has when it asks for none itself; null for no limit. */
  readonly deadlineMs?: number | null;
  /** Milliseconds between two writes of a job's events. */
  readonly flushMs?: number;
  /** Attempts after which a job that keeps being interrupted is given up. */
  readonly mostAttempts?: number;
  /** Told each event when it is kept, for measurements. */
  readonly observe?: (job: JobRecord, event: LoggedEvent) => void;
}

const defaults = { capacity: 256, perOwner: null, slots: { all: 4, long: 2, longWeight: LONG_WEIGHT }, deadlineMs: null, flushMs: 20, mostAttempts: 50 } as const;

/**
 * Opens the queue over what the log has: queued jobs wait again in their order, interrupted detached ones run again with the same
 * seed, attached ones are cancelled, for their clients are gone. The caller closes it before its parts.
 */
export async function createQueue(options: QueueOptions): Promise<Queue> {
  const queue = new LoggedQueue(options);
  await queue.recover();
  return queue;
}

class LoggedQueue implements Queue {
  readonly list: JobLog['list'];
  readonly #options: Required<Omit<QueueOptions, 'slots'>>;
  readonly #runner: Runner;
  /** Submissions under way, by owner: each has a place already. */
  readonly #arriving = new Map<string, number>();
  #embedding = 0;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #drained: Promise<void> | null = null;

  constructor({ slots, ...options }: QueueOptions) {
    this.#options = { clock: systemClock, capacity: defaults.capacity, perOwner: defaults.perOwner, deadlineMs: defaults.deadlineMs, flushMs: defaults.flushMs, mostAttempts: defaults.mostAttempts, observe: () => undefined, ...options };
    this.#runner = new Runner({ ...this.#options, slots: slotsOf(slots) });
    this.list = async (filter, page) => this.#options.log.list(filter, page);
  }

  async recover(): Promise<void> {
    const { log, media, mostAttempts } = this.#options;
    for (const record of await recoverJobs(log, media, mostAttempts)) {
      if (record.status === 'running') await log.update(record.id, { status: 'queued' });
      const entry = this.#runner.add(record);
      // What the attempt before told is void.
      if (record.attempt > 0) entry.channel.write(record.attempt + 1, { type: 'job-queued', position: this.#runner.position(record.id) ?? 0 });
    }
  }

  async submit(job: NewJob, signal?: AbortSignal): Promise<JobRecord> {
    this.#checkOpen();
    const { log, engines } = this.#options;
    const known = job.idempotency === undefined ? null : await log.byKey(job.owner, job.idempotency);
    if (known !== null) return known;
    this.#checkRoom(job.owner);
    const model = engines.resolve(job.model);
    this.#arriving.set(job.owner, (this.#arriving.get(job.owner) ?? 0) + 1);
    try {
      const weight = await this.#check(model, job, signal);
      return await this.#accept(model, job, weight, signal);
    } finally {
      const left = (this.#arriving.get(job.owner) ?? 1) - 1;
      if (left === 0) this.#arriving.delete(job.owner);
      else this.#arriving.set(job.owner, left);
    }
  }

  async get(id: string): Promise<JobRecord | null> {
    return this.#options.log.get(id);
  }

  async cancel(id: string, reason: string): Promise<void> {
    if (this.#runner.get(id) === null) await this.#record(id);
    else await this.#runner.stop(id, { kind: 'cancel', reason });
  }

  async remove(id: string): Promise<void> {
    const { log, media } = this.#options;
    await this.#record(id);
    await this.cancel(id, 'the job was deleted');
    await media.removeOfJob(id, 'all');
    await log.remove(id);
  }

  async *events(id: string, after: number, signal?: AbortSignal): AsyncGenerator<LoggedEvent> {
    const { log } = this.#options;
    const channel = this.#runner.get(id)?.channel;
    if (channel !== undefined) {
      yield* follow(channel, log, after, signal);
      return;
    }
    await this.#record(id);
    for (let last = after; ;) {
      const events = await log.events(id, last);
      for (const event of events) {
        if (signal?.aborted === true) return;
        last = event.id;
        yield event;
      }
      if (events.length === 0) return;
    }
  }

  async logged(id: string, after: number): Promise<readonly LoggedEvent[]> {
    await this.#record(id);
    const events: LoggedEvent[] = [];
    for (;;) {
      const page = await this.#options.log.events(id, events.at(-1)?.id ?? after);
      if (page.length === 0) return events;
      events.push(...page);
    }
  }

  async position(id: string): Promise<number | null> {
    return this.#runner.position(id);
  }

  state(): ReturnType<Queue['state']> {
    return { queued: this.#runner.waiting, running: this.#runner.running.length, capacity: this.#options.capacity };
  }

  async embed(model: string, request: EmbedRequest, signal?: AbortSignal): ReturnType<Queue['embed']> {
    this.#checkOpen();
    if (this.#embedding >= this.#options.capacity) throw this.#full('too many embeddings are asked for at once');
    this.#embedding += 1;
    try {
      const id = this.#options.engines.resolve(model);
      return await this.#twice(async () => this.#embed(id, request, signal));
    } finally {
      this.#embedding -= 1;
    }
  }

  async drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    await this.#drained;
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'draining';
    await this.#leave();
    this.#state = 'closed';
  }

  async #drain(graceMs: number): Promise<void> {
    this.#state = 'draining';
    this.#runner.hold();
    const over = Promise.withResolvers<void>();
    const callOff = this.#options.clock.after(graceMs, over.resolve);
    await Promise.race([over.promise, Promise.all(this.#runner.running.map(async ({ done }) => done))]);
    callOff();
    await this.#leave();
  }

  /** Stops what runs: attached jobs are cancelled, for their clients go with the server; detached ones are left to the next start. */
  async #leave(): Promise<void> {
    this.#runner.hold();
    await Promise.all(this.#runner.all().map(async ({ record }) => {
      await this.#runner.stop(record.id, record.detached ? { kind: 'suspend' } : { kind: 'cancel', reason: 'the server ends' });
    }));
  }

  /** Lets the engine validate a job, and returns how much work it is. */
  async #check(model: string, job: NewJob, signal: AbortSignal | undefined): Promise<number> {
    // A job beside it may end the engine meanwhile.
    return this.#twice(async () => {
      const lease = await this.#options.engines.lease(model, signal);
      try {
        const weight = weightOf(job.request, await lease.engine.describe());
        await lease.engine.check(job.request, signal, this.#runner.isFree({ id: job.request.id, owner: job.owner, model, weight }));
        return weight;
      } finally {
        lease.release();
      }
    });
  }

  /** Keeps a job with its media, and gives it a place. */
  async #accept(model: string, job: NewJob, weight: number, signal: AbortSignal | undefined): Promise<JobRecord> {
    const { log, media, clock, deadlineMs } = this.#options;
    const { owner, request } = job;
    const createdAt = clock.now();
    const limit = job.deadlineMs ?? deadlineMs;
    const record: JobRecord = {
      id: request.id, owner, model, kind: job.kind, weight, status: 'queued', attempt: 0, losses: 0, createdAt, startedAt: null, endedAt: null, deadlineAt: limit === null ? null : createdAt + limit,
      detached: job.detached, conversation: job.conversation ?? null, request: storedRequest(request), view: job.view ?? null, error: null,
    };
    if ((await log.get(record.id)) !== null) throw new AnymodalError('conflict', `job ${record.id}: the id is taken; send another`);
    const inputs = mediaOfRequest(request);
    let isKept = false;
    try {
      for (const medium of inputs) await media.put(medium, { owner, origin: 'input', job: record.id, title: medium.name ?? null });
      await media.hold(`job/${record.id}`, inputs.map(({ id }) => id));
      this.#checkOpen();
      if (signal?.aborted === true) throw new AnymodalError('aborted', 'the client is gone');
      const kept = await log.add(record, this.#runner.foreseen(record), job.idempotency);
      isKept = kept.id === record.id;
      // What is kept while the server ends waits for the next start.
      if (isKept && this.#state !== 'closed') this.#runner.add(record);
      return kept;
    } finally {
      if (!isKept && inputs.length > 0) {
        await media.removeOfJob(record.id, 'all');
        await media.release(`job/${record.id}`);
      }
    }
  }

  async #embed(model: string, request: EmbedRequest, signal: AbortSignal | undefined): ReturnType<Queue['embed']> {
    const lease = await this.#options.engines.lease(model, signal);
    try {
      const embeddings: (readonly number[])[] = [];
      const warnings: Warning[] = [];
      for await (const event of lease.engine.embed(request, signal)) {
        if (event.type === 'embedding') embeddings[event.input] = event.embedding;
        else if (event.type === 'job-warning') warnings.push({ code: event.code, message: event.message });
        else if (event.type === 'job-abort') throw new AnymodalError('aborted', event.reason);
        else if (event.type === 'job-error') throw new AnymodalError(isErrorCode(event.code) ? event.code : 'internal', event.message);
      }
      return { embeddings, warnings };
    } finally {
      lease.release();
    }
  }

  async #twice<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AnymodalError) || error.code !== 'engine_crashed') throw error;
      return work();
    }
  }

  async #record(id: string): Promise<JobRecord> {
    const record = await this.#options.log.get(id);
    if (record === null) throw new AnymodalError('not_found', `job ${id}: there is none`);
    return record;
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new AnymodalError('shutting_down', 'the server ends and takes no more jobs; try again in a moment', { retryAfterMs: 5000 });
  }

  #checkRoom(owner: string): void {
    const { capacity, perOwner } = this.#options;
    const arriving = [...this.#arriving.values()].reduce((sum, count) => sum + count, 0);
    if (this.#runner.waiting + arriving >= capacity) throw this.#full(`${capacity} jobs wait already`);
    if (perOwner !== null && this.#runner.countOf(owner) + (this.#arriving.get(owner) ?? 0) >= perOwner) throw this.#full(`${perOwner} of your jobs wait or run already`);
  }

  #full(what: string): AnymodalError {
    return new AnymodalError('queue_full', `${what}; try again later`, { retryAfterMs: this.#runner.rates.retryAfterMs(this.#runner.running.map(({ record }) => record.weight)) });
  }
}

function slotsOf(slots: QueueOptions['slots']): Slots {
  const { all, long, longWeight } = { ...defaults.slots, ...slots };
  return { all, long: Math.max(1, Math.min(long, all - 1)), longWeight };
}
