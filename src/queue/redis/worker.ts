// A worker: takes jobs from the lanes of the models that are loaded here, runs them as a server of one machine would, and gives back
// what it cannot end. Loads a model when nobody else has room for its jobs.

import type { Job } from 'bullmq';
import { WaitingError, Worker } from 'bullmq';
import { systemClock, type Clock } from '../clock.ts';
import type { Engines, JobRecord, LoggedEvent, MediaStore } from '../contracts.ts';
import { Runner } from '../runner.ts';
import { LONG_WEIGHT } from '../weight.ts';
import { Answering } from './answers.ts';
import type { RedisLink } from './connection.ts';
import type { RedisJobLog, SharedRecord } from './job-log.ts';
import { bullPrefix, laneOf, lengths, nameOf, type Lanes, type Length } from './lanes.ts';
import type { Listener } from './listener.ts';
import { SIGN_MS, type Registry } from './registry.ts';
import { Sticking } from './sticking.ts';

export interface QueueWorkerOptions {
  readonly link: RedisLink;
  readonly listener: Listener;
  readonly registry: Registry;
  readonly lanes: Lanes;
  /** One that writes for this worker. */
  readonly log: RedisJobLog;
  readonly media: MediaStore;
  readonly engines: Engines;
  /** For people: name of the machine, and what it runs on. */
  readonly name: string;
  readonly device: string;
  readonly clock?: Clock;
  /** Jobs of one model that run at once, by length. */
  readonly slots?: Readonly<Record<Length, number>>;
  /** Milliseconds without a sign after which a worker's jobs are another's. */
  readonly lockMs?: number;
  /** Milliseconds that a job waits for a worker with its model loaded, which is busy, before another loads it too. */
  readonly patienceMs?: number;
  /** Times that a job is taken before it is given up. */
  readonly mostClaims?: number;
  readonly flushMs?: number;
  readonly observe?: (job: JobRecord, event: LoggedEvent) => void;
  /** Told of faults that it gets over. */
  readonly failed?: (error: unknown) => void;
}

const defaults = { slots: { short: 3, long: 1 }, lockMs: 15_000, patienceMs: 3000, mostClaims: 50, flushMs: 20 } as const;
const PATIENCE_MS = 600_000;
/** BullMQ's own limit is for workers that count nothing themselves. */
const MOST_STALLS = 1000;

export class QueueWorker {
  readonly #options: Required<QueueWorkerOptions>;
  readonly #runner: Runner;
  readonly #lanes = new Map<string, Worker>();
  /** Jobs between their claim and their run, and those of them that are to end. */
  readonly #claiming = new Map<string, boolean>();
  /** Jobs that go back to the lane. */
  readonly #suspended = new Set<string>();
  readonly #sticking: Sticking;
  readonly #timer: NodeJS.Timeout;
  #answering: Answering | null = null;
  #leave: () => void = () => undefined;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #drained: Promise<void> | null = null;
  #isPulsing = false;

  constructor(options: QueueWorkerOptions) {
    const whole = { clock: systemClock, ...defaults, observe: () => undefined, failed: () => undefined, ...options };
    this.#options = whole;
    const { log, media, engines, clock, flushMs, mostClaims, observe, slots } = whole;
    this.#runner = new Runner({ log, media, engines, clock, flushMs, mostAttempts: mostClaims, observe, slots: { all: slots.short + slots.long, long: slots.long, longWeight: LONG_WEIGHT } });
    // A job need not end because Redis is away for some minutes: its events wait.
    whole.link.patienceMs = PATIENCE_MS;
    this.#sticking = new Sticking(whole, () => this.#readyModels());
    this.#timer = setInterval(() => void this.#pulse().catch(whole.failed), SIGN_MS / 2).unref();
  }

  /** Jobs that run here. */
  get running(): number {
    return this.#runner.running.length;
  }

  get isDraining(): boolean {
    return this.#state !== 'open';
  }

  /** Is known to the others and takes work from now on. The caller closes it before its parts. */
  async start(): Promise<void> {
    const { listener, registry, engines, link, media } = this.#options;
    this.#leave = await listener.hear('cancel', (id) => {
      if (id === null) for (const { record } of this.#runner.all()) this.#look(record.id);
      else if (this.#claiming.has(id)) this.#claiming.set(id, true);
      else if (this.#runner.get(id) !== null) this.#look(id);
    });
    for (const model of engines.models()) await registry.keepModel(model, null);
    this.#answering = new Answering({ link, engines, media, models: () => this.#readyModels() });
    await this.#pulse();
  }

  /** Takes nothing more; what has not ended after `graceMs` goes back to the lanes, for another worker. */
  async drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    await this.#drained;
  }

