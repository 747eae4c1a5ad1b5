// What SQLite and the file system say of a full disk or a busy file, as our errors.
// Knows no table and no medium.

import { AnymodalError } from '../errors.ts';

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

/** What `work` returns; a full disk is thrown as `disk_full`, a file that another process keeps busy as `conflict`. */
export function inOurWords<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translated(path, error);
  }
}

/** The error that a failed read or write of `path` is told as; one that says nothing of the disk as it is. */
export function translated(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AnymodalError) return error;
  const code = 'code' in error ? error.code : null;
  const errcode = 'errcode' in error ? error.errcode : null;
  if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === SQLITE_FULL) {
    return new AnymodalError('disk_full', `${path}: no space is left on the disk; free some, or lower the retention or the disk budget of the server`, { cause: error });
  }
  // An extended code has the plain one in its lowest byte.
  if (typeof errcode === 'number' && errcode % 256 === SQLITE_BUSY) {
    return new AnymodalError('conflict', `${path}: another process keeps it busy; end that one or try again`, { cause: error });
  }
  return error;
}
