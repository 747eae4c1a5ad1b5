import { expect, onTestFinished, test } from 'vitest';
import { openDataFolder, type DataFolder } from '../../src/queue/data-folder.ts';
import { createQueue, type QueueOptions } from '../../src/queue/queue.ts';
import type { LoggedEvent, Queue } from '../../src/queue/contracts.ts';
import { collect, enginesOf, FakeClock, FakeEngine, medium, newJob, settled, temporaryFolder, until } from './fakes.ts';

interface Server { readonly folder: DataFolder; readonly queue: Queue; readonly engine: FakeEngine; readonly clock: FakeClock; stop(): Promise<void> }

async function start(path: string, options: Partial<QueueOptions> = {}): Promise<Server> {
  const clock = new FakeClock();
  const engine = new FakeEngine();
  const folder = await openDataFolder(path, { clock });
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: enginesOf(engine), clock, ...options });
  const stop = async (): Promise<void> => {
    await queue.close();
    await folder.close();
  };
  onTestFinished(stop);
  return { folder, queue, engine, clock, stop };
}

const kinds = (events: readonly LoggedEvent[]): string[] => events.map(({ type, attempt }) => `${type} ${attempt}`);
const start1 = { type: 'media-start', variant: 0, part: 0, output: 'image', modality: 'image', seed: 7, references: [] } as const;
const end1 = (content: string) => ({ type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: medium(content) }) as const;

test('after a restart queued jobs run, interrupted ones run again, attached ones are cancelled', async () => {
  const path = await temporaryFolder();
  const first = await start(path, { slots: { all: 2 } });
  await first.queue.submit(newJob('interrupted', { of: { mask: medium('mask') } }));
  await first.queue.submit(newJob('attached', { detached: false }));
  await first.queue.submit(newJob('queued', { owner: 'bob' }));
  await until(() => first.engine.jobs.length === 2);
  first.engine.job('interrupted').say(start1, end1('void'));
  await until(async () => (await first.folder.media.list({ owner: 'ann', origins: ['made'] }, { limit: 9 })).length === 1);
  await first.clock.advance(50);
  await first.stop();

  const second = await start(path);
  expect((await second.queue.get('attached'))?.status).toBe('cancelled');
  await until(() => second.engine.jobs.length === 2);
  expect(second.engine.ids.toSorted()).toEqual(['interrupted', 'queued']);
  expect(second.engine.job('interrupted').request).toMatchObject({ seed: 7, mask: { id: medium('mask').id } });
  // What the first attempt made is void.
  expect(await second.folder.media.list({ owner: 'ann', origins: ['made'] }, { limit: 9 })).toEqual([]);
  second.engine.job('interrupted').say(start1, end1('good'));
  for (const job of second.engine.jobs) job.end();
  await until(async () => (await second.queue.get('interrupted'))?.status === 'completed');
  expect(kinds(await collect(second.queue.events('interrupted', 0)))).toEqual([
    'job-queued 1', 'job-start 1', 'media-start 1', 'media-end 1', 'job-queued 2', 'job-start 2', 'media-start 2', 'media-end 2', 'job-end 2',
  ]);
  expect(await second.queue.get('interrupted')).toMatchObject({ attempt: 2, losses: 0 });
  expect(await second.folder.media.find('ann', medium('good').id)).toMatchObject({ job: 'interrupted' });
});

test('a follower goes on after a restart where it stopped', async () => {
  const path = await temporaryFolder();
  const first = await start(path);
  await first.queue.submit(newJob('job'));
  await until(() => first.engine.jobs.length === 1);
  await first.clock.advance(50);
  const before = collect(first.queue.events('job', 0));
  await settled();
  await first.stop();
  const seen = await before;
  expect(kinds(seen)).toEqual(['job-queued 1', 'job-start 1']);
  const second = await start(path);
  const after = collect(second.queue.events('job', seen.length));
  await until(() => second.engine.jobs.length === 1);
  second.engine.job('job').end();
  await second.clock.advance(50);
  expect((await after).map(({ id, type }) => `${id} ${type}`)).toEqual(['3 job-queued', '4 job-start', '5 job-end']);
});

