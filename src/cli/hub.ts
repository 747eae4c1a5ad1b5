// What the command line knows of hubs and caches: the hub that is set, its token, and pulled models as --model and `models` name them.
// Knows no command; the protocol is the bundle room's.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readCatalogue } from '../bundle/catalogue.ts';
import { freeBytes } from '../bundle/fetch-files.ts';
import { defaultHub } from '../bundle/hub.ts';
import type { PullSettings } from '../bundle/hub-pull.ts';
import { meantBy, pulledFolder, type Meant } from '../bundle/pulled.ts';
import { AnymodalError } from '../errors.ts';
import type { HubEnvironment, ServerEnvironment } from './environment.ts';

const connections = 4;
const segmentBytes = 32 << 20;
const stallMs = 30_000;
const attempts = 6;

const pause: PullSettings['pause'] = async (milliseconds, signal) => {
  await wait(milliseconds, undefined, { signal });
};

/** The hub that the file of settings names, or null; `anymodal config` says what else is wrong with that file. */
export async function hubOfSettings({ variables, configurationFolder }: ServerEnvironment, folder: string): Promise<string | null> {
  const named = variables['ANYMODAL_CONFIG'];
  const text = await readFile(named === undefined ? join(configurationFolder, 'config.json') : resolve(folder, named), 'utf8').catch(() => '{}');
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'hub' in value && typeof value.hub === 'string' ? value.hub : null;
  } catch {
    return null;
  }
}

/** The hub that a flag, the environment, the file of settings or the default names, in this order, without a slash at its end. Throws `bad_option`. */
export function endpointOf(given: string | null, { endpoint }: HubEnvironment, ofSettings: string | null = null): string {
  const text = given ?? endpoint ?? ofSettings ?? defaultHub;
  const address = URL.canParse(text) ? new URL(text) : null;
  if (address === null || !['https:', 'http:'].includes(address.protocol) || address.username !== '' || address.search !== '') {
    throw new AnymodalError('bad_option', `${given === null ? 'ANYMODAL_HUB, HF_ENDPOINT or the setting hub' : '--hub'}: expected an address such as ${defaultHub}, without a name and password.`);
  }
  return address.href.replace(/\/+$/, '');
}

/** How pulls are done with the hub `endpoint`: the token goes to its origin alone. */
export async function settingsOf(endpoint: string, environment: HubEnvironment): Promise<PullSettings> {
  const stored = environment.tokenFile === null ? null : await readFile(environment.tokenFile, 'utf8').catch(() => null);
  const token = environment.token ?? (stored === null || stored.trim() === '' ? null : stored.trim());
  // A header cannot hold other characters, and the error that a runtime throws for them shows the header.
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) throw new AnymodalError('bad_option', 'HF_TOKEN: it has characters that no token has; copy it again.');
  const door = { origin: new URL(endpoint).origin, token, stallMs };
  return { door, connections, segmentBytes, attempts, pause, freeBytes, hub: { endpoint, door, attempts, pause }, cache: environment.cache };
}

/** What `name` stands for, or null; pages of the usual hub stand for the hub that is set. */
export async function meaningOf(name: string, endpoint: string): Promise<Meant | null> {
  return meantBy(name, await readCatalogue(), [new URL(endpoint).host, 'huggingface.co', 'hf.co']);
}

/** The folder of a model that was pulled, or null for one that was not. */
export async function findPulled(name: string, environment: HubEnvironment): Promise<string | null> {
  const meant = await meaningOf(name, endpointOf(null, environment));
  return meant === null ? null : pulledFolder(meant, environment);
}
