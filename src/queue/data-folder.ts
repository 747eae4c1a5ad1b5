// The data folder of a server: its lock, its database, its media, its secret, and copies of all of it.
// Knows no job and no request; conversations and keys bring their own tables to the same database.

import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { systemClock, type Clock } from './clock.ts';
import type { JobLog } from './contracts.ts';
import { Database } from './database.ts';
import { translated } from './disk-errors.ts';
import { lockFolder } from './folder-lock.ts';
import { createJobLog } from './job-log.ts';
import { MediaFiles, realDisk, type Disk, type MediaFileStore } from './media-files.ts';
import { SqliteMediaStore } from './media-store.ts';

const DATABASE = 'anymodal.sqlite';
const MEDIA = 'media';

/** What may be given in place of the real thing. */
export interface FolderParts {
  readonly clock?: Clock;
  readonly disk?: Disk;
  /** Where the bytes of media lie, with a name for it; else in the folder itself. */
  readonly elsewhere?: { readonly place: string; readonly files: MediaFileStore };
  /** A text that was never given before. */
  readonly token?: () => string;
  /** So many random bytes. */
  readonly random?: (count: number) => Uint8Array;
}

export interface DataFolder {
  /** Shared by all stores; each brings its tables by `migrate`. */
  readonly database: Database;
  readonly jobs: JobLog;
  readonly media: SqliteMediaStore;
  /** 32 random bytes, made when the folder was and kept with it: for signed addresses and sessions. */
  readonly secret: Uint8Array;
  /** Fulfilled when what an earlier process left half done is gone; the folder is of use before. */
  readonly swept: Promise<void>;
  /** Writes a copy of the whole into a new folder while work goes on; it can be opened as it is. Throws `conflict` where `folder` is not new or empty, `disk_full`. */
  backup(folder: string): Promise<void>;
  /** Closes what is open and gives the lock back. */
  close(): Promise<void>;
}

/**
 * Opens a data folder, or makes it. The caller closes it, after the queue.
 * Throws `conflict` where another server works in it or a newer program wrote it, and `disk_full`.
 */
export async function openDataFolder(path: string, parts: FolderParts = {}): Promise<DataFolder> {
  const { clock = systemClock, disk = realDisk, token = randomUUID, random = randomBytes } = parts;
  await makeFolder(path);
  const unlock = lockFolder(path);
  let database: Database | null = null;
  try {
    const opened = new Database(join(path, DATABASE));
    database = opened;
    await chmod(opened.path, 0o600);
    const files = parts.elsewhere?.files ?? new MediaFiles(join(path, MEDIA), disk, token);
    await files.open();
    const media = new SqliteMediaStore(opened, files, clock);
    const jobs = createJobLog(opened, clock);
    const secret = secretOf(opened, random);
    agree(opened, parts.elsewhere?.place ?? null, media);
    await media.sweepPreviews();
    let closing = false;
    // Files of the running process are younger than this.
    const swept = media.sweepFiles(clock.now() - SWEEP_MARGIN_MS, () => closing);
    // Whoever waits for it hears of a fault; nobody has to.
    swept.catch(() => undefined);
    return {
      database: opened,
      jobs,
      media,
      secret,
      swept,
      backup: async (folder) => backupTo(folder, opened, media, token()),
      async close() {
        if (closing) return;
        closing = true;
        await swept.catch(() => undefined);
        opened.close();
        unlock();
      },
    };
  } catch (error) {
    database?.close();
    unlock();
    throw translated(path, error);
  }
}

/** Opens the database of a folder alone, beside a server that works in it: for commands about keys. The caller closes it. */
export async function openDatabase(path: string): Promise<Database> {
  await makeFolder(path);
  const database = new Database(join(path, DATABASE));
  await chmod(database.path, 0o600);
  return database;
}

/** Clocks of file systems and of the process need not agree to the millisecond. */
const SWEEP_MARGIN_MS = 10_000;

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw translated(path, error);
  }
}

function secretOf(database: Database, random: (count: number) => Uint8Array): Uint8Array {
  database.migrate('secrets', ['CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT']);
  return database.transaction(() => {
    database.run("INSERT INTO secrets (name, value) VALUES ('server', ?) ON CONFLICT DO NOTHING", random(32));
    const value = database.get("SELECT value FROM secrets WHERE name = 'server'")?.['value'];
    if (!(value instanceof Uint8Array)) throw new AnymodalError('internal', 'the data folder has no secret');
    return value;
  });
}

/** A folder keeps its media where it began to. Throws `conflict`. */
function agree(database: Database, place: string | null, media: SqliteMediaStore): void {
  const row = database.get("SELECT value FROM secrets WHERE name = 'media-place'");
  const kept = row?.['value'] instanceof Uint8Array ? Buffer.from(row['value']).toString('utf8') : media.isEmpty ? place : null;
  if (kept !== place) throw new AnymodalError('conflict', `${database.path}: its media lie ${kept === null ? 'in the folder' : `in ${kept}`}, and this server was told ${place ?? 'nothing of it'}; give it the same --media, or a folder of its own`, { field: 'media' });
  if (row === undefined && place !== null) database.run("INSERT INTO secrets (name, value) VALUES ('media-place', ?)", new TextEncoder().encode(place));
}

async function backupTo(folder: string, database: Database, media: SqliteMediaStore, token: string): Promise<void> {
  const there = await readdir(folder).catch(() => []);
  if (there.length > 0) throw new AnymodalError('conflict', `${folder}: is not empty; give a new folder for the backup`);
  // Whole or not there: it gets its name when it is complete.
  const part = `${folder}.${token}.part`;
  try {
    await mkdir(join(part, MEDIA), { recursive: true, mode: 0o700 });
    await media.backup(join(part, MEDIA), async () => database.backup(join(part, DATABASE)));
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw translated(folder, error);
  }
}
