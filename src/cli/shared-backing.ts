// What stands behind a server that shares its queue: Redis for jobs, media, keys and the secret; engines in workers.
// Conversations lie in a database of their own. The only way by which a Redis client is loaded.

import { randomBytes } from 'node:crypto';
import { AnymodalError } from '../errors.ts';
import { systemClock } from '../queue/clock.ts';
import type { LimitedMediaStore } from '../queue/contracts.ts';
import { openDatabase } from '../queue/data-folder.ts';
import { Calls } from '../queue/redis/calls.ts';
import { RedisLink } from '../queue/redis/connection.ts';
import { RemoteEngines } from '../queue/redis/engines.ts';
import { Janitor } from '../queue/redis/janitor.ts';
import { RedisJobLog } from '../queue/redis/job-log.ts';
import { Lanes } from '../queue/redis/lanes.ts';
import { Listener } from '../queue/redis/listener.ts';
import { RedisBytes } from '../queue/redis/media-bytes.ts';
import { RedisMediaStore } from '../queue/redis/media-store.ts';
import { createSharedQueue } from '../queue/redis/queue.ts';
import { Registry } from '../queue/redis/registry.ts';
import { createRetention } from '../queue/retention.ts';
import { createSharedKeyStore } from '../server/keys/shared-store.ts';
import type { ConversationStore } from '../server/contracts.ts';
import type { Backing, BackingNeeds } from './backing.ts';
import { createStoreChecks, type StoreCheck } from './store-checks.ts';
import { checksOf, openConversations, openObjectBytes } from './stores.ts';

/** What servers and workers alike have of a Redis. */
export interface Shared {
  readonly link: RedisLink;
  readonly listener: Listener;
  readonly registry: Registry;
  readonly lanes: Lanes;
  /** Writes for anybody. */
  readonly log: RedisJobLog;
  readonly media: RedisMediaStore & LimitedMediaStore;
  /** How to ask them whether they answer. */
  readonly checks: readonly StoreCheck[];
  close(): Promise<void>;
}

type SharedNeeds = Pick<BackingNeeds, 'failed' | 'warn' | 'shell'> & { readonly url: string; readonly values: Pick<BackingNeeds['values'], 'media'> };

/** Opens the connections and says what Redis would lose. The caller closes it. Throws `unavailable`, `unauthorized`. */
export async function openShared({ url, failed, warn, shell, values }: SharedNeeds): Promise<Shared> {
  const bytes = await openObjectBytes(values, shell.environment.server.objectStore);
  const link = new RedisLink({ url, changed: (state) => warn(state === 'lost' ? 'the connection to Redis is lost; it is tried again' : 'connected to Redis') });
  try {
    for (const warning of await link.check()) warn(warning);
    await agree(link, values.media);
    const [listener, registry, lanes, log, media] = [new Listener(link), new Registry(link), new Lanes(link), new RedisJobLog(link, systemClock), new RedisMediaStore(link, bytes ?? new RedisBytes(link), systemClock)];
    const janitor = new Janitor({ link, registry, lanes, log, media, clock: systemClock, failed });
    return {
      link, listener, registry, lanes, log, media,
      checks: [{ id: 'Redis', isNeeded: true, check: async () => link.ping() }, ...checksOf(bytes, null)],
      close: async () => {
        await janitor.close();
        await lanes.close();
        link.close();
      },
    };
  } catch (error) {
    link.close();
    throw error;
  }
}

/** Opens what stands behind one of several servers. The caller closes it. */
export async function openSharedBacking({ values, shell, failed, warn, memoryMs, url }: BackingNeeds & { readonly url: string }): Promise<Backing> {
  const shared = await openShared({ url, failed, warn, shell, values });
  let conversations: Awaited<ReturnType<typeof openOwnConversations>> | null = null;
  try {
    const { link, listener, registry, lanes, log, media, checks } = shared;
    conversations = await openOwnConversations(values, memoryMs, warn);
    const calls = new Calls(link, listener);
    const engines = new RemoteEngines({ registry, calls, models: values.models, aliases: values.aliases });
    const queue = await createSharedQueue({ link, listener, registry, calls, lanes, log, media, engines, capacity: values.limits.queue, perOwner: values.limits.jobsPerKey, deadlineMs: values.deadlineMs });
    const retention = createRetention({ jobs: log, media, days: values.retention.days, most: values.retention.jobs, budgetBytes: values.retention.mediaBytes, failed });
    if (engines.models().length === 0) warn('no worker has been here so far: requests wait for one; start it with `anymodal worker --redis URL`');
    return {
      queue, engines, media,
      conversations: conversations.store,
      keys: createSharedKeyStore(link),
      secret: await sharedSecret(link),
      stores: createStoreChecks([...checks, ...checksOf(null, conversations.store)]),
      close: async () => {
        await queue.close();
        await retention.close();
        await conversations?.close();
        await shared.close();
      },
    };
  } catch (error) {
    await conversations?.close();
    await shared.close();
    throw error;
  }
}

/** All servers and workers keep media in one place: the first says where. Throws `conflict`. */
async function agree(link: RedisLink, media: string | null): Promise<void> {
  const name = link.key('media-place');
  const place = media ?? 'Redis';
  const kept = await link.within(async () => {
    await link.client.set(name, place, 'NX');
    return link.client.get(name);
  });
  if (kept !== place) throw new AnymodalError('conflict', `media: servers and workers of this Redis keep media in ${kept}, and this one was told ${place}; give all the same --media`, { field: 'media' });
}

/** Conversations in PostgreSQL, or on this machine, where servers on others do not see them. */
async function openOwnConversations(values: BackingNeeds['values'], memoryMs: number, warn: (message: string) => void): Promise<{ readonly store: ConversationStore; close(): Promise<void> }> {
  if (values.database === null) warn('conversations are kept on this machine alone: other servers do not see them; give all the same --database');
  const database = await openDatabase(values.data);
  let store: ConversationStore;
  try {
    store = await openConversations(values, memoryMs, warn, database);
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    store,
    close: async () => {
      await store.close();
      database.close();
    },
  };
}

/** 32 random bytes, the same for all servers: for signed addresses and sessions. */
async function sharedSecret(link: RedisLink): Promise<Uint8Array> {
  const name = link.key('secret');
  const kept = await link.within(async () => {
    await link.client.set(name, randomBytes(32).toString('base64'), 'NX');
    return link.client.get(name);
  });
  return Buffer.from(kept ?? '', 'base64');
}
