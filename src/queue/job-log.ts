// The job log in SQLite: jobs, their events in order, and the keys under which clients sent them.
// The database itself sees to it that a job ends once and that nothing follows its end.

import type { JobEventBody } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Idempotency, JobLog, JobRecord, JobStatus, LoggedEvent, Page, Stored } from './contracts.ts';
import { integer, integerOrNull, text, textOrNull, type Database, type Row, type Value } from './database.ts';
import { isTerminal } from './stored.ts';

const steps = [
  `CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL, weight REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    attempt INTEGER NOT NULL, losses INTEGER NOT NULL, created_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, deadline_at INTEGER,
    detached INTEGER NOT NULL, conversation TEXT, request TEXT NOT NULL, view TEXT NOT NULL, error_code TEXT, error_message TEXT
  ) STRICT;
  CREATE INDEX jobs_of_owner ON jobs (owner, seq);
  CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
  CREATE INDEX jobs_unfinished ON jobs (seq) WHERE status IN ('queued', 'running');
  CREATE INDEX jobs_of_conversation ON jobs (conversation) WHERE conversation IS NOT NULL;
  CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, id INTEGER NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL,
    terminal INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (job, id)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX one_end ON events (job) WHERE terminal = 1;
  CREATE TRIGGER nothing_after_the_end BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE job = NEW.job AND terminal = 1)
    BEGIN SELECT RAISE(ABORT, 'the job has ended'); END;
  CREATE TABLE idempotency (
    owner TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, PRIMARY KEY (owner, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_of_job ON idempotency (job)`,
];

/** Events of one page; a subscriber far behind reads several. */
const EVENTS_LIMIT = 1000;

/** The log in a database that others share. Throws what `Database.migrate` throws. */
export function createJobLog(database: Database, clock: Clock): JobLog {
  database.migrate('jobs', steps);
  return new SqliteJobLog(database, clock);
}

