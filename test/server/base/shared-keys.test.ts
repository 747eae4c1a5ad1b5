import { expect, onTestFinished, test } from 'vitest';
import { RedisLink } from '../../../src/queue/redis/connection.ts';
import { createSharedKeyStore } from '../../../src/server/keys/shared-store.ts';
import { redisUrl, withoutRedis } from '../../queue/redis-server.ts';

test.skipIf(withoutRedis !== null)(`keys that servers share: added once, known everywhere, gone when revoked${withoutRedis === null ? '' : ` (${withoutRedis})`}`, async () => {
  const url = await redisUrl();
  const [one, other] = [new RedisLink({ url }), new RedisLink({ url })];
  onTestFinished(() => {
    one.close();
    other.close();
  });
  let now = 1_800_000_000_000;
  const [keys, elsewhere] = [createSharedKeyStore(one, () => now), createSharedKeyStore(other, () => now)];
  const { id, key } = await keys.add('laptop', ['read', 'generate']);
  await expect(elsewhere.add('laptop', ['read'])).rejects.toMatchObject({ code: 'conflict' });
  await expect(keys.add('', ['read'])).rejects.toMatchObject({ code: 'bad_input' });
  await expect(keys.add('none', [])).rejects.toMatchObject({ code: 'bad_input' });
  expect(await elsewhere.check(key)).toEqual({ owner: id, scopes: ['generate', 'read'] });
  expect(await elsewhere.check(`${key}x`)).toBeNull();
  now += 1000;
  await keys.add('phone', ['read']);
  expect(await keys.list()).toEqual([
    { id, name: 'laptop', scopes: ['generate', 'read'], createdAt: now - 1000, lastUsedAt: now - 1000 },
    { id: expect.stringMatching(/^key_/), name: 'phone', scopes: ['read'], createdAt: now, lastUsedAt: null },
  ]);
  // Only the hash is kept.
  expect(JSON.stringify(await one.client.hgetall(one.key('keys')))).not.toContain(key);
  expect(await elsewhere.revoke('laptop')).toBe(true);
  expect(await keys.revoke('laptop')).toBe(false);
  expect(await keys.check(key)).toBeNull();
  expect((await keys.add('laptop', ['admin'])).id).not.toBe(id);
});
