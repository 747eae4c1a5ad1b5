// Debian's PostgreSQL for tests: a cluster of its own in a temporary folder, on a Unix socket, as an unprivileged user, killed and started again.
// Tests that need it are skipped, with the reason, where it is not installed.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';

const debian = '/usr/lib/postgresql';
// oxlint-disable-next-line node/no-process-env -- a test that looks for a program
const path = (process.env['PATH'] ?? '').split(delimiter);
const folders = [...path, ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : [])];
const programs = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
/** PostgreSQL does not run as root: Debian's package brings a user. */
const user: { readonly uid?: number; readonly gid?: number } | null = process.getuid?.() === 0 ? userNamed('postgres') : {};

/** Why there is no PostgreSQL here; null where there is one. */
export const withoutPostgres: string | null = programs === null ? 'PostgreSQL is not installed' : user === null ? 'PostgreSQL does not run as root, and there is no user postgres' : null;

export interface PostgresServer {
  /** Address of a new, empty database. */
  database(): Promise<string>;
  run(url: string, sql: string): Promise<void>;
  pid(): number;
  /** Ends it without warning; what was committed stays. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  if (programs === null || user === null) throw new Error(withoutPostgres ?? '');
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-pg-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const address = (database: string): string => `postgres://anymodal@localhost/${database}?host=${encodeURIComponent(folder)}`;
  execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'anymodal', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], { ...user, cwd: folder, stdio: 'ignore' });
  let child: ChildProcess | null = null;
  let databases = 0;
  const kill = async (): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // At once, without finishing anything: what is left is found in its log of writes.
    child.kill('SIGQUIT');
    await gone;
  };
  const start = async (): Promise<void> => {
    // A process that is killed loses nothing that the system has; only a loss of power would.
    const started = spawn(join(programs, 'postgres'), ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'max_connections=60', '-c', 'fsync=off'], { ...user, cwd: folder, stdio: 'ignore' });
    child = started;
    for (let attempt = 0; attempt < 2000; attempt += 1) {
      if (started.exitCode !== null) throw new Error(`PostgreSQL ended with ${started.exitCode} before it answered`);
      try {
        await run(address('postgres'), 'SELECT 1');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error('PostgreSQL does not answer');
  };
  await start();
  return {
    run, kill, start,
    pid: () => child?.pid ?? 0,
    database: async () => {
      databases += 1;
      await run(address('postgres'), `CREATE DATABASE test_${databases}`);
      return address(`test_${databases}`);
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function userNamed(name: string): { readonly uid: number; readonly gid: number } | null {
  try {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
    return uid === undefined || gid === undefined ? null : { uid, gid };
  } catch {
    return null;
  }
}

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
