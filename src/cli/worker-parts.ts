// The parts of a worker put together from its configuration: the connection to Redis, engines of this machine, the queue's far end.
// The composition root of `anymodal worker`.

import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { closeMedia } from '../../media/index.ts';
import { AnymodalError } from '../errors.ts';
import { systemClock } from '../queue/clock.ts';
import type { Engines } from '../queue/contracts.ts';
import { RedisJobLog } from '../queue/redis/job-log.ts';
import { QueueWorker } from '../queue/redis/worker.ts';
import { createJobMetrics } from '../server/operations/job-metrics.ts';
import { storesAway } from '../server/operations/missing.ts';
import type { Configuration } from './configuration.ts';
import { localEngines } from './local-backing.ts';
import { offeredModels } from './offered-models.ts';
import { createLogger } from './server-parts.ts';
import { openShared } from './shared-backing.ts';
import type { Shell } from './shell.ts';
import { createStoreChecks } from './store-checks.ts';

export interface OpenedWorker {
  readonly id: string;
  readonly models: readonly string[];
  readonly logger: Logger;
  running(): number;
  /** Why it takes no jobs, in a sentence each: no model is loaded, a store does not answer, it ends. Empty where it takes them. */
  missing(): Promise<readonly string[]>;
  /** In the Prometheus text format. */
  metrics(): Promise<string>;
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens everything that a worker needs, and begins. The caller closes it. Throws what is wrong with Redis or the models. */
export async function openWorker(values: Configuration & { readonly redis: string }, shell: Shell): Promise<OpenedWorker> {
  const models = await offeredModels(values, shell);
  const logger = createLogger(values, shell);
  const failed = (error: unknown): void => logger.warn({ fault: error instanceof AnymodalError ? error.message : error instanceof Error ? error.name : 'unknown' }, 'got over a fault');
  const shared = await openShared({ url: values.redis, failed, shell, values, warn: (message) => logger.warn(message) });
  let engines: Engines | null = null;
  try {
    const { link, listener, registry, lanes, media, checks } = shared;
    const stores = createStoreChecks(checks);
    const metrics = createJobMetrics();
    const pool = localEngines(models, values, shell);
    engines = pool;
    const { short, long, lockMs, patienceMs } = values.worker;
    const worker = new QueueWorker({
      link, listener, registry, lanes, media, lockMs, patienceMs, failed,
      log: new RedisJobLog(link, systemClock, link.id),
      engines: pool, slots: { short, long }, name: hostname(), device: values.device,
      observe: (job, event) => metrics.observe(job, event),
    });
    const stop = new AbortController();
    const preloaded = preload(pool, values.preload, stop.signal, logger);
    await worker.start();
    return {
      id: link.id, models: models.map(({ id }) => id), logger,
      running: () => worker.running,
      missing: async () => [
        ...(worker.isDraining ? ['the worker ends'] : []),
        ...(pool.models().some(({ state }) => state === 'ready') ? [] : [`no model is loaded yet (${pool.models().map(({ id, state }) => `${id}: ${state}`).join(', ')})`]),
        ...storesAway(await stores()),
      ],
      metrics: async () => `${await metrics.text()}# HELP anymodal_running_jobs Jobs that run.\n# TYPE anymodal_running_jobs gauge\nanymodal_running_jobs ${worker.running}\n`,
      drain: async (graceMs) => worker.drain(graceMs),
      close: async () => {
        stop.abort();
        await worker.close();
        await pool.close();
        await preloaded;
        await shared.close();
        await closeMedia();
      },
    };
  } catch (error) {
    await engines?.close();
    await shared.close();
    await closeMedia();
    throw error;
  }
}

/** Loads models one after the other; one that cannot be loaded is told, and tried again when work for it waits. */
async function preload(engines: Engines, which: 'none' | 'default' | 'all', signal: AbortSignal, logger: Logger): Promise<void> {
  for (const { id } of engines.models().slice(0, { none: 0, default: 1, all: Infinity }[which])) {
    if (signal.aborted) return;
    try {
      const startedAt = performance.now();
      await engines.describe(id, signal);
      logger.info({ model: id, milliseconds: Math.round(performance.now() - startedAt) }, 'model loaded');
    } catch (error) {
      if (!signal.aborted) logger.error({ model: id, message: error instanceof Error ? error.message : 'unknown' }, 'model cannot be loaded');
    }
  }
}
