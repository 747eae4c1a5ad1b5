// The queue of a server that shares it with others: takes jobs when they are sound and there is room, and tells what becomes of them
// in whichever worker. All that it knows is in Redis, so that any server answers for any job.

import type { EmbedRequest, JobRequest, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { systemClock, type Clock } from '../clock.ts';
import type { JobLog, JobRecord, LoggedEvent, MediaStore, NewJob, Queue } from '../contracts.ts';
import { isTerminal, mediaOfRequest, storedPart, storedRequest } from '../stored.ts';
import { weightOf } from '../weight.ts';
import type { Calls } from './calls.ts';
import type { RedisLink } from './connection.ts';
import type { RemoteEngines } from './engines.ts';
import type { RedisJobLog, SharedRecord } from './job-log.ts';
import { laneOf, type Lanes } from './lanes.ts';
import type { Listener } from './listener.ts';
import type { Registry } from './registry.ts';

export interface SharedQueueOptions {
  readonly link: RedisLink;
  readonly listener: Listener;
  readonly registry: Registry;
  readonly calls: Calls;
  readonly lanes: Lanes;
  readonly log: RedisJobLog;
  readonly media: MediaStore;
  readonly engines: RemoteEngines;
  readonly clock?: Clock;
  /** Jobs that may wait, and those of one owner that may wait or run; both of all servers together. */
  readonly capacity?: number;
  readonly perOwner?: number | null;
  /** Milliseconds that a job has when it asks for none itself; null for no limit. */
  readonly deadlineMs?: number | null;
}

/** How often what others did is looked at where it can be a moment old. */
const PULSE_MS = 1000;
/** A follower looks for itself when it was told nothing for this long. */
const LOOK_MS = 5000;
/** How often it is looked whether the worker that is to end a job is alive. */
const CANCEL_LOOK_MS = 1000;
/** For clients of a full queue: nobody knows how long the jobs of all workers take. */
const RETRY_AFTER_MS = 5000;
/** Owner of what is put into the media store for a call alone. */
const CALLS_OWNER = 'calls';

/** Opens the queue: this server is known to the others from now on. The caller closes it before its parts. */
export async function createSharedQueue(options: SharedQueueOptions): Promise<Queue> {
  const queue = new SharedQueue(options);
  await queue.pulse();
  return queue;
}

class SharedQueue implements Queue {
  readonly list: JobLog['list'];
  readonly #options: Required<SharedQueueOptions>;
  readonly #timer: NodeJS.Timeout;
  readonly #over = Promise.withResolvers<void>();
  #state: 'open' | 'draining' | 'closed' = 'open';
  #isPulsing = false;
  #counts = { waiting: 0, unfinished: 0 };

  constructor(options: SharedQueueOptions) {
    this.#options = { clock: systemClock, capacity: 256, perOwner: null, deadlineMs: null, ...options };
    this.list = async (filter, page) => this.#options.log.list(filter, page);
    // Redis away: the sign of life goes, and what is known stays.
    this.#timer = setInterval(() => void this.pulse().catch(() => undefined), PULSE_MS).unref();
  }

  /** Says that this server lives, and learns what others did. */
  async pulse(): Promise<void> {
    if (this.#isPulsing) return;
    this.#isPulsing = true;
    try {
      const { registry, link, log, engines } = this.#options;
      await registry.signServer(link.id);
      [this.#counts] = await Promise.all([log.counts(), engines.refresh()]);
    } finally {
      this.#isPulsing = false;
    }
  }

  async submit(job: NewJob, signal?: AbortSignal): Promise<JobRecord> {
    this.#checkOpen();
    const { log, engines, calls, lanes, link, clock, capacity, perOwner, deadlineMs } = this.#options;
    const known = job.idempotency === undefined ? null : await log.byKey(job.owner, job.idempotency);
    if (known !== null) return known;
    if (this.#counts.waiting >= capacity) throw new AnymodalError('queue_full', `${capacity} jobs wait already; try again later`, { retryAfterMs: RETRY_AFTER_MS });
    const model = engines.resolve(job.model);
    const { owner, request } = job;
    if ((await log.get(request.id)) !== null) throw new AnymodalError('conflict', `job ${request.id}: the id is taken; send another`);
    let kept: SharedRecord | null = null;
    try {
      const stored = await this.#putInputs(request, owner);
      const description = await engines.describe(model, signal);
      await calls.ask(model, { kind: 'check', request: stored }, signal);
      this.#checkOpen();
      if (signal?.aborted === true) throw new AnymodalError('aborted', 'the client is gone');
      const createdAt = clock.now();
      const limit = job.deadlineMs ?? deadlineMs;
      const weight = weightOf(request, description);
      const lane = laneOf(model, weight);
      const record: JobRecord = {
        id: request.id, owner, model, kind: job.kind, weight, status: 'queued', attempt: 0, losses: 0, createdAt, startedAt: null, endedAt: null, deadlineAt: limit === null ? null : createdAt + limit,
        detached: job.detached, conversation: job.conversation ?? null, request: stored, view: job.view ?? null, error: null,
      };
      const position = await lanes.foreseen(lane, owner);
      kept = await log.admit(record, position, job.idempotency, { lane, server: job.detached ? null : link.id, capacity, perOwner });
      // Without a place in BullMQ the janitor gives it one.
      if (kept.id === request.id) await lanes.add(lane, kept.id, kept.turn).catch(() => undefined);
      return kept;
    } catch (error) {
      throw error instanceof AnymodalError && error.code === 'queue_full' ? new AnymodalError('queue_full', error.message, { retryAfterMs: RETRY_AFTER_MS }) : error;
    } finally {
      if (kept?.id !== request.id) await this.#dropInputs(request.id).catch(() => undefined);
    }
  }

  async get(id: string): Promise<JobRecord | null> {
    return this.#options.log.get(id);
  }

  async cancel(id: string, reason: string): Promise<void> {
    const { log, lanes, registry, listener, media } = this.#options;
    const record = await this.#record(id);
    let news = Promise.withResolvers<void>();
    const leave = await listener.hear(`news:${id}`, () => news.resolve());
    try {
      for (;;) {
        const asked = await log.askForEnd(id, reason);
        if (asked.state === 'ended') return;
        if (asked.state === 'waits' || !(await registry.hasWorker(asked.holder))) {
          await ignoringConflict(log.append(id, Math.max(record.attempt, 1), [{ type: 'job-abort', reason }]));
          await lanes.remove(record.lane, id);
          await media.release(`job/${id}`);
          return;
        }
        for (const until = Date.now() + CANCEL_LOOK_MS; Date.now() < until; news = Promise.withResolvers<void>()) {
          await raceWithin(Math.max(1, until - Date.now()), news.promise);
          if ((await log.get(id))?.endedAt !== null) return;
        }
      }
    } finally {
      leave();
    }
  }

  async remove(id: string): Promise<void> {
    const { log, media } = this.#options;
    await this.#record(id);
    await this.cancel(id, 'the job was deleted');
    await media.removeOfJob(id, 'all');
    await log.remove(id);
  }

  async *events(id: string, after: number, signal?: AbortSignal): AsyncGenerator<LoggedEvent> {
    const { log, listener } = this.#options;
    await this.#record(id);
    let news = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const abort = (): void => left.resolve();
    signal?.addEventListener('abort', abort, { once: true });
    const leave = await listener.hear(`news:${id}`, () => news.resolve());
    try {
      for (let last = after; ;) {
        if (signal?.aborted === true || this.#state === 'closed') return;
        // Renewed before one looks: what is kept later makes news.
        news = Promise.withResolvers<void>();
        const events = await log.events(id, last);
        for (const event of events) {
          last = event.id;
          yield event;
          if (isTerminal(event)) return;
        }
        if (events.length > 0) continue;
        const wasTold = await raceWithin(LOOK_MS, news.promise, left.promise, this.#over.promise);
        if (wasTold) continue;
        // Asked for from after its end, or removed meanwhile.
        const record = await log.get(id);
        if (record === null || (record.endedAt !== null && (await log.events(id, last, 1)).length === 0)) return;
      }
    } finally {
      leave();
      signal?.removeEventListener('abort', abort);
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
    const record = await this.#options.log.shared(id);
    return record === null || record.endedAt !== null ? null : this.#options.lanes.position(record.lane, id);
  }

  state(): ReturnType<Queue['state']> {
    const { waiting, unfinished } = this.#counts;
    return { queued: waiting, running: Math.max(0, unfinished - waiting), capacity: this.#options.capacity };
  }

  async embed(model: string, request: EmbedRequest, signal?: AbortSignal): ReturnType<Queue['embed']> {
    this.#checkOpen();
    const { media, calls, engines } = this.#options;
    const id = engines.resolve(model);
    const job = `embed/${request.id}`;
    const inputs = request.inputs.flatMap((part: Part) => (part.type === 'media' ? [part.media] : []));
    try {
      for (const medium of inputs) await media.put(medium, { owner: CALLS_OWNER, origin: 'input', job, title: null });
      return await calls.ask(id, { kind: 'embed', request: { ...request, inputs: request.inputs.map(storedPart) } }, signal);
    } finally {
      if (inputs.length > 0) await media.removeOfJob(job, 'all').catch(() => undefined);
    }
  }

  async drain(graceMs: number): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    // Detached jobs are the workers'; those of clients that are still here have this long.
    for (const until = Date.now() + graceMs; Date.now() < until && (await this.#attached()).length > 0;) await raceWithin(200);
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'draining';
    clearInterval(this.#timer);
    const { registry, link } = this.#options;
    if (link.isUp) {
      await Promise.all((await this.#attached()).map(async (id) => this.cancel(id, 'the server ends').catch(() => undefined)));
      await registry.leave('server', link.id).catch(() => undefined);
    }
    this.#state = 'closed';
    this.#over.resolve();
  }

  async #attached(): Promise<readonly string[]> {
    return this.#options.registry.attached(this.#options.link.id).catch(() => []);
  }

  /** Keeps the media of a request where workers find them. */
  async #putInputs(request: JobRequest, owner: string): Promise<SharedRecord['request']> {
    const { media } = this.#options;
    const inputs = mediaOfRequest(request);
    for (const medium of inputs) await media.put(medium, { owner, origin: 'input', job: request.id, title: medium.name ?? null });
    await media.hold(`job/${request.id}`, inputs.map(({ id }) => id));
    return storedRequest(request);
  }

  async #dropInputs(id: string): Promise<void> {
    await this.#options.media.removeOfJob(id, 'all');
    await this.#options.media.release(`job/${id}`);
  }

  async #record(id: string): Promise<SharedRecord> {
    const record = await this.#options.log.shared(id);
    if (record === null) throw new AnymodalError('not_found', `job ${id}: there is none`);
    return record;
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new AnymodalError('shutting_down', 'the server ends and takes no more jobs; try again in a moment', { retryAfterMs: 5000 });
  }
}

/** Waits for one of them, or so many milliseconds; false where it was the time. */
async function raceWithin(milliseconds: number, ...promises: readonly Promise<void>[]): Promise<boolean> {
  const over = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => over.resolve(false), milliseconds);
  const told = await Promise.race([over.promise, ...promises.map(async (promise) => promise.then(() => true))]);
  clearTimeout(timer);
  return told;
}

async function ignoringConflict(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AnymodalError) || error.code !== 'conflict') throw error;
  }
}
