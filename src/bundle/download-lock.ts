// A lock between processes by a file that names its holder: whoever makes the file holds it, a dead holder's file is taken away.
// Knows no download.

import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Pause } from './download-request.ts';

const lookAgainMs = 300;
/** A holder is dead when it has not touched its file for so long; its number may be another process's by then. */
const silentMs = 60_000;
const touchMs = 10_000;

/** Runs `work` while it holds `path`; `waiting` is called once where another holds it. Ends early with the reason of `signal`. */
export async function withLock<T>(path: string, work: () => Promise<T>, pause: Pause, signal: AbortSignal, waiting: () => void = () => undefined): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const token = `${process.pid} ${hostname()}`;
  for (let told = false; !(await make(path, token)); ) {
    if (await isDead(path)) {
      await takeAway(path, token);
      continue;
    }
    if (!told) waiting();
    told = true;
    await pause(lookAgainMs, signal);
  }
  const touching = setInterval(() => {
    // The holder shows that it lives.
    void utimes(path, new Date(), new Date()).catch(() => undefined);
  }, touchMs);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await rm(path, { force: true });
  }
}

/** Makes the file; false where it is there. */
async function make(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isDead(path: string): Promise<boolean> {
  const [text, found] = await Promise.all([readFile(path, 'utf8').catch(() => null), stat(path).catch(() => null)]);
  if (text === null || found === null) return false;
  const [pid = '', host = ''] = text.split(' ');
  const silent = Date.now() - found.mtimeMs > silentMs;
  // An empty file is one that is being made, or whose maker died in between.
  if (silent || host !== hostname() || !/^\d+$/.test(pid)) return silent;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/** Takes a dead holder's file away, under a lock of its own so that nobody takes away a living one's that came in between. */
async function takeAway(path: string, token: string): Promise<void> {
  const guard = `${path}-taking`;
  if (!(await make(guard, token))) {
    if (await isDead(guard)) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isDead(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
