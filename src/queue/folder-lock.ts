// One server to a data folder: a lock that the system takes back from a process that is gone, however it went.
// Knows nothing of what is in the folder.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AnymodalError } from '../errors.ts';
import { inOurWords } from './disk-errors.ts';

/**
 * Locks the folder until what is returned is called or this process ends. The lock is an open transaction of SQLite, thus a lock of the
 * file system itself: that of a dead process is gone with it. Throws `conflict` where another process has it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock');
  const holder = join(folder, 'lock.pid');
  const connection = inOurWords(path, () => new DatabaseSync(path, { timeout: 0 }));
  try {
    inOurWords(path, () => {
      connection.exec('PRAGMA journal_mode = DELETE');
      connection.exec('BEGIN EXCLUSIVE');
    });
    writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    connection.close();
    if (!(error instanceof AnymodalError) || error.code !== 'conflict') throw error;
    throw new AnymodalError('conflict', `${folder}: another server works in this data folder${processOf(holder)}; stop it, or give this one a folder of its own`, { cause: error });
  }
  return () => {
    rmSync(holder, { force: true });
    connection.close();
  };
}

/** For the message alone: the lock does not depend on it. */
function processOf(holder: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(holder, 'utf8'), 10)})`;
  } catch {
    return '';
  }
}
