// Three workers, two servers, 200 jobs: workers killed, Redis restarted, a server killed with subscribers attached.
import { expect, test } from 'vitest';
import { withoutRedis } from '../queue/redis-process.ts';
import { chaos } from './chaos.ts';

test.skipIf(withoutRedis !== null)(`every job ends exactly once${withoutRedis === null ? '' : ` (${withoutRedis})`}`, { timeout: 1_200_000 }, async () => {
  const report = await chaos({ jobs: 200, workers: 3, servers: 2, rounds: 12 });
  process.stdout.write(`chaos: ${report.completed} jobs completed, ${report.again} of them in a second attempt or later; ${report.resumed} streams taken up again; ended without warning: ${report.kills.join(', ')}\n`);
  expect(report.completed).toBe(200);
  expect(report.again).toBeGreaterThan(0);
  expect(report.resumed).toBeGreaterThan(0);
  expect(report.kills).toHaveLength(12);
});
