import { expect, onTestFinished, test } from 'vitest';
import { AnymodalError } from '../../src/errors.ts';
import { openDataFolder, type DataFolder } from '../../src/queue/data-folder.ts';
import { createQueue, type QueueOptions } from '../../src/queue/queue.ts';
import type { LoggedEvent, Queue } from '../../src/queue/contracts.ts';
import { collect, enginesOf, FakeClock, FakeEngine, medium, newJob, settled, temporaryFolder, until } from './fakes.ts';

interface Bench { readonly folder: DataFolder; readonly queue: Queue; readonly engine: FakeEngine; readonly clock: FakeClock }

async function open(options: Partial<QueueOptions> = {}, path?: string, engine = new FakeEngine()): Promise<Bench> {
  const clock = new FakeClock();
  const folder = await openDataFolder(path ?? (await temporaryFolder()), { clock });
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: enginesOf(engine), clock, ...options });
  onTestFinished(async () => {
    await queue.close();
    await folder.close();
  });
  return { folder, queue, engine, clock };
}

const typesOf = (events: readonly LoggedEvent[]): string[] => events.map(({ type }) => type);

test('a job is kept, run, and told from its first event to its last', async () => {
  const { queue, engine, folder, clock } = await open();
  const source = medium('an apple');
  const record = await queue.submit(newJob('job-1', { of: { messages: [{ role: 'user', parts: [{ type: 'media', media: source }, { type: 'text', text: 'make it green' }] }] } }));
  expect(record).toMatchObject({ id: 'job-1', owner: 'ann', status: 'queued', attempt: 0, detached: true });
  const events = collect(queue.events('job-1', 0));
  await until(() => engine.jobs.length === 1);
  expect(engine.job('job-1').request.messages[0]?.parts[0]).toMatchObject({ type: 'media', media: { id: source.id, modality: 'image' } });
  const made = medium('a green apple');
  engine.job('job-1').say(
    { type: 'media-start', variant: 0, part: 0, output: 'image', modality: 'image', seed: 7, references: [1] },
    { type: 'media-preview', variant: 0, part: 0, step: 1, media: medium('a blur') },
    { type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: made },
  );
  engine.job('job-1').end();
  await settled();
  await clock.advance(20);
  const told = await events;
  expect(typesOf(told)).toEqual(['job-queued', 'job-start', 'media-start', 'media-preview', 'media-end', 'job-end']);
  expect(told.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(told[4]).toMatchObject({ media: { id: made.id, size: 13 }, attempt: 1, job: 'job-1' });
  expect(told[4]).not.toHaveProperty('media.bytes');
  expect(await queue.get('job-1')).toMatchObject({ status: 'completed', attempt: 1, error: null });
  expect(await folder.media.find('ann', made.id)).toMatchObject({ origin: 'made', job: 'job-1', title: 'make it green' });
  expect(await folder.media.find('ann', source.id)).toMatchObject({ origin: 'input' });
  expect(await folder.media.find('bob', made.id)).toBeNull();
  // Previews go a moment after the end.
  expect(await folder.media.list({ owner: 'ann', origins: ['preview'] }, { limit: 9 })).toHaveLength(1);
  await clock.advance(10_000);
  expect(await folder.media.list({ owner: 'ann', origins: ['preview'] }, { limit: 9 })).toHaveLength(0);
  await queue.remove('job-1');
  expect(await queue.get('job-1')).toBeNull();
  expect(await folder.media.size()).toBe(0);
});

test('texts in a row are one event, and no event is shown before it is kept', async () => {
  const { queue, engine, folder, clock } = await open();
  await queue.submit(newJob('job-1'));
  await until(() => engine.jobs.length === 1);
  const seen: LoggedEvent[] = [];
  const following = (async () => {
    for await (const event of queue.events('job-1', 0)) {
      seen.push(event);
      expect((await folder.jobs.events('job-1', event.id - 1))[0]).toEqual(event);
    }
  })();
  for (let word = 0; word < 100; word += 1) engine.job('job-1').say({ type: 'text-delta', variant: 0, part: 0, text: `${word} ` });
  await clock.advance(0);
  engine.job('job-1').end();
  await clock.advance(50);
  await following;
  expect(seen.length).toBeLessThan(8);
  expect(seen.flatMap((event) => (event.type === 'text-delta' ? [event.text] : [])).join('')).toBe(Array.from({ length: 100 }, (_, word) => `${word} `).join(''));
});

test('events written together tell when each came', async () => {
  const { queue, engine, clock } = await open();
  await queue.submit(newJob('job-1'));
  await until(() => engine.jobs.length === 1);
  const events = collect(queue.events('job-1', 0));
  const from = clock.now();
  for (const step of [1, 2, 3]) {
    engine.job('job-1').say({ type: 'media-progress', variant: 0, part: 0, step, steps: 3 });
    await clock.advance(5);
  }
  engine.job('job-1').end();
  await clock.advance(50);
  expect((await events).flatMap(({ type, at }) => (type === 'media-progress' ? [at - from] : []))).toEqual([0, 5, 10]);
});

test('what is unsound is refused and leaves nothing', async () => {
  const { queue, engine, folder } = await open();
  engine.checkFault = () => new AnymodalError('bad_option', 'image.steps: got -1');
  await expect(queue.submit(newJob('job-1', { of: { mask: medium('mask') } }))).rejects.toMatchObject({ code: 'bad_option' });
  expect(await queue.get('job-1')).toBeNull();
  expect(await folder.media.size()).toBe(0);
  await expect(collect(queue.events('job-1', 0))).rejects.toMatchObject({ code: 'not_found' });
  await expect(queue.cancel('job-1', 'no')).rejects.toMatchObject({ code: 'not_found' });
});

test('a full queue says when to come back', async () => {
  const { queue, engine } = await open({ capacity: 2, slots: { all: 1 } });
  for (const id of ['a', 'b', 'c']) await queue.submit(newJob(id));
  await settled();
  await expect(queue.submit(newJob('d'))).rejects.toMatchObject({ code: 'queue_full', retryAfterMs: 2000 });
  expect(queue.state()).toEqual({ queued: 2, running: 1, capacity: 2 });
  expect(await Promise.all(['a', 'b', 'c'].map(async (id) => queue.position(id)))).toEqual([null, 0, 1]);
  engine.job('a').end();
  await until(() => engine.jobs.length === 2);
  await queue.submit(newJob('e'));
  expect(await queue.position('e')).toBe(1);
});

test('an owner has a limit of its own', async () => {
  const { queue } = await open({ perOwner: 1 });
  await queue.submit(newJob('a'));
  await expect(queue.submit(newJob('b'))).rejects.toMatchObject({ code: 'queue_full' });
  await queue.submit(newJob('c', { owner: 'bob' }));
});

test('the same idempotency key is the same job, another request under it a conflict', async () => {
  const { queue, engine } = await open();
  const [first, again] = await Promise.all(['a', 'b'].map(async (id) => queue.submit(newJob(id, { idempotency: { key: 'k', digest: '1' }, of: { mask: medium('mask') } }))));
  expect(again?.id).toBe(first?.id);
  await until(() => engine.jobs.length === 1);
  expect((await queue.submit(newJob('c', { idempotency: { key: 'k', digest: '1' } }))).id).toBe(first?.id);
  await expect(queue.submit(newJob('d', { idempotency: { key: 'k', digest: '2' } }))).rejects.toMatchObject({ code: 'conflict' });
  expect((await queue.submit(newJob('e', { owner: 'bob', idempotency: { key: 'k', digest: '2' } }))).id).toBe('e');
});

test.each([['queued', { all: 1 }], ['running', { all: 2 }]] as const)('cancel while %s', async (_, slots) => {
  const { queue, engine } = await open({ slots });
  await queue.submit(newJob('first'));
  await queue.submit(newJob('job-1'));
  await settled();
  await queue.cancel('job-1', 'enough');
  expect(await queue.get('job-1')).toMatchObject({ status: 'cancelled', error: { code: 'aborted', message: 'enough' } });
  expect((await collect(queue.events('job-1', 0))).at(-1)).toMatchObject({ type: 'job-abort', reason: 'enough' });
  await queue.cancel('job-1', 'again');
  expect((await queue.get('job-1'))?.error?.message).toBe('enough');
  engine.job('first').end();
});

test.each([['queued', { all: 1 }], ['running', { all: 2 }]] as const)('the deadline while %s', async (_, slots) => {
  const { queue, clock } = await open({ slots });
  await queue.submit(newJob('first'));
  await queue.submit(newJob('job-1', { deadlineMs: 5000 }));
  await clock.advance(4999);
  expect((await queue.get('job-1'))?.endedAt).toBeNull();
  await clock.advance(1);
  await until(async () => (await queue.get('job-1'))?.endedAt !== null);
  expect(await queue.get('job-1')).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
});

test('the engine is told which jobs are long', async () => {
  const { queue, engine } = await open();
  engine.auto = (job) => job.end();
  for (const [id, output] of [['talk', 'text'], ['film', 'video'], ['sketch', 'image']] as const) await queue.submit(newJob(id, { of: { outputs: [output] } }));
  await until(() => engine.ids.length === 3);
  expect(engine.long).toEqual(['film']);
});

test('embeddings go to the engine at once', async () => {
  const { queue } = await open();
  expect(await queue.embed('fake', { id: 'e', inputs: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] })).toEqual({ embeddings: [[0, 1], [1, 1]], warnings: [] });
});

test('draining takes nothing more, waits for what runs, and leaves the rest to the next start', async () => {
  const path = await temporaryFolder();
  const { queue, engine, folder, clock } = await open({ slots: { all: 2 } }, path);
  for (const id of ['ends', 'stays', 'waits']) await queue.submit(newJob(id));
  await queue.submit(newJob('attached', { detached: false }));
  await until(() => engine.jobs.length === 2);
  const drained = queue.drain(1000);
  await expect(queue.submit(newJob('late'))).rejects.toMatchObject({ code: 'shutting_down' });
  engine.job('ends').end();
  await clock.advance(1000);
  await drained;
  await queue.close();
  expect(await Promise.all(['ends', 'stays', 'waits', 'attached'].map(async (id) => (await folder.jobs.get(id))?.status))).toEqual(['completed', 'running', 'queued', 'cancelled']);
});
