// Chaos with everything elsewhere: media on an S3-compatible store and conversations in PostgreSQL, each taken away beside workers, Redis and servers.
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { objectStoreKeys, startObjectServer, withoutObjectStore } from '../queue/object-server.ts';
import { withoutRedis } from '../queue/redis-process.ts';
import { chaos } from './chaos.ts';
import { startPostgres, withoutPostgres } from './conversations/postgres-server.ts';

const without = withoutRedis ?? withoutObjectStore ?? withoutPostgres;
/** How long the store of media is away. */
const AWAY_MS = 10_000;

test.skipIf(without !== null)(`every job ends exactly once, media and conversations elsewhere${without === null ? '' : ` (${without})`}`, { timeout: 1_800_000 }, async () => {
  const [store, postgres] = await Promise.all([startObjectServer('chaos/'), startPostgres()]);
  try {
    Object.assign(process.env, { AWS_ENDPOINT_URL: store.endpoint, AWS_ACCESS_KEY_ID: objectStoreKeys.accessKeyId, AWS_SECRET_ACCESS_KEY: objectStoreKeys.secretAccessKey });
    const restarted = async (): Promise<void> => {
      await postgres.kill();
      await postgres.start();
    };
    const media = ['--media', 's3://media/chaos'];
    const report = await chaos({
      jobs: 200, workers: 3, servers: 2, rounds: 7, mediaInRedis: false, conversations: 5,
      serverFlags: [...media, '--database', await postgres.database()],
      workerFlags: media,
      outages: [
        { name: 'object store', run: async () => {
          store.leave();
          await setTimeout(AWAY_MS);
          store.return();
        } },
        { name: 'PostgreSQL', run: restarted },
        { name: 'PostgreSQL again', run: restarted },
      ],
    });
    process.stdout.write(`chaos with stores elsewhere: ${report.completed} jobs completed, ${report.again} of them in a second attempt or later; ${report.resumed} streams taken up again; ${report.turns} turns of conversations, each kept once; taken away: ${report.kills.join(', ')}\n`);
    expect(report.completed).toBe(200);
    expect(report.kills.filter((what) => what === 'object store' || what.startsWith('PostgreSQL'))).toEqual(['object store', 'PostgreSQL', 'PostgreSQL again']);
    expect(report.turns).toBeGreaterThan(50);
  } finally {
    await Promise.all([store.stop(), postgres.stop()]);
  }
});