test('media of jobs that were never accepted, and what ended jobs hold, are let go at the start', async () => {
  const path = await temporaryFolder();
  const first = await start(path);
  const never = medium('never');
  await first.folder.media.put(never, { owner: 'ann', origin: 'input', job: 'never', title: null });
  await first.folder.media.hold('job/never', [never.id]);
  await first.queue.submit(newJob('attached', { detached: false, of: { mask: medium('mask') } }));
  await first.queue.submit(newJob('kept', { of: { mask: medium('mask of kept') } }));
  await first.folder.media.hold('conversation/c', [medium('mask').id]);
  await first.folder.close();
  const second = await start(path);
  expect(await second.folder.media.find('ann', never.id)).toBeNull();
  expect((await second.queue.get('attached'))?.status).toBe('cancelled');
  expect(second.folder.database.all('SELECT holder FROM holds ORDER BY holder')).toEqual([{ holder: 'conversation/c' }, { holder: 'job/kept' }]);
});

test('a lost engine is forgiven once', async () => {
  const { queue, engine } = await start(await temporaryFolder());
  await queue.submit(newJob('job', { detached: false }));
  await until(() => engine.jobs.length === 1);
  engine.crash();
  await until(() => engine.jobs.length === 1);
  expect(engine.job('job').request.seed).toBe(7);
  expect(await queue.get('job')).toMatchObject({ attempt: 2, losses: 1 });
  engine.crash();
  await until(async () => (await queue.get('job'))?.endedAt !== null);
  expect(await queue.get('job')).toMatchObject({ status: 'failed', attempt: 2, error: { code: 'engine_crashed' } });
  const events = await collect(queue.events('job', 0));
  expect(events.filter(({ type }) => ['job-end', 'job-abort', 'job-error'].includes(type))).toHaveLength(1);
});

test('those who run beside the job that ends engines come to no harm', async () => {
  const { queue, engine } = await start(await temporaryFolder(), { slots: { all: 4 } });
  const deadly = 'deadly';
  for (const id of ['a', deadly, 'b']) await queue.submit(newJob(id, { owner: id }));
  await until(() => engine.jobs.length === 3);
  let crashes = 0;
  for (let round = 0; round < 10 && (await queue.get(deadly))?.endedAt === null; round += 1) {
    await until(() => engine.jobs.length > 0);
    await settled();
    if (engine.ids.includes(deadly)) {
      // Newcomers are there too when it happens.
      await queue.submit(newJob(`new ${round}`, { owner: `new ${round}` }));
      await settled();
      crashes += 1;
      engine.crash();
    } else {
      for (const job of engine.jobs.splice(0)) job.end();
    }
    await settled();
  }
  expect(crashes).toBe(2);
  await until(async () => (await queue.get(deadly))?.status === 'failed');
  for (let round = 0; round < 10; round += 1) {
    for (const job of engine.jobs.splice(0)) job.end();
    await settled();
  }
  const others = await Promise.all(['a', 'b', 'new 0'].map(async (id) => (await queue.get(id))?.status));
  expect(others).toEqual(['completed', 'completed', 'completed']);
});

test('a job that keeps being interrupted is given up', async () => {
  const path = await temporaryFolder();
  const one = await start(path, { mostAttempts: 2 });
  await one.queue.submit(newJob('job'));
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const server = attempt === 1 ? one : await start(path, { mostAttempts: 2 });
    await until(() => server.engine.jobs.length === 1);
    await server.stop();
  }
  const last = await start(path, { mostAttempts: 2 });
  await until(async () => (await last.queue.get('job'))?.endedAt !== null);
  expect(await last.queue.get('job')).toMatchObject({ status: 'failed', error: { code: 'engine_crashed' } });
});
