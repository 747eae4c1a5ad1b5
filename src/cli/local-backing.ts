// What stands behind a server of one machine: its data folder, its engines, its queue, its keys.
// Knows no route and no Redis.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createEngines } from '../queue/engines.ts';
import type { Engines } from '../queue/contracts.ts';
import { openDataFolder } from '../queue/data-folder.ts';
import { ObjectFiles } from '../queue/object-store/files.ts';
import { createQueue } from '../queue/queue.ts';
import { createRetention } from '../queue/retention.ts';
import { createKeyStore } from '../server/keys/store.ts';
import type { ConversationStore } from '../server/contracts.ts';
import { createJobMetrics } from '../server/operations/job-metrics.ts';
import type { Backing, BackingNeeds } from './backing.ts';
import { offeredModels, type ModelFolder } from './offered-models.ts';
import type { Configuration } from './configuration.ts';
import { createStoreChecks } from './store-checks.ts';
import { checksOf, openConversations, openObjectBytes } from './stores.ts';
import type { Shell } from './shell.ts';

/** Of the memory that this process can have, what models take unless a setting says otherwise; the rest is for jobs and for others. */
const MEMORY_SHARE = 0.75;

/** The engines of this machine. The caller closes them, after what uses them. */
export function localEngines(models: readonly ModelFolder[], values: Pick<Configuration, 'memoryBytes' | 'keepAliveMs' | 'device'>, shell: Shell): Engines {
  return createEngines({
    models,
    memoryBytes: values.memoryBytes ?? Math.floor(process.availableMemory() * MEMORY_SHARE),
    keepAliveMs: values.keepAliveMs,
    start: async (model, signal) => shell.startEngine(models.find(({ id }) => id === model)?.folder ?? model, values.device, signal),
  });
}

/** Opens it. The caller closes it. Throws `conflict` where another server works in the folder, and what is wrong with the models. */
export async function openLocalBacking({ values, shell, failed, warn, memoryMs }: BackingNeeds): Promise<Backing> {
  const models = await offeredModels(values, shell);
  const bytes = await openObjectBytes(values, shell.environment.server.objectStore);
  const folder = await openDataFolder(values.data, bytes === null || values.media === null ? {} : { elsewhere: { place: values.media, files: new ObjectFiles(bytes) } });
  let engines: Engines | null = null;
  let conversations: ConversationStore | null = null;
  try {
    const talks = await openConversations(values, memoryMs, warn, folder.database);
    conversations = talks;
    const keys = createKeyStore(folder.database);
    const metrics = createJobMetrics();
    const pool = localEngines(models, values, shell);
    engines = pool;
    const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: pool, capacity: values.limits.queue, perOwner: values.limits.jobsPerKey, deadlineMs: values.deadlineMs, observe: (job, event) => metrics.observe(job, event) });
    const { days, jobs: most, mediaBytes } = values.retention;
    const retention = createRetention({ jobs: folder.jobs, media: folder.media, days, most, budgetBytes: mediaBytes, failed });
    return {
      queue, keys,
      engines: pool,
      media: folder.media,
      conversations: talks,
      secret: folder.secret,
      stores: createStoreChecks(checksOf(bytes, talks)),
      metrics: async () => metrics.text(),
      backup: async () => {
        const backups = join(values.data, 'backups');
        await mkdir(backups, { recursive: true, mode: 0o700 });
        const copy = join(backups, new Date().toISOString().replaceAll(/[:.]/g, '-'));
        await folder.backup(copy);
        return copy;
      },
      close: async () => {
        await queue.close();
        await retention.close();
        await pool.close();
        await talks.close();
        await folder.close();
      },
    };
  } catch (error) {
    await engines?.close();
    await conversations?.close();
    await folder.close();
    throw error;
  }
}
