// One SQLite file that several stores share, each with tables of its own: migrations, transactions that share a write to disk,
// backup, and what SQLite says in our words. Knows no table but the one of versions.

import { backup, DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { AnymodalError } from '../errors.ts';
import { inOurWords } from './disk-errors.ts';

export type Value = SQLInputValue;
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** How long a statement waits for another process that writes, such as `anymodal keys add` beside a running server. */
const BUSY_MS = 5000;

export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: { readonly work: () => void; readonly durable: boolean; readonly reject: (error: unknown) => void; readonly resolve: () => void }[] = [];
  #inTransaction = false;
  #closed = false;

  /** Opens or makes the file. Who opens it closes it. */
  constructor(path: string) {
    this.path = path;
    this.#connection = inOurWords(path, () => new DatabaseSync(path, { timeout: BUSY_MS }));
    // WAL: readers and a writer do not wait for each other. FULL: what is committed survives a loss of power.
    this.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; CREATE TABLE IF NOT EXISTS versions (store TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT');
  }

  /**
   * Brings the tables of one store up to date: the step at index i makes version i + 1 of version i, those that were done are skipped,
   * and a step that fails leaves the version before it. Never change a step that was released; add another.
   * Throws `conflict` for a file that a newer program wrote.
   */
  migrate(store: string, steps: readonly string[]): void {
    for (;;) {
      const done = this.transaction(() => {
        const row = this.get('SELECT version FROM versions WHERE store = ?', store);
        const version = row === undefined ? 0 : integer(row, 'version');
        if (version > steps.length) {
          throw new AnymodalError('conflict', `${this.path}: its ${store} are of version ${version}, this program knows ${steps.length}; use the newer program that wrote it, or another data folder`);
        }
        const step = steps[version];
        if (step === undefined) return true;
        this.#connection.exec(step);
        this.run('INSERT INTO versions (store, version) VALUES (?, ?) ON CONFLICT (store) DO UPDATE SET version = excluded.version', store, version + 1);
        return false;
      });
      if (done) return;
    }
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return inOurWords(this.path, () => this.#statement(sql).get(...values));
  }

  all(sql: string, ...values: Value[]): Row[] {
    return inOurWords(this.path, () => this.#statement(sql).all(...values));
  }

  /** Runs a statement and returns how many rows it changed. */
  run(sql: string, ...values: Value[]): number {
    return inOurWords(this.path, () => Number(this.#statement(sql).run(...values).changes));
  }

  /** Runs statements without values. */
  exec(sql: string): void {
    inOurWords(this.path, () => this.#connection.exec(sql));
  }

  /**
   * All of `work` or nothing of it. `work` returns nothing that is still to come.
   *
   * @param durable false: it survives the end of this process, and of power a moment later
   */
  transaction<T>(work: () => T, durable = true): T {
    return inOurWords(this.path, () => {
      if (this.#inTransaction) return this.#savepoint(work);
      if (!durable) this.#connection.exec('PRAGMA synchronous = NORMAL');
      this.#connection.exec('BEGIN IMMEDIATE');
      this.#inTransaction = true;
      try {
        const result = work();
        this.#connection.exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk may have ended the transaction already.
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
        throw error;
      } finally {
        this.#inTransaction = false;
        if (!durable) this.#connection.exec('PRAGMA synchronous = FULL');
      }
    });
  }

  /** `transaction` together with others that are asked for by now, so that they share one write to disk; one that fails takes none with it. */
  async soon<T>(work: () => T, durable = true): Promise<T> {
    if (this.#closed) throw new AnymodalError('shutting_down', `${this.path}: is closed`);
    const waits = Promise.withResolvers<T>();
    let fulfil: (() => void) | null = null;
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({
      work: () => {
        const value = work();
        fulfil = () => waits.resolve(value);
      },
      durable,
      resolve: () => fulfil?.(),
      reject: waits.reject,
    });
    return waits.promise;
  }

  /** Copies the file as it stands at one moment, while others write. Throws `disk_full`. */
  async backup(path: string): Promise<void> {
    try {
      await backup(this.#connection, path);
    } catch (error) {
      inOurWords(path, () => {
        throw error;
      });
    }
  }

  /** Keeps what waits for a turn, and closes. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#connection.close();
  }

  #flush(): void {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    const faults = new Map<object, unknown>();
    try {
      this.transaction(() => {
        for (const one of group) {
          try {
            this.#savepoint(one.work);
          } catch (error) {
            // Without its transaction, nothing of the group is kept.
            if (!this.#connection.isTransaction) throw error;
            faults.set(one, error);
          }
        }
      }, group.some((one) => one.durable));
    } catch (error) {
      for (const one of group) one.reject(error);
      return;
    }
    for (const one of group) {
      if (faults.has(one)) one.reject(faults.get(one));
      else one.resolve();
    }
  }

  #savepoint<T>(work: () => T): T {
    return inOurWords(this.path, () => {
      this.#connection.exec('SAVEPOINT part');
      try {
        const result = work();
        this.#connection.exec('RELEASE part');
        return result;
      } catch (error) {
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK TO part; RELEASE part');
        throw error;
      }
    });
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** A column that holds text. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new AnymodalError('internal', `column ${column}: got ${typeof value}, expected text`);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** A column that holds a number. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new AnymodalError('internal', `column ${column}: got ${typeof value}, expected a number`);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}
