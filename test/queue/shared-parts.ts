// Servers and workers without a wire in one process, on a real Redis, with the scripted engines; each closed after its test.

import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/queue/clock.ts';
import type { Engines, ModelState, Queue } from '../../src/queue/contracts.ts';
import { Calls } from '../../src/queue/redis/calls.ts';
import { RedisLink } from '../../src/queue/redis/connection.ts';
import { RemoteEngines } from '../../src/queue/redis/engines.ts';
import { Janitor } from '../../src/queue/redis/janitor.ts';
import { RedisJobLog } from '../../src/queue/redis/job-log.ts';
import { Lanes } from '../../src/queue/redis/lanes.ts';
import { Listener } from '../../src/queue/redis/listener.ts';
import { RedisBytes } from '../../src/queue/redis/media-bytes.ts';
import { RedisMediaStore } from '../../src/queue/redis/media-store.ts';
import { createSharedQueue, type SharedQueueOptions } from '../../src/queue/redis/queue.ts';
import { Registry } from '../../src/queue/redis/registry.ts';
import { QueueWorker, type QueueWorkerOptions } from '../../src/queue/redis/worker.ts';
import { FakeEngine } from './fakes.ts';

function open(url: string) {
  const link = new RedisLink({ url });
  const [listener, registry, lanes, log, media] = [new Listener(link), new Registry(link), new Lanes(link), new RedisJobLog(link, systemClock), new RedisMediaStore(link, new RedisBytes(link), systemClock)];
  const janitor = new Janitor({ link, registry, lanes, log, media, clock: systemClock, failed: () => undefined, everyMs: 300 });
  return { link, listener, registry, lanes, log, media, janitor };
}

export interface TestServer extends ReturnType<typeof open> {
  readonly queue: Queue;
  readonly engines: RemoteEngines;
  /** Ends it without a word. */
  kill(): Promise<void>;
}

export async function openServer(url: string, options: Partial<SharedQueueOptions> = {}): Promise<TestServer> {
  const parts = open(url);
  const calls = new Calls(parts.link, parts.listener);
  const engines = new RemoteEngines({ registry: parts.registry, calls, models: ['fake'], aliases: { other: 'fake' } });
  const queue = await createSharedQueue({ ...parts, calls, engines, ...options });
  let isKilled = false;
  onTestFinished(async () => {
    if (isKilled) return;
    await queue.close();
    await parts.janitor.close();
    await parts.lanes.close();
    parts.link.close();
  });
  return {
    ...parts, queue, engines,
    kill: async () => {
      isKilled = true;
      await parts.janitor.close();
      parts.link.close();
      await queue.close();
    },
  };
}

export interface TestWorker extends ReturnType<typeof open> {
  readonly worker: QueueWorker;
  readonly engine: FakeEngine;
  kill(): Promise<void>;
}

export function poolOf(models: Record<string, FakeEngine>, loaded: readonly string[]): Engines & { readonly loads: string[] } {
  const ready = new Set(loaded);
  const loads: string[] = [];
  const engineOf = (model: string): FakeEngine => {
    const engine = models[model];
    if (engine === undefined) throw new Error(`there is no ${model}`);
    return engine;
  };
  return {
    loads,
    models: () => Object.keys(models).map((id): ModelState => ({ id, aliases: [], state: ready.has(id) ? 'ready' : 'unloaded', title: id, licence: 'Apache-2.0', inputs: ['text'], outputs: ['image'], bytes: 1, error: null })),
    resolve: (name) => name ?? Object.keys(models)[0] ?? '',
    describe: async (model) => engineOf(model).describe(),
    lease: async (model) => {
      if (!ready.has(model)) loads.push(model);
      ready.add(model);
      return { engine: engineOf(model), release: () => undefined };
    },
    close: async () => undefined,
  };
}

export async function openWorker(url: string, options: Partial<QueueWorkerOptions> & { readonly engine?: FakeEngine } = {}): Promise<TestWorker> {
  const { engine = new FakeEngine(), ...others } = options;
  const parts = open(url);
  const worker = new QueueWorker({ ...parts, log: new RedisJobLog(parts.link, systemClock, parts.link.id), engines: poolOf({ fake: engine }, ['fake']), name: 'here', device: 'cpu', lockMs: 2000, flushMs: 1, ...others });
  await worker.start();
  let isKilled = false;
  onTestFinished(async () => {
    if (isKilled) return;
    await worker.close();
    await parts.janitor.close();
    await parts.lanes.close();
    parts.link.close();
  });
  return {
    ...parts, worker, engine,
    kill: async () => {
      isKilled = true;
      await parts.janitor.close();
      parts.link.close();
      // What it still holds is not for anybody to wait for.
      void worker.close().catch(() => undefined);
    },
  };
}
