// The parts of a server put together from its configuration: data folder, queue, engines, keys, tools; and taken apart again in order.
// The composition root of `anymodal serve`; knows no route.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { closeMedia } from '../../media/index.ts';
import { AnymodalError } from '../errors.ts';
import { openDataFolder, type DataFolder } from '../queue/data-folder.ts';
import { createEngines } from '../queue/engines.ts';
import { createQueue } from '../queue/queue.ts';
import { createRetention } from '../queue/retention.ts';
import type { Engines } from '../queue/contracts.ts';
import type { ServerParts, ServerSettings } from '../server/contracts.ts';
import { createConversationStore } from '../server/conversations/store.ts';
import { createKeyStore } from '../server/keys/store.ts';
import { isLoopback } from '../server/listen.ts';
import { createJobMetrics } from '../server/operations/job-metrics.ts';
import type { Configuration } from './configuration.ts';
import { mediaTools } from './media-tools.ts';
import { offeredModels } from './offered-models.ts';
import type { Shell } from './shell.ts';

/** Of the memory that this process can have, what models take unless a setting says otherwise; the rest is for jobs and for others. */
const MEMORY_SHARE = 0.75;

export interface OpenedServer {
  readonly parts: ServerParts;
  /** From now on `/readyz` says no. */
  beginDrain(): void;
  close(): Promise<void>;
}

/**
 * Opens everything that a server needs. The caller closes it. Throws `conflict` where another server works in the folder, `forbidden`
 * where keys are needed and there are none, and what is wrong with the models.
 */
export async function openServer(values: Configuration & { readonly data: string }, version: string, shell: Shell): Promise<OpenedServer> {
  const keysRequired = values.keysRequired ?? !isLoopback(values.host);
  if (!keysRequired && !isLoopback(values.host)) {
    throw new AnymodalError('bad_option', `keysRequired: is false, and ${values.host} can be reached from other machines; leave it out, or listen on 127.0.0.1.`);
  }
  const models = await offeredModels(values, shell);
  const logger = pino({ level: values.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } }, shell.stderr);
  const folder = await openDataFolder(values.data);
  let engines: Engines | null = null;
  try {
    const keys = createKeyStore(folder.database);
    if (keysRequired && (await keys.list()).length === 0) {
      throw new AnymodalError('forbidden', `${isLoopback(values.host) ? 'keysRequired is set' : `${values.host} can be reached from other machines`}, and there is no key yet; make one first: anymodal keys add NAME --data ${values.data}`);
    }
    const metrics = createJobMetrics();
    const pool = createEngines({
      models,
      memoryBytes: values.memoryBytes ?? Math.floor(process.availableMemory() * MEMORY_SHARE),
      keepAliveMs: values.keepAliveMs,
      start: async (model, signal) => shell.startEngine(models.find(({ id }) => id === model)?.folder ?? model, values.device, signal),
    });
    engines = pool;
    const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: pool, capacity: values.limits.queue, perOwner: values.limits.jobsPerKey, deadlineMs: values.deadlineMs, observe: (job, event) => metrics.observe(job, event) });
    const { days, mediaBytes } = values.retention;
    const retention = createRetention({ jobs: folder.jobs, media: folder.media, days, budgetBytes: mediaBytes, failed: (error) => logger.error({ fault: error instanceof AnymodalError ? error.message : 'unknown' }, 'clean-up failed') });
    let draining = false;
    const parts: ServerParts = {
      queue, keys, logger,
      engines: pool,
      media: folder.media,
      conversations: createConversationStore(folder.database, { memoryMs: days === null ? Infinity : days * 86_400_000 }),
      tools: mediaTools,
      settings: settingsOf(values, keysRequired, version),
      secret: folder.secret,
      pageFolder: values.page ? findPage() : null,
      isDraining: () => draining,
      metrics: async () => metrics.text(),
      backup: async () => {
        const backups = join(values.data, 'backups');
        await mkdir(backups, { recursive: true, mode: 0o700 });
        const copy = join(backups, new Date().toISOString().replaceAll(/[:.]/g, '-'));
        await folder.backup(copy);
        return copy;
      },
    };
    return {
      parts,
      beginDrain: () => {
        draining = true;
      },
      close: async () => {
        await queue.close();
        await retention.close();
        await closeAll(pool, folder);
      },
    };
  } catch (error) {
    await closeAll(engines, folder);
    throw error;
  }
}

async function closeAll(engines: Engines | null, folder: DataFolder): Promise<void> {
  await engines?.close();
  await folder.close();
  await closeMedia();
}

function settingsOf(values: Configuration, keysRequired: boolean, version: string): ServerSettings {
  const { strict, limits, deadlineMs, addressMs, origins, remoteMedia, publicUrl } = values;
  // What it is told to listen as, it is called by.
  const hosts = [...values.hosts, values.host];
  return { strict, keysRequired, limits, deadlineMs, addressMs, hosts, origins, remoteMedia, publicUrl, version };
}

/** Folder of the built page, beside the sources in a checkout and in the published package alike; null where it was not built. */
function findPage(): string | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const page = join(folder, 'web', 'built');
    if (existsSync(join(page, 'index.html'))) return page;
    if (existsSync(join(folder, 'package.json'))) return null;
  }
  return null;
}

