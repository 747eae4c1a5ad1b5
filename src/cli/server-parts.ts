// The parts of a server put together from its configuration: what is kept, on one machine or shared, and tools; and taken apart again in order.
// The composition root of `anymodal serve`; knows no route.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino, type Logger } from 'pino';
import { closeMedia } from '../../media/index.ts';
import { AnymodalError } from '../errors.ts';
import type { ServerParts, ServerSettings } from '../server/contracts.ts';
import { isLoopback } from '../server/listen.ts';
import type { Backing, BackingNeeds } from './backing.ts';
import type { Configuration } from './configuration.ts';
import { mediaTools } from './media-tools.ts';
import type { Shell } from './shell.ts';

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
  const logger = createLogger(values, shell);
  const { days } = values.retention;
  const needs: BackingNeeds = {
    values, shell,
    memoryMs: days === null ? Infinity : days * 86_400_000,
    failed: (error) => logger.error({ fault: error instanceof AnymodalError ? error.message : 'unknown' }, 'what works by itself failed'),
    warn: (message) => logger.warn(message),
  };
  const backing = await openBacking(needs);
  try {
    if (keysRequired && (await backing.keys.list()).length === 0) {
      const where = values.redis === null ? `--data ${values.data}` : '--redis URL';
      throw new AnymodalError('forbidden', `${isLoopback(values.host) ? 'keysRequired is set' : `${values.host} can be reached from other machines`}, and there is no key yet; make one first: anymodal keys add NAME ${where}`);
    }
  } catch (error) {
    await backing.close();
    await closeMedia();
    throw error;
  }
  let draining = false;
  const { close, ...kept } = backing;
  return {
    parts: { ...kept, logger, tools: mediaTools, settings: settingsOf(values, keysRequired, version), pageFolder: values.page ? findPage() : null, isDraining: () => draining },
    beginDrain: () => {
      draining = true;
    },
    close: async () => {
      await close();
      await closeMedia();
    },
  };
}

/** One JSON object a line on standard error. */
export function createLogger(values: Pick<Configuration, 'log'>, shell: Shell): Logger {
  return pino({ level: values.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } }, shell.stderr);
}

/** Loads what it needs when it is needed: one machine needs no Redis client, and several no engines beside the server. */
async function openBacking(needs: BackingNeeds): Promise<Backing> {
  const { redis } = needs.values;
  if (redis !== null) return (await import('./shared-backing.ts')).openSharedBacking({ ...needs, url: redis });
  return (await import('./local-backing.ts')).openLocalBacking(needs);
}

function settingsOf(values: Configuration, keysRequired: boolean, version: string): ServerSettings {
  const { strict, limits, deadlineMs, addressMs, origins, remoteMedia, redirectMedia, publicUrl } = values;
  // What it is told to listen as, it is called by.
  const hosts = [...values.hosts, values.host];
  return { strict, keysRequired, limits, deadlineMs, addressMs, hosts, origins, remoteMedia, redirectMedia, publicUrl, version };
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

