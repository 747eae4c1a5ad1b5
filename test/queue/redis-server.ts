// A Redis for the tests of a file: started when the first asks for it, emptied for each.
// Tests that need it are skipped, with the reason, where it is not installed.

import { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { startRedis, type RedisServer } from './redis-process.ts';

export { withoutRedis } from './redis-process.ts';

let shared: Promise<RedisServer> | null = null;

/** Address of the file's own server, empty. */
export async function redisUrl(): Promise<string> {
  shared ??= startRedis();
  const { url } = await shared;
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
  return url;
}

afterAll(async () => (await shared)?.stop());
