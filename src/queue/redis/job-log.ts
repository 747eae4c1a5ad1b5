// The job log in Redis: jobs in hashes, their events in streams, each change a script, so that a job ends once whoever writes.
// With a holder it writes for one worker alone: what another worker took over is closed to it.

import { randomUUID } from 'node:crypto';
import type { JobEventBody } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { Idempotency, JobLog, JobRecord, JobStatus, LoggedEvent, Page, Stored } from '../contracts.ts';
import { isTerminal } from '../stored.ts';
import { listOf, textOf, type RedisLink, type Reply } from './connection.ts';
import { addJob, appendEvents, cancelJob, claimJob, releaseJob, removeJob, updateJob } from './job-scripts.ts';

/** Events of one page; a subscriber far behind reads several. */
const EVENTS_LIMIT = 1000;
/** Jobs that are looked through at once. */
const CHUNK = 100;

/** A job with what workers share of it. */
export interface SharedRecord extends JobRecord {
  /** The worker that has it; null while it waits. */
  readonly holder: string | null;
  /** Times that a worker took it. */
  readonly claims: number;
  /** Why it is to end; null where nobody asked. */
  readonly cancel: string | null;
  /** Its place in turns among owners. */
  readonly turn: number;
  readonly lane: string;
}

export interface Admission {
  readonly lane: string;
  /** The server that an attached job ends with; null for a detached one. */
  readonly server: string | null;
  /** Jobs that may wait, of all and of the owner that have not ended; null for no limit. */
  readonly capacity: number | null;
  readonly perOwner: number | null;
}

/** `holder`: the worker that it writes for; null writes for anybody. */
export class RedisJobLog implements JobLog {
  readonly #link: RedisLink;
  readonly #clock: Clock;
  readonly #holder: string;
  /** Of this log alone: others of the process count their writes too. */
  readonly #writer = randomUUID();
  #writes = 0;

  constructor(link: RedisLink, clock: Clock, holder: string | null = null) {
    this.#link = link;
    this.#clock = clock;
    this.#holder = holder ?? '';
  }

  async add(job: JobRecord, position: number, idempotency?: Idempotency): Promise<JobRecord> {
    return this.admit(job, position, idempotency, { lane: '', server: null, capacity: null, perOwner: null });
  }

