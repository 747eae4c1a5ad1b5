import { describe, onTestFinished } from 'vitest';
import { systemClock } from '../../src/queue/clock.ts';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { RedisLink } from '../../src/queue/redis/connection.ts';
import { RedisBytes } from '../../src/queue/redis/media-bytes.ts';
import { RedisMediaStore } from '../../src/queue/redis/media-store.ts';
import { testMediaStore } from '../conformance/media-store.ts';
import { temporaryFolder } from './fakes.ts';
import { redisUrl, withoutRedis } from './redis-server.ts';

describe('in SQLite and files', () => {
  testMediaStore(async () => {
    const folder = await openDataFolder(await temporaryFolder());
    onTestFinished(async () => folder.close());
    return folder.media;
  });
});

describe.skipIf(withoutRedis !== null)(`in Redis${withoutRedis === null ? '' : ` (${withoutRedis})`}`, () => {
  testMediaStore(async () => {
    const link = new RedisLink({ url: await redisUrl() });
    onTestFinished(async () => link.close());
    return new RedisMediaStore(link, new RedisBytes(link), systemClock);
  });
});
