// Debian's redis-server in a process of its own, killed and started again. For tests and measurements.
// Knows no test.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Why there is no Redis here; null where there is one. */
export const withoutRedis: string | null = spawnSync('redis-server', ['--version']).status === 0 ? null : 'redis-server is not installed';

const START_MS = 60_000;

export interface RedisServer {
  readonly url: string;
  readonly pid: () => number;
  /** Ends it without warning and starts it again on its data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A server of its own on a free port, that keeps its data over its end. */
export async function startRedis(...flags: readonly string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-redis-'));
  let port = 0;
  let child: ChildProcess | null = null;
  for (let tries = 0; child === null; tries += 1) {
    port = await freePort();
    // Another may have taken the port meanwhile.
    child = await start(folder, port, flags).catch((error: unknown) => {
      if (tries >= 4) throw error;
      return null;
    });
  }
  const url = `redis://127.0.0.1:${port}`;
  let running = child;
  const end = async (): Promise<void> => {
    if (running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  };
  return {
    url,
    pid: () => running.pid ?? 0,
    restart: async () => {
      await end();
      running = await start(folder, port, flags);
    },
    stop: async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Throws where it ends before it answers, or does not answer in time. */
async function start(folder: string, port: number, flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', ...flags], { stdio: 'ignore' });
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  client.on('error', () => undefined);
  const answered = new AbortController();
  try {
    await Promise.race([
      client.ping(),
      once(child, 'exit', { signal: answered.signal }).then(([code]) => Promise.reject(new Error(`redis-server ended with ${String(code)} before it answered`))),
      setTimeout(START_MS, undefined, { signal: answered.signal }).then(() => Promise.reject(new Error(`redis-server does not answer within ${START_MS} ms`))),
    ]);
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    answered.abort();
    client.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  return port;
}
