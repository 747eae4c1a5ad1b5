// An S3-compatible server for tests (moto's, from PyPI) behind a gate that can shut: what is away for its callers, and keeps its objects.
// Tests that need it are skipped, with the reason, where S3_SERVER does not name it: what older versions answer differs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { BucketOptions } from '../../src/queue/object-store/connection.ts';

// oxlint-disable-next-line node/no-process-env -- a test, told by continuous integration where the server is
const { S3_SERVER } = process.env;
const command = S3_SERVER ?? null;

/** Why there is no object store here; null where there is one. */
export const withoutObjectStore: string | null = command === null ? "moto's server is not installed (pip install 'moto[s3]' flask flask-cors, S3_SERVER=.../moto_server)" : null;

export interface ObjectServer {
  readonly endpoint: string;
  /** The bucket `media`, a prefix of its own in it, with some keys: the server does not compare signatures, `object-signatures.test.ts` does. */
  readonly options: BucketOptions;
  /** Breaks off whatever is under way, and refuses what comes. */
  leave(): void;
  return(): void;
  stop(): Promise<void>;
}

export const objectStoreKeys = { accessKeyId: 'TEST', secretAccessKey: 'TEST' };

/** Objects that a page of a list names, so that lists of tests have several. */
const PAGE = 5;
const START_MS = 120_000;
/** What callers are told once the server has ended by itself: at once, so that nobody waits for one that stays away. */
const ENDED = '<Error><Code>TheTestServerEnded</Code></Error>';
const endedAnswer = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: ${ENDED.length}\r\n\r\n${ENDED}`;

/** Starts one, empty but for its bucket. Throws, with what it said, where it does not listen in time. */
export async function startObjectServer(prefix = 'anymodal/'): Promise<ObjectServer> {
  if (command === null) throw new Error(withoutObjectStore ?? '');
  // oxlint-disable-next-line node/no-process-env -- what the server is told, it reads there
  const child = spawn(command, ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, MOTO_S3_DEFAULT_MAX_KEYS: String(PAGE), PYTHONUNBUFFERED: '1' } });
  let said = '';
  let stopping = false;
  let isEnded = false;
  const target = await new Promise<number>((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${command} ${what}: ${said}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`did not listen within ${START_MS} ms`);
    }, START_MS);
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-4000);
      const found = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(Number(found));
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      isEnded = true;
      fail(`ended with ${code ?? signal}`);
      if (!stopping) process.stderr.write(`the object store of the tests ended with ${code ?? signal}: ${said}\n`);
    });
  });

  const open = new Set<Socket>();
  let isAway = false;
  const keep = (socket: Socket, fault: () => void): void => {
    open.add(socket);
    socket.on('error', fault);
    socket.once('close', () => open.delete(socket));
  };
  const gate = createServer((socket) => {
    if (isAway) {
      socket.resetAndDestroy();
      return;
    }
    if (isEnded) {
      keep(socket, () => undefined);
      socket.once('data', () => socket.end(endedAnswer));
      return;
    }
    const inner = connect(target, '127.0.0.1');
    keep(socket, () => inner.destroy());
    keep(inner, () => socket.resetAndDestroy());
    socket.pipe(inner).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  const endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const made = await fetch(`${endpoint}/media`, { method: 'PUT', signal: AbortSignal.timeout(START_MS) });
  if (!made.ok) throw new Error(`${command} does not make a bucket: ${made.status} ${await made.text()}`);
  const breakOff = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    endpoint,
    options: { bucket: 'media', prefix, endpoint, region: 'us-east-1', ...objectStoreKeys, sessionToken: null },
    leave: () => {
      isAway = true;
      breakOff();
    },
    return: () => {
      isAway = false;
    },
    stop: async () => {
      stopping = true;
      gate.close();
      breakOff();
      if (isEnded) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