class SqliteJobLog implements JobLog {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async add(job: JobRecord, position: number, idempotency?: Idempotency): Promise<JobRecord> {
    return this.#database.soon(() => {
      const known = idempotency === undefined ? null : this.#byKey(job.owner, idempotency);
      if (known !== null) return known;
      if (this.#get(job.id) !== null) throw new AnymodalError('conflict', `job ${job.id}: the id is taken; send another`);
      this.#database.run(
        `INSERT INTO jobs (id, owner, model, kind, weight, status, attempt, losses, created_at, started_at, ended_at, deadline_at, detached, conversation, request, view)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        job.id, job.owner, job.model, job.kind, job.weight, job.status, job.attempt, job.losses, job.createdAt, job.startedAt, job.endedAt, job.deadlineAt, Number(job.detached), job.conversation, JSON.stringify(job.request), JSON.stringify(job.view),
      );
      if (idempotency !== undefined) this.#database.run('INSERT INTO idempotency (owner, key, digest, job) VALUES (?, ?, ?, ?)', job.owner, idempotency.key, idempotency.digest, job.id);
      this.#insert(job.id, 1, 1, { type: 'job-queued', position });
      return job;
    });
  }

  async byKey(owner: string, idempotency: Idempotency): Promise<JobRecord | null> {
    return this.#byKey(owner, idempotency);
  }

  async get(id: string): Promise<JobRecord | null> {
    return this.#get(id);
  }

  async list(filter: Parameters<JobLog['list']>[0], page: Page): Promise<readonly JobRecord[]> {
    const conditions = ['owner = ?'];
    const values: Value[] = [filter.owner];
    for (const column of ['kind', 'status', 'conversation'] as const) {
      const value = filter[column];
      if (value === undefined) continue;
      conditions.push(`${column} = ?`);
      values.push(value);
    }
    const ascending = page.order === 'asc';
    if (page.after !== undefined) {
      conditions.push(`seq ${ascending ? '>' : '<'} (SELECT seq FROM jobs WHERE id = ?)`);
      values.push(page.after);
    }
    return this.#database.all(`SELECT * FROM jobs WHERE ${conditions.join(' AND ')} ORDER BY seq ${ascending ? 'ASC' : 'DESC'} LIMIT ?`, ...values, page.limit).map(jobOf);
  }

  async update(id: string, change: Parameters<JobLog['update']>[1]): Promise<void> {
    // What is lost with power here only makes an attempt be counted once.
    await this.#database.soon(() => {
      const job = this.#get(id);
      if (job === null || job.endedAt !== null) return;
      const { status, attempt, losses, startedAt } = { ...job, ...change };
      this.#database.run('UPDATE jobs SET status = ?, attempt = ?, losses = ?, started_at = ? WHERE id = ?', status, attempt, losses, startedAt, id);
    }, false);
  }

  async append(id: string, attempt: number, events: readonly Stored<JobEventBody>[], times: readonly number[] = []): Promise<readonly LoggedEvent[]> {
    return this.#database.soon(() => {
      const row = this.#database.get('SELECT status, ended_at, (SELECT max(id) FROM events WHERE job = jobs.id) AS last FROM jobs WHERE id = ?', id);
      if (row === undefined) throw new AnymodalError('not_found', `job ${id}: there is none`);
      if (row['ended_at'] !== null) throw new AnymodalError('conflict', `job ${id}: it has ended as ${text(row, 'status')}`);
      const last = integerOrNull(row, 'last') ?? 0;
      const logged = events.map((event, index) => this.#insert(id, attempt, last + 1 + index, event, times[index]));
      const end = logged.at(-1);
      if (end !== undefined && isTerminal(end)) this.#end(end);
      return logged;
    }, events.some(isTerminal));
  }

  async events(id: string, after: number, limit = EVENTS_LIMIT): Promise<readonly LoggedEvent[]> {
    return this.#database.all('SELECT * FROM events WHERE job = ? AND id > ? ORDER BY id LIMIT ?', id, after, limit).map((row) => {
      const body: Stored<JobEventBody> = JSON.parse(text(row, 'body'));
      return { ...body, job: id, attempt: integer(row, 'attempt'), id: integer(row, 'id'), at: integer(row, 'at') };
    });
  }

  async unfinished(): Promise<readonly JobRecord[]> {
    return this.#database.all("SELECT * FROM jobs WHERE status IN ('queued', 'running') ORDER BY seq").map(jobOf);
  }

  async remove(id: string): Promise<boolean> {
    return this.#database.soon(() => this.#database.run('DELETE FROM jobs WHERE id = ? AND ended_at IS NOT NULL', id) > 0);
  }

  async ended(): Promise<number> {
    return Number(this.#database.get('SELECT count(*) AS ended FROM jobs WHERE ended_at IS NOT NULL')?.['ended'] ?? 0);
  }

  async endedBefore(before: number, limit: number, { conversations } = { conversations: true }): Promise<readonly JobRecord[]> {
    return this.#database.all(`SELECT * FROM jobs WHERE ended_at < ? ${conversations ? '' : 'AND conversation IS NULL '}ORDER BY ended_at, seq LIMIT ?`, before, limit).map(jobOf);
  }

  #get(id: string): JobRecord | null {
    const row = this.#database.get('SELECT * FROM jobs WHERE id = ?', id);
    return row === undefined ? null : jobOf(row);
  }

  #byKey(owner: string, { key, digest }: Idempotency): JobRecord | null {
    const row = this.#database.get('SELECT digest, job FROM idempotency WHERE owner = ? AND key = ?', owner, key);
    if (row === undefined) return null;
    if (text(row, 'digest') !== digest) throw new AnymodalError('conflict', 'the idempotency key came before with another request; send this one under a new key', { field: 'Idempotency-Key' });
    return this.#get(text(row, 'job'));
  }

  #insert(job: string, attempt: number, id: number, event: Stored<JobEventBody>, at = this.#clock.now()): LoggedEvent {
    this.#database.run('INSERT INTO events (job, id, attempt, at, terminal, body) VALUES (?, ?, ?, ?, ?, ?)', job, id, attempt, at, Number(isTerminal(event)), JSON.stringify(event));
    return { ...event, job, attempt, id, at };
  }

  #end(event: LoggedEvent): void {
    const [status, code, message] = endOf(event);
    this.#database.run('UPDATE jobs SET status = ?, error_code = ?, error_message = ?, ended_at = ? WHERE id = ?', status, code, message, event.at, event.job);
  }
}

function endOf(event: LoggedEvent): readonly [status: JobStatus, code: string | null, message: string | null] {
  if (event.type === 'job-error') return ['failed', event.code, event.message];
  return event.type === 'job-abort' ? ['cancelled', 'aborted', event.reason] : ['completed', null, null];
}

function jobOf(row: Row): JobRecord {
  const code = textOrNull(row, 'error_code');
  return {
    id: text(row, 'id'),
    owner: text(row, 'owner'),
    model: text(row, 'model'),
    kind: text(row, 'kind'),
    weight: integer(row, 'weight'),
    status: statusOf(text(row, 'status')),
    attempt: integer(row, 'attempt'),
    losses: integer(row, 'losses'),
    createdAt: integer(row, 'created_at'),
    startedAt: integerOrNull(row, 'started_at'),
    endedAt: integerOrNull(row, 'ended_at'),
    deadlineAt: integerOrNull(row, 'deadline_at'),
    detached: integer(row, 'detached') === 1,
    conversation: textOrNull(row, 'conversation'),
    request: JSON.parse(text(row, 'request')),
    view: JSON.parse(text(row, 'view')),
    error: code === null ? null : { code, message: textOrNull(row, 'error_message') ?? '' },
  };
}

function statusOf(value: string): JobStatus {
  const status = (['queued', 'running', 'completed', 'failed', 'cancelled'] as const).find((known) => known === value);
  if (status === undefined) throw new AnymodalError('internal', `a job has the status ${value}`);
  return status;
}
