// Keys in SQLite: 256 random bits each, of which the hash alone is kept; names, scopes, last use.
// Shares the server's database, so that a key that the command line adds or revokes holds at once. Knows no route.

import { AnymodalError } from '../../errors.ts';
import { integer, text, type Database, type Row } from '../../queue/database.ts';
import type { Caller, KeyStore } from '../contracts.ts';
import { hashOf, newKey, PREFIX, scopes, USE_MS } from './keys.ts';

/** Never change a step that was released; add another. */
const steps = [
  'CREATE TABLE keys (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER) STRICT',
];

type KeyEntry = Awaited<ReturnType<KeyStore['list']>>[number];

/** The keys in a database that is borrowed; closing the store leaves it open. Throws what migrating throws. */
export function createKeyStore(database: Database, now: () => number = Date.now): KeyStore {
  database.migrate('keys', steps);
  return {
    async add(name, given) {
      const { id, key, wanted } = newKey(name, given);
      database.transaction(() => {
        if (database.get('SELECT id FROM keys WHERE name = ?', name) !== undefined) throw new AnymodalError('conflict', `there is a key "${name}" already; revoke it first, or give another name.`);
        database.run('INSERT INTO keys (id, name, hash, scopes, created_at) VALUES (?, ?, ?, ?, ?)', id, name, hashOf(key), wanted.join(' '), now());
      });
      return { id, key };
    },
    async list() {
      return database.all('SELECT * FROM keys ORDER BY created_at, id').map(entryOf);
    },
    async revoke(idOrName) {
      return database.transaction(() => database.run('DELETE FROM keys WHERE id = ? OR name = ?', idOrName, idOrName) > 0);
    },
    async check(key): Promise<Caller | null> {
      if (!key.startsWith(PREFIX) || key.length > 100) return null;
      // The hash is looked up whole: how long that takes tells nothing of a key.
      const row = database.get('SELECT * FROM keys WHERE hash = ?', hashOf(key));
      if (row === undefined) return null;
      const { id, scopes: own, lastUsedAt } = entryOf(row);
      const at = now();
      if (at - (lastUsedAt ?? 0) >= USE_MS) await database.soon(() => database.run('UPDATE keys SET last_used_at = ? WHERE id = ?', at, id), false);
      return { owner: id, scopes: own };
    },
    async close() {},
  };
}

function entryOf(row: Row): KeyEntry {
  const names = text(row, 'scopes').split(' ');
  return { id: text(row, 'id'), name: text(row, 'name'), scopes: scopes.filter((scope) => names.includes(scope)), createdAt: integer(row, 'created_at'), lastUsedAt: row['last_used_at'] === null ? null : integer(row, 'last_used_at') };
}