  /** `add` within limits, which several servers keep together. Throws `queue_full` as well. */
  async admit(job: JobRecord, position: number, idempotency: Idempotency | undefined, { lane, server, capacity, perOwner }: Admission): Promise<SharedRecord> {
    const { status, attempt, losses, startedAt, endedAt, error: _error, ...fixed } = job;
    const event: Stored<JobEventBody> = { type: 'job-queued', position };
    const kept = await this.#link.run(
      addJob, job.id, job.owner, idempotency?.key ?? '', idempotency?.digest ?? '', this.#nonce(), server ?? '', lane, capacity ?? -1, perOwner ?? -1,
      job.deadlineAt ?? '', this.#clock.now(), job.conversation ?? '', JSON.stringify(event),
      'owner', job.owner, 'conversation', job.conversation ?? '', 'record', JSON.stringify(fixed),
      'status', status, 'attempt', attempt, 'losses', losses, 'startedAt', startedAt ?? '', 'endedAt', endedAt ?? '', 'errorCode', '', 'errorMessage', '',
    );
    return this.#whole(kept);
  }

  async byKey(owner: string, { key, digest }: Idempotency): Promise<JobRecord | null> {
    const known = await this.#link.within(async () => this.#link.client.hget(this.#link.key('I', owner), key));
    const [, id, before] = /^(\S+) (.*)$/s.exec(known ?? '') ?? [];
    if (id === undefined) return null;
    if (before !== digest) throw new AnymodalError('conflict', 'the idempotency key came before with another request; send this one under a new key', { field: 'Idempotency-Key' });
    return this.get(id);
  }

  async get(id: string): Promise<JobRecord | null> {
    return this.shared(id);
  }

  async shared(id: string): Promise<SharedRecord | null> {
    const [record] = await this.#records([id]);
    return record ?? null;
  }

  async list(filter: Parameters<JobLog['list']>[0], page: Page): Promise<readonly JobRecord[]> {
    const { client } = this.#link;
    const key = this.#link.key('O', filter.owner);
    const ascending = page.order === 'asc';
    const fits = (job: JobRecord): boolean => (['kind', 'status', 'conversation'] as const).every((name) => filter[name] === undefined || filter[name] === job[name]);
    const found: JobRecord[] = [];
    let from: string | null = null;
    if (page.after !== undefined) {
      const { after } = page;
      from = await this.#link.within(async () => client.zscore(key, after));
      if (from === null) return [];
    }
    for (;;) {
      const bound = from === null ? null : `(${from}`;
      const ids = await this.#link.within(async () => (ascending ? client.zrange(key, bound ?? '-inf', '+inf', 'BYSCORE', 'LIMIT', 0, CHUNK, 'WITHSCORES') : client.zrange(key, bound ?? '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, CHUNK, 'WITHSCORES')));
      const records = await this.#records(ids.filter((_, index) => index % 2 === 0));
      found.push(...records.filter((job) => job !== null && fits(job)).filter((job) => job !== null));
      from = ids.at(-1) ?? null;
      if (found.length >= page.limit || ids.length < 2 * CHUNK) return found.slice(0, page.limit);
    }
  }

  async update(id: string, change: Parameters<JobLog['update']>[1]): Promise<void> {
    await this.#link.run(updateJob, id, this.#holder, ...Object.entries(change).flatMap(([name, value]) => [name, value ?? '']));
  }

  async append(id: string, attempt: number, events: readonly Stored<JobEventBody>[], times: readonly number[] = []): Promise<readonly LoggedEvent[]> {
    if (events.length === 0) return [];
    const last = events.at(-1);
    const [status, code, message] = last === undefined ? ['', '', ''] : endOf(last);
    const now = this.#clock.now();
    const came = events.map((event, index) => ({ event, at: times[index] ?? now }));
    const first = Number(await this.#link.run(appendEvents, id, this.#holder, attempt, came.at(-1)?.at ?? now, this.#writer, this.#nonce(), status, code, message, ...came.flatMap(({ event, at }) => [at, JSON.stringify(event)])));
    return came.map(({ event, at }, index) => ({ ...event, job: id, attempt, id: first + index, at }));
  }

  async events(id: string, after: number, limit = EVENTS_LIMIT): Promise<readonly LoggedEvent[]> {
    const entries = await this.#link.within(async () => this.#link.client.xrange(this.#link.key('E', id), `(${Math.max(0, after)}-0`, '+', 'COUNT', String(limit)));
    return entries.map(([place, fields]) => {
      const body: Stored<JobEventBody> = JSON.parse(fields[5] ?? '');
      return { ...body, job: id, attempt: Number(fields[1]), id: Number(place.split('-')[0]), at: Number(fields[3]) };
    });
  }

  async unfinished(): Promise<readonly SharedRecord[]> {
    const ids = await this.#link.within(async () => this.#link.client.zrange(this.#link.key('U'), '0', '-1'));
    return (await this.#records(ids)).filter((job) => job !== null && job.endedAt === null).filter((job) => job !== null);
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#link.run(removeJob, id)) === 1;
  }

  async ended(): Promise<number> {
    return this.#link.within(async () => this.#link.client.zcard(this.#link.key('X')));
  }

  async endedBefore(before: number, limit: number, { conversations } = { conversations: true }): Promise<readonly JobRecord[]> {
    const bound = before === Infinity ? '+inf' : `(${before}`;
    const ids = await this.#link.within(async () => this.#link.client.zrange(this.#link.key(conversations ? 'X' : 'XN'), '-inf', bound, 'BYSCORE', 'LIMIT', 0, limit));
    return (await this.#records(ids)).filter((job) => job !== null);
  }

  /** Takes a job for this log's holder. Null where it has ended or is gone. */
  async claim(id: string): Promise<SharedRecord | null> {
    const fields = listOf(await this.#link.run(claimJob, id, this.#holder));
    return fields.length === 0 ? null : this.#whole(fields);
  }

  /** Gives a job back to those that wait, from this log's holder, or from whoever has it. False where it has ended or another worker has it. */
  async release(id: string): Promise<boolean> {
    return (await this.#link.run(releaseJob, id, this.#holder)) === 1;
  }

  /** Asks for a job's end. The worker that has it; null where nobody does; 'ended'. */
  async askForEnd(id: string, reason: string): Promise<{ readonly state: 'ended' } | { readonly state: 'waits' } | { readonly state: 'held'; readonly holder: string }> {
    const held = await this.#link.run(cancelJob, id, reason);
    if (held === 0) return { state: 'ended' };
    return held === '' || typeof held !== 'string' ? { state: 'waits' } : { state: 'held', holder: held };
  }

  /** Jobs that wait, and all that have not ended. */
  async counts(): Promise<{ readonly waiting: number; readonly unfinished: number }> {
    const { client } = this.#link;
    const [waiting, unfinished] = await this.#link.within(async () => Promise.all([client.zcard(this.#link.key('Q')), client.zcard(this.#link.key('U'))]));
    return { waiting, unfinished };
  }

  async #records(ids: readonly string[]): Promise<readonly (SharedRecord | null)[]> {
    return this.#link.within(async () => Promise.all(ids.map(async (id) => {
      const fields = await this.#link.client.hgetall(this.#link.key('J', id));
      return fields['record'] === undefined ? null : recordOf(fields);
    })));
  }

  #whole(fields: Reply): SharedRecord {
    const list = listOf(fields);
    return recordOf(Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[textOf(name) ?? '', textOf(list[index + 1]) ?? '']] : []))));
  }

  /** By it Redis knows a write that is sent again because its answer was lost. */
  #nonce(): string {
    this.#writes += 1;
    return `${this.#writer}/${this.#writes}`;
  }
}

function endOf(event: Stored<JobEventBody>): readonly [status: string, code: string, message: string] {
  if (!isTerminal(event)) return ['', '', ''];
  if (event.type === 'job-error') return ['failed', event.code, event.message];
  return event.type === 'job-abort' ? ['cancelled', 'aborted', event.reason] : ['completed', '', ''];
}

function recordOf(fields: Readonly<Record<string, string>>): SharedRecord {
  const value = (name: string): string => fields[name] ?? '';
  const integerOrNull = (name: string): number | null => (value(name) === '' ? null : Number(value(name)));
  const fixed: Omit<JobRecord, 'status' | 'attempt' | 'losses' | 'startedAt' | 'endedAt' | 'error'> = JSON.parse(value('record'));
  return {
    ...fixed, status: statusOf(value('status')), attempt: Number(value('attempt')), losses: Number(value('losses')), startedAt: integerOrNull('startedAt'), endedAt: integerOrNull('endedAt'),
    error: value('errorCode') === '' ? null : { code: value('errorCode'), message: value('errorMessage') },
    holder: fields['holder'] ?? null, claims: Number(value('claims')), cancel: fields['cancel'] ?? null, turn: Number(value('turn')), lane: value('lane'),
  };
}

function statusOf(value: string): JobStatus {
  const status = (['queued', 'running', 'completed', 'failed', 'cancelled'] as const).find((known) => known === value);
  if (status === undefined) throw new AnymodalError('internal', `a job has the status ${value}`);
  return status;
}
