// The way to one PostgreSQL database: connections, migrations that servers started together do once, patience with a database that is away,
// and what it says in our words. Knows no table but the one of versions.

import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type QueryResultRow } from 'pg';
import { AnymodalError } from '../../errors.ts';

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; a secret. */
  readonly url: string;
  /** Milliseconds for which a database that does not answer is asked again. */
  readonly patienceMs?: number;
  /** Told when the connection is lost and when it is back. */
  readonly changed?: (state: 'lost' | 'back') => void;
}

/** Values of a statement. */
export type PostgresValue = string | number | null;
/** A connection of its own, or one in a transaction. */
export interface Statements {
  readonly all: <Row extends QueryResultRow>(sql: string, ...values: readonly PostgresValue[]) => Promise<readonly Row[]>;
  /** How many rows it changed. */
  readonly run: (sql: string, ...values: readonly PostgresValue[]) => Promise<number>;
}

const PATIENCE_MS = 30_000;
const CONNECT_MS = 5000;
const STATEMENT_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
const CONNECTIONS = 10;
/** Names the lock that servers take for migrations; any number that others do not use. */
const MIGRATION_LOCK = 7_140_993;

/** Answers of a database that begins, ends or is full of connections: it is there again in a moment (PostgreSQL manual, appendix A). */
const passing = new Set(['57P01', '57P02', '57P03', '53300', '40001', '40P01', '25006']);

/** Who opens it closes it. */
export class PostgresLink {
  readonly #pool: Pool;
  readonly #patienceMs: number;
  readonly #changed: (state: 'lost' | 'back') => void;
  #isLost = false;

  constructor({ url, patienceMs = PATIENCE_MS, changed = () => undefined }: PostgresOptions) {
    this.#pool = new Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: CONNECT_MS, statement_timeout: STATEMENT_MS, keepAlive: true, allowExitOnIdle: true, application_name: 'anymodal' });
    // An idle connection that is lost is replaced when one is needed; without a listener it would end the process.
    this.#pool.on('error', ignored);
    this.#patienceMs = patienceMs;
    this.#changed = changed;
  }

  /**
   * Runs `work`, again where the connection is lost under it: it must come to the same when it was done before.
   * Throws `unavailable` where the database is away for longer than `patienceMs`, `unauthorized`, `not_found`, `disk_full`, and what `work` throws of its own.
   */
  async within<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    const until = performance.now() + this.#patienceMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        const value = await this.#once(work);
        if (this.#isLost) this.#changed('back');
        this.#isLost = false;
        return value;
      } catch (error) {
        const fault = inOurWords(error);
        if (fault.code !== 'unavailable') throw fault;
        if (!this.#isLost) this.#changed('lost');
        this.#isLost = true;
        if (performance.now() + pause > until) throw fault;
        await delay(pause);
      }
    }
  }

  /** `within`, all of it or nothing of it. */
  async transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.within(async (statements) => {
      await statements.run('BEGIN');
      try {
        const value = await work(statements);
        await statements.run('COMMIT');
        return value;
      } catch (error) {
        await statements.run('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  /**
   * Brings the tables of one store up to date: the step at index i makes version i + 1 of version i. Never change a step that was released; add another.
   * Throws `conflict` for a database that a newer program wrote, and what `within` throws.
   */
  async migrate(store: string, steps: readonly string[]): Promise<void> {
    await this.transaction(async ({ all, run }) => {
      await run('SELECT pg_advisory_xact_lock($1)', MIGRATION_LOCK);
      await run('CREATE TABLE IF NOT EXISTS anymodal_versions (store text PRIMARY KEY, version integer NOT NULL)');
      const [row] = await all<{ readonly version: number }>('SELECT version FROM anymodal_versions WHERE store = $1', store);
      const version = row?.version ?? 0;
      if (version > steps.length) throw new AnymodalError('conflict', `PostgreSQL: its ${store} are of version ${version}, this program knows ${steps.length}; use the newer program that wrote it, or another database`);
      for (const step of steps.slice(version)) await run(step);
      await run('INSERT INTO anymodal_versions (store, version) VALUES ($1, $2) ON CONFLICT (store) DO UPDATE SET version = excluded.version', store, steps.length);
    });
  }

  /** Asks once, without patience, whether it answers. Throws what `within` throws. */
  async ping(): Promise<void> {
    try {
      await this.#once(async ({ run }) => run('SELECT 1'));
    } catch (error) {
      throw inOurWords(error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #once<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    // A connection that breaks while it is lent tells its fault here too.
    client.on('error', ignored);
    let fault: unknown = null;
    try {
      return await work(statementsOf(client));
    } catch (error) {
      fault = error;
      throw error;
    } finally {
      client.off('error', ignored);
      client.release(fault !== null && !(fault instanceof AnymodalError));
    }
  }
}

function ignored(): void {}

function statementsOf(client: PoolClient): Statements {
  return {
    all: async <Row extends QueryResultRow>(sql: string, ...values: readonly PostgresValue[]) => (await client.query<Row>(sql, [...values])).rows,
    run: async (sql, ...values) => (await (values.length === 0 ? client.query(sql) : client.query(sql, [...values]))).rowCount ?? 0,
  };
}

/** What went wrong, without addresses and passwords that a message may quote. */
function inOurWords(error: unknown): AnymodalError {
  if (error instanceof AnymodalError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('28')) return new AnymodalError('unauthorized', `PostgreSQL: it does not let us in (${code}); see the user and the password in the setting database`);
  if (code === '3D000') return new AnymodalError('not_found', 'PostgreSQL: there is no such database; make it first (createdb)');
  if (code === '42501') return new AnymodalError('forbidden', 'PostgreSQL: the user may not do this; it needs to make tables in the schema');
  if (code === '53100' || code === '53200') return new AnymodalError('disk_full', `PostgreSQL: it has no room (${code})`);
  // Five characters are an answer of the database; anything else happened on the way to it.
  if (/^[0-9A-Z]{5}$/.test(code) && !passing.has(code) && !code.startsWith('08') && !/^E[A-Z]{4}$/.test(code)) return new AnymodalError('internal', `PostgreSQL: error ${code}`, { cause: error });
  return new AnymodalError('unavailable', `PostgreSQL: it does not answer${code === '' ? '' : ` (${code})`}; see that it runs and can be reached`, { cause: error, retryAfterMs: 5000 });
}
