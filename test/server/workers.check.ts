// Real workers that are told to stop: a job by its client within one of its steps, a worker by SIGTERM, which ends its job or gives it back.
import { expect, onTestFinished, test } from 'vitest';
import { Client, isTerminal, type JobEvent, type JobInput } from '../../src/client/index.ts';
import { startRedis, withoutRedis, type RedisServer } from '../queue/redis-process.ts';
import { startServer } from '../real-server.ts';
import { instantModel, startWorker, type RealWorker } from './processes.ts';

/** Long beside what a message through Redis takes, also on a busy machine. */
const STEP_MS = 1000;

interface Bench {
  readonly client: Client;
  readonly worker: (...flags: readonly string[]) => Promise<RealWorker>;
}

async function open(): Promise<Bench> {
  const redis: RedisServer = await startRedis();
  const instant = await instantModel();
  const server = await startServer('--redis', redis.url);
  const workers: RealWorker[] = [];
  onTestFinished(async () => {
    for (const worker of workers) await worker.end();
    await server.stop();
    await redis.stop();
    await instant.remove();
  }, 120_000);
  return {
    client: new Client({ baseUrl: server.address }),
    worker: async (...flags) => {
      const worker = await startWorker(['--redis', redis.url, '--model', instant.folder, ...flags], STEP_MS);
      workers.push(worker);
      return worker;
    },
  };
}

const job: JobInput = { input: [{ type: 'text', text: 'a red apple' }], outputs: ['image'], route: 'direct', seed: 7 };

async function until(client: Client, id: string, found: (event: JobEvent) => boolean): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of client.events(id)) {
    events.push(event);
    if (found(event)) break;
  }
  return events;
}
const isStep = (event: JobEvent, step: number): boolean => event.type === 'media-progress' && event.step === step;

test.skipIf(withoutRedis !== null)('cancel reaches a worker within one of its steps', { timeout: 300_000 }, async () => {
  const { client, worker } = await open();
  await worker();
  await expect.poll(async () => (await client.models()).length, { timeout: 60_000 }).toBe(1);
  const { id } = await client.createJob(job);
  await until(client, id, (event) => isStep(event, 2));
  const at = Date.now();
  await client.cancelJob(id);
  const events = await until(client, id, isTerminal);
  expect(events.at(-1)).toMatchObject({ type: 'job-abort' });
  expect(events.filter((event) => event.type === 'media-progress' && event.at > at).length).toBeLessThanOrEqual(1);
  expect((await client.job(id)).status).toBe('cancelled');
});

test.skipIf(withoutRedis !== null)('SIGTERM: a job that has the time ends where it is, another goes on with the next worker', { timeout: 300_000 }, async () => {
  const { client, worker } = await open();
  const patient = await worker();
  await expect.poll(async () => (await client.models()).length, { timeout: 60_000 }).toBe(1);
  const first = await client.createJob(job);
  await until(client, first.id, (event) => isStep(event, 1));
  expect(await patient.end()).toBe(0);
  expect(await client.job(first.id)).toMatchObject({ status: 'completed', attempt: 1 });

  const hasty = await worker('--set', 'drainMs=100');
  const second = await client.createJob({ ...job, seed: 8 });
  await until(client, second.id, (event) => isStep(event, 1));
  expect(await hasty.end()).toBe(0);
  expect(await client.job(second.id)).toMatchObject({ status: 'queued', attempt: 1 });
  const next = await worker();
  const events = await until(client, second.id, isTerminal);
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(await client.job(second.id)).toMatchObject({ status: 'completed', attempt: 2 });
  expect(events.filter(isTerminal)).toHaveLength(1);
  expect(await next.end()).toBe(0);
});