  async close(): Promise<void> {
    await this.drain(0);
    this.#state = 'closed';
    clearInterval(this.#timer);
    this.#leave();
    if (this.#options.link.isUp) await this.#options.registry.leave('worker', this.#options.link.id).catch(() => undefined);
  }

  async #drain(graceMs: number): Promise<void> {
    this.#state = 'draining';
    const { clock, failed } = this.#options;
    if (this.#options.link.isUp) await this.#sign().catch(failed);
    // A fetch that is under way may still bring a job: it goes back at once.
    await Promise.all([...this.#lanes.values()].map(async (lane) => lane.pause(true).catch(failed)));
    const answered = this.#answering?.close();
    const over = Promise.withResolvers<void>();
    const callOff = clock.after(graceMs, over.resolve);
    await Promise.race([over.promise, Promise.all(this.#runner.all().map(async ({ done }) => done))]);
    callOff();
    await Promise.all(this.#runner.all().map(async ({ record: { id } }) => {
      this.#suspended.add(id);
      await this.#runner.stop(id, { kind: 'suspend' }).catch(failed);
    }));
    await Promise.all([...this.#lanes.values()].map(async (lane) => lane.close().catch(failed)));
    await answered;
  }

  #readyModels(): readonly string[] {
    return this.#options.engines.models().filter(({ state }) => state === 'ready').map(({ id }) => id);
  }

  /** Tells of itself, opens and closes lanes as models come and go, and loads one that nobody has room for. */
  async #pulse(): Promise<void> {
    if (this.#state !== 'open' || this.#isPulsing) return;
    this.#isPulsing = true;
    try {
      await this.#openLanes();
      await this.#sign();
      await this.#sticking.look();
    } finally {
      this.#isPulsing = false;
    }
  }

  async #sign(): Promise<void> {
    const { registry, link, name, device, engines, slots } = this.#options;
    const running: Record<string, number> = {};
    for (const { record: { model, weight } } of this.#runner.running) running[laneOf(model, weight)] = (running[laneOf(model, weight)] ?? 0) + 1;
    const models = engines.models();
    await registry.signWorker({ id: link.id, name, device, models, running, slots, draining: this.#state !== 'open' });
  }

  async #openLanes(): Promise<void> {
    const { engines, registry } = this.#options;
    const ready = this.#readyModels();
    for (const model of engines.models()) {
      const isReady = ready.includes(model.id);
      if (isReady && !this.#lanes.has(nameOf(model.id, 'short'))) await registry.keepModel(model, await engines.describe(model.id));
      for (const length of lengths) {
        const name = nameOf(model.id, length);
        const lane = this.#lanes.get(name);
        if (isReady && lane === undefined && this.#state === 'open') this.#lanes.set(name, this.#lane(name, length));
        if (!isReady && lane !== undefined) {
          this.#lanes.delete(name);
          // Fulfilled when its jobs have ended, which nobody has to wait for.
          void lane.close().catch(this.#options.failed);
        }
      }
    }
  }

  #lane(name: string, length: Length): Worker {
    const { link, slots, lockMs, failed } = this.#options;
    const worker = new Worker(name, async (job: Job, token?: string) => this.#run(job, token ?? ''), {
      connection: link.client, prefix: bullPrefix(link), concurrency: slots[length], lockDuration: lockMs, stalledInterval: Math.ceil(lockMs / 3), maxStalledCount: MOST_STALLS, drainDelay: 2,
    });
    worker.on('error', failed);
    return worker;
  }

  /** One job, from its claim to its end here. */
  async #run(job: Job, token: string): Promise<void> {
    const id = job.id ?? '';
    // It came again because its lock was lost meanwhile; it runs here still.
    const same = this.#runner.get(id);
    if (same !== null) await same.done;
    if (this.#state !== 'open') await this.#back(job, token);
    if (same !== null && (await this.#options.log.get(id))?.endedAt !== null) return;
    this.#claiming.set(id, false);
    try {
      const record = await this.#options.log.claim(id);
      if (record === null || (await this.#isOver(record))) return;
      const entry = this.#runner.add(record);
      // What the attempt before told is void.
      if (record.attempt > 0) entry.channel.write(record.attempt + 1, { type: 'job-queued', position: 0 });
      if (this.#claiming.get(id) === true) this.#look(id);
      this.#claiming.delete(id);
      await entry.done;
      if (this.#suspended.delete(id)) await this.#back(job, token);
    } finally {
      this.#claiming.delete(id);
    }
  }

  /** Ends a job that is not to run any more. */
  async #isOver({ id, attempt, claims, cancel }: SharedRecord): Promise<boolean> {
    const { log, mostClaims } = this.#options;
    if (cancel === null && claims <= mostClaims) return false;
    await log.append(id, Math.max(attempt, 1), [cancel !== null ? { type: 'job-abort', reason: cancel } : { type: 'job-error', code: 'engine_crashed', message: `the job was interrupted ${mostClaims} times and is given up` }]);
    await this.#options.media.release(`job/${id}`);
    return true;
  }

  /** Gives a job back to its lane. Throws what tells BullMQ so; returns where the job has ended. */
  async #back(job: Job, token: string): Promise<void> {
    const id = job.id ?? '';
    const record = await this.#options.log.get(id);
    if (record === null || record.endedAt !== null) return;
    await this.#options.log.release(id);
    await job.moveToWait(token);
    throw new WaitingError();
  }

  /** Ends a job that somebody asked to end. */
  #look(id: string): void {
    const { log, failed } = this.#options;
    void (async () => {
      const record = await log.shared(id);
      if (record !== null && record.cancel !== null) await this.#runner.stop(id, { kind: 'cancel', reason: record.cancel });
    })().catch(failed);
  }
}
