// What nobody else would do once processes have ended without a word: jobs past their deadline, of servers that are gone or without a
// place in the queue; media that nobody wants. One process at a time does it, whichever comes first.

import { AnymodalError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { Stored } from '../contracts.ts';
import type { JobEventBody } from '../../contracts.ts';
import type { RedisLink } from './connection.ts';
import type { RedisJobLog, SharedRecord } from './job-log.ts';
import type { Lanes } from './lanes.ts';
import type { RedisMediaStore } from './media-store.ts';
import { ALIVE_MS, type Registry } from './registry.ts';

export interface JanitorOptions {
  readonly link: RedisLink;
  readonly registry: Registry;
  readonly lanes: Lanes;
  /** One that writes for anybody. */
  readonly log: RedisJobLog;
  readonly media: RedisMediaStore;
  readonly clock: Clock;
  /** Told of a fault; it goes on at its next turn. */
  readonly failed: (error: unknown) => void;
  readonly everyMs?: number;
}

const EVERY_MS = 5000;
/** A worker ends its jobs at their deadline itself; one that has not by then has ended. */
const DEADLINE_GRACE_MS = 10_000;
/** A job that was accepted is in BullMQ by then. */
const PLACE_MS = 5000;
/** A job whose media came is accepted by then, or was refused. */
const ACCEPTED_MS = 600_000;
/** Previews of ended jobs are shown to nobody by then. */
const PREVIEWS_MS = 60_000;

export class Janitor {
  readonly #options: JanitorOptions;
  readonly #timer: NodeJS.Timeout;
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: JanitorOptions) {
    this.#options = options;
    const { everyMs = EVERY_MS, link, failed } = options;
    this.#timer = setInterval(() => {
      // After a time without Redis those who live need a moment to say so.
      if (link.upMs > ALIVE_MS) this.#turn = this.#turn.then(async () => this.run(everyMs)).catch(failed);
    }, everyMs).unref();
  }

  /** Does what is to be done, unless another process did within `everyMs`. */
  async run(everyMs: number): Promise<void> {
    const { link } = this.#options;
    const isMine = await link.within(async () => link.client.set(link.key('janitor'), link.id, 'PX', Math.max(1, everyMs - 100), 'NX'));
    if (isMine !== 'OK' || this.#isClosed) return;
    await this.#jobs();
    await this.#servers();
    await this.#media();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#turn;
  }

  async #jobs(): Promise<void> {
    const { log, lanes, registry, clock } = this.#options;
    const alive = new Set((await registry.workers()).map(({ id }) => id));
    for (const job of await log.unfinished()) {
      if (this.#isClosed) return;
      const { id, deadlineAt, cancel, holder, createdAt, lane } = job;
      const isHeld = holder !== null && alive.has(holder);
      const now = clock.now();
      if (deadlineAt !== null && now > deadlineAt + (isHeld ? DEADLINE_GRACE_MS : 0)) {
        await this.#end(job, { type: 'job-error', code: 'timeout', message: 'the job had not ended by its deadline; ask for less, or for more time' });
      } else if (cancel !== null && !isHeld) {
        await this.#end(job, { type: 'job-abort', reason: cancel });
      } else if (now > createdAt + PLACE_MS && !isHeld && !(await lanes.has(lane, id)) && (await log.get(id))?.endedAt === null) {
        await log.release(id);
        await lanes.add(lane, id, job.turn);
      }
    }
  }

  /** Clients of a server that is gone are gone too. */
  async #servers(): Promise<void> {
    const { registry, log } = this.#options;
    for (const server of await registry.deadServers()) {
      for (const id of await registry.attached(server)) {
        const asked = await log.askForEnd(id, 'the server of its client has ended');
        const job = asked.state === 'waits' ? await log.shared(id) : null;
        if (job !== null) await this.#end(job, { type: 'job-abort', reason: 'the server of its client has ended' });
      }
      // What a worker still has is found again until it has ended.
      if ((await registry.attached(server)).length === 0) await registry.forgetServer(server);
    }
  }

  async #media(): Promise<void> {
    const { media, log, clock } = this.#options;
    const now = clock.now();
    await media.sweep();
    const { brought, held } = await media.jobsBefore(now - ACCEPTED_MS);
    for (const id of new Set([...brought, ...held])) {
      const job = await log.get(id);
      if (job === null) await media.removeOfJob(id, 'all');
      if (held.includes(id) && (job === null || job.endedAt !== null)) await media.release(`job/${id}`);
    }
    for (const id of (await media.jobsBefore(now - PREVIEWS_MS)).previews) {
      const job = await log.get(id);
      if (job === null || (job.endedAt !== null && now - job.endedAt > PREVIEWS_MS)) await media.removeOfJob(id, 'previews');
    }
  }

  async #end({ id, attempt, lane }: SharedRecord, end: Stored<JobEventBody>): Promise<void> {
    const { log, lanes, media } = this.#options;
    try {
      await log.append(id, Math.max(attempt, 1), [end]);
    } catch (error) {
      // It has ended by itself meanwhile.
      if (!(error instanceof AnymodalError) || error.code !== 'conflict') throw error;
    }
    await lanes.remove(lane, id);
    await media.release(`job/${id}`);
  }
}
