// Keys in Redis, for servers that share them: the same keys as in SQLite, of which the hash alone is kept.
// Knows no route; the connection is borrowed.

import { AnymodalError } from '../../errors.ts';
import { script, textOf, type RedisLink } from '../../queue/redis/connection.ts';
import type { Caller, KeyStore } from '../contracts.ts';
import { hashOf, newKey, scopes, USE_MS } from './keys.ts';

type KeyEntry = Awaited<ReturnType<KeyStore['list']>>[number];
type Kept = KeyEntry & { readonly hash: string };

/** ARGV: name, id, hash, entry. */
const addKey = script(`
if redis.call('HSETNX', p .. ':key-names', ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', p .. ':keys', ARGV[2], ARGV[4])
redis.call('HSET', p .. ':key-hashes', ARGV[3], ARGV[2])
return 1`);

/** ARGV: id, name, hash. */
const revokeKey = script(`
redis.call('HDEL', p .. ':key-names', ARGV[2])
redis.call('HDEL', p .. ':key-hashes', ARGV[3])
return redis.call('HDEL', p .. ':keys', ARGV[1])`);

/** The keys in a Redis; closing the store leaves the connection open. */
export function createSharedKeyStore(link: RedisLink, now: () => number = Date.now): KeyStore {
  const { client } = link;
  const entries = async (): Promise<Kept[]> => Object.values(await link.within(async () => client.hgetall(link.key('keys')))).map((text): Kept => JSON.parse(text));
  return {
    async add(name, given) {
      const { id, key, wanted } = newKey(name, given);
      const kept: Kept = { id, name, scopes: wanted, createdAt: now(), lastUsedAt: null, hash: hashOf(key) };
      if ((await link.run(addKey, name, id, kept.hash, JSON.stringify(kept))) === 0) throw new AnymodalError('conflict', `there is a key "${name}" already; revoke it first, or give another name.`);
      return { id, key };
    },
    async list() {
      const used = await link.within(async () => client.hgetall(link.key('key-uses')));
      return (await entries()).toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).map(({ hash: _hash, ...entry }) => ({ ...entry, lastUsedAt: used[entry.id] === undefined ? null : Number(used[entry.id]) }));
    },
    async revoke(idOrName) {
      const entry = (await entries()).find(({ id, name }) => id === idOrName || name === idOrName);
      if (entry === undefined) return false;
      await link.within(async () => client.hdel(link.key('key-uses'), entry.id));
      return (await link.run(revokeKey, entry.id, entry.name, entry.hash)) === 1;
    },
    async check(key): Promise<Caller | null> {
      if (!key.startsWith('am_') || key.length > 100) return null;
      // The hash is looked up whole: how long that takes tells nothing of a key.
      const id = textOf(await link.within(async () => client.hget(link.key('key-hashes'), hashOf(key))));
      const text = id === null ? null : await link.within(async () => client.hget(link.key('keys'), id));
      if (id === null || text === null) return null;
      const entry: Kept = JSON.parse(text);
      const used = Number((await link.within(async () => client.hget(link.key('key-uses'), id))) ?? 0);
      if (now() - used >= USE_MS) await link.within(async () => client.hset(link.key('key-uses'), id, now()));
      return { owner: id, scopes: scopes.filter((scope) => entry.scopes.includes(scope)) };
    },
    async close() {},
  };
}
