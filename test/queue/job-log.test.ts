import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/queue/clock.ts';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { RedisLink } from '../../src/queue/redis/connection.ts';
import { RedisJobLog } from '../../src/queue/redis/job-log.ts';
import { storedRequest } from '../../src/queue/stored.ts';
import { testJobLog } from '../conformance/job-log.ts';
import { requestOf, temporaryFolder } from './fakes.ts';
import { redisUrl, withoutRedis } from './redis-server.ts';

describe('in SQLite', () => {
  testJobLog(async () => {
    const folder = await openDataFolder(await temporaryFolder());
    onTestFinished(async () => folder.close());
    return folder.jobs;
  });
});

async function open(): Promise<RedisLink> {
  const link = new RedisLink({ url: await redisUrl() });
  onTestFinished(() => link.close());
  return link;
}

describe.skipIf(withoutRedis !== null)(`in Redis${withoutRedis === null ? '' : ` (${withoutRedis})`}`, () => {
  testJobLog(async () => new RedisJobLog(await open(), systemClock));

  test('a job that another worker took is closed to the one before', async () => {
    const link = await open();
    const [anybody, first, second] = [new RedisJobLog(link, systemClock), new RedisJobLog(link, systemClock, 'first'), new RedisJobLog(link, systemClock, 'second')];
    await anybody.add({
      id: 'job-1', owner: 'ann', model: 'fake', kind: 'job', weight: 1, status: 'queued', attempt: 0, losses: 0, createdAt: 0, startedAt: null, endedAt: null, deadlineAt: null,
      detached: true, conversation: null, request: storedRequest(requestOf('job-1')), view: null, error: null,
    }, 0);
    expect(await first.claim('job-1')).toMatchObject({ holder: 'first', claims: 1 });
    await first.append('job-1', 1, [{ type: 'job-warning', code: 'a', message: '' }]);
    expect(await second.claim('job-1')).toMatchObject({ holder: 'second', claims: 2 });
    const end = { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } } as const;
    await expect(first.append('job-1', 1, [end])).rejects.toMatchObject({ code: 'conflict' });
    await expect(first.update('job-1', { attempt: 3 })).rejects.toMatchObject({ code: 'conflict' });
    expect(await first.release('job-1')).toBe(false);
    await second.append('job-1', 2, [end]);
    expect(await first.claim('job-1')).toBeNull();
    expect((await anybody.events('job-1', 0)).map(({ type, attempt }) => `${type} ${attempt}`)).toEqual(['job-queued 1', 'job-warning 1', 'job-end 2']);
    expect(await anybody.counts()).toEqual({ waiting: 0, unfinished: 0 });
  });
});
