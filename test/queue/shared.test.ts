import { describe, expect, test } from 'vitest';
import { AnymodalError } from '../../src/errors.ts';
import type { JobRecord, LoggedEvent } from '../../src/queue/contracts.ts';
import { collect, FakeEngine, isTerminal, medium, newJob } from './fakes.ts';
import { redisUrl, withoutRedis } from './redis-server.ts';
import { openServer, openWorker, poolOf, type TestServer } from './shared-parts.ts';

const kinds = (events: readonly LoggedEvent[]): string[] => events.map(({ type, attempt }) => `${type} ${attempt}`);
const waiting = { timeout: 20_000, interval: 20 };
const ended = async ({ queue }: TestServer, id: string): Promise<JobRecord> => {
  await collect(queue.events(id, 0));
  const record = await queue.get(id);
  if (record === null) throw new Error(`${id} is gone`);
  return record;
};
const start = { type: 'media-start', variant: 0, part: 0, output: 'image', modality: 'image', seed: 7, references: [] } as const;
const made = (content: string) => ({ type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: medium(content) }) as const;

describe.skipIf(withoutRedis !== null)(`servers and workers on one Redis${withoutRedis === null ? '' : ` (${withoutRedis})`}`, { timeout: 60_000 }, () => {
  test('a job of one server is run by a worker and told by another server, with its media', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url);
    const [one, other] = [await openServer(url), await openServer(url)];
    const source = medium('an apple');
    const record = await one.queue.submit(newJob('job-1', { model: 'other', of: { messages: [{ role: 'user', parts: [{ type: 'media', media: source }, { type: 'text', text: 'make it green' }] }] } }));
    expect(record).toMatchObject({ id: 'job-1', owner: 'ann', model: 'fake', status: 'queued', detached: true });
    const told = collect(other.queue.events('job-1', 0));
    await expect.poll(() => engine.ids, waiting).toEqual(['job-1']);
    expect(engine.job('job-1').request.messages[0]?.parts[0]).toMatchObject({ type: 'media', media: { id: source.id } });
    engine.job('job-1').say(start, { type: 'media-preview', variant: 0, part: 0, step: 1, media: medium('blur') }, made('a green apple'));
    engine.job('job-1').end();
    const events = await told;
    expect(kinds(events)).toEqual(['job-queued 1', 'job-start 1', 'media-start 1', 'media-preview 1', 'media-end 1', 'job-end 1']);
    expect(events.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await collect(one.queue.events('job-1', 4))).toEqual(events.slice(4));
    expect(await one.queue.get('job-1')).toMatchObject({ status: 'completed', attempt: 1, losses: 0 });
    expect(Buffer.from((await other.media.read({ ...medium('a green apple'), size: 13 })).bytes).toString()).toBe('a green apple');
    expect(await other.media.find('ann', source.id)).toMatchObject({ origin: 'input' });
    await other.queue.remove('job-1');
    expect(await one.media.size()).toBe(0);
  });

  test('what is unsound is refused by a worker and leaves nothing', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url);
    const { queue, media } = await openServer(url);
    engine.checkFault = () => new AnymodalError('bad_option', 'image.steps: got -1', { field: 'steps' });
    await expect(queue.submit(newJob('job-1', { of: { mask: medium('mask') } }))).rejects.toMatchObject({ code: 'bad_option', field: 'steps' });
    expect(await queue.get('job-1')).toBeNull();
    expect(await media.size()).toBe(0);
    await expect(queue.submit(newJob('job-2', { model: 'none' }))).rejects.toMatchObject({ code: 'unknown_model' });
    expect(await queue.embed('fake', { id: 'e', inputs: [{ type: 'text', text: 'a' }, { type: 'media', media: medium('b') }] })).toEqual({ embeddings: [[0, 1], [1, 1]], warnings: [] });
    expect(await media.size()).toBe(0);
  });

  test('a full queue refuses, one owner has a limit, and owners have turns', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url, { slots: { short: 1, long: 1 } });
    const one = await openServer(url, { capacity: 4, perOwner: 4 });
    const other = await openServer(url, { capacity: 4, perOwner: 4 });
    await one.queue.submit(newJob('runs', { owner: 'cat' }));
    await expect.poll(() => engine.ids, waiting).toEqual(['runs']);
    for (const id of ['a1', 'a2', 'a3']) await one.queue.submit(newJob(id));
    await other.queue.submit(newJob('b1', { owner: 'bob' }));
    expect(await Promise.all(['runs', 'a1', 'b1', 'a2', 'a3'].map(async (id) => other.queue.position(id)))).toEqual([null, 0, 1, 2, 3]);
    await expect(other.queue.submit(newJob('c1', { owner: 'cat' }))).rejects.toMatchObject({ code: 'queue_full', retryAfterMs: 5000 });
    for (const id of ['runs', 'a1', 'b1', 'a2', 'a3']) {
      await expect.poll(() => engine.ids.at(-1), waiting).toBe(id);
      engine.job(id).end();
      await ended(one, id);
    }
    for (let index = 0; index < 4; index += 1) await one.queue.submit(newJob(`d${index}`, { owner: 'dan' }));
    await expect(one.queue.submit(newJob('d4', { owner: 'dan' }))).rejects.toMatchObject({ code: 'queue_full' });
    for (let index = 0; index < 4; index += 1) await one.queue.cancel(`d${index}`, 'enough');
  });

  test('cancel, while it waits and while it runs, from another server', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url, { slots: { short: 1, long: 1 } });
    const [one, other] = [await openServer(url), await openServer(url)];
    await one.queue.submit(newJob('runs', { of: { mask: medium('mask') } }));
    await one.queue.submit(newJob('waits'));
    await expect.poll(() => engine.ids, waiting).toEqual(['runs']);
    await other.queue.cancel('waits', 'not this');
    await other.queue.cancel('runs', 'enough');
    expect(await one.queue.get('waits')).toMatchObject({ status: 'cancelled', error: { message: 'not this' } });
    expect(await one.queue.get('runs')).toMatchObject({ status: 'cancelled', error: { message: 'enough' } });
    expect(engine.job('runs').signal.aborted).toBe(true);
    expect(engine.ids).toEqual(['runs']);
    await other.queue.cancel('runs', 'again');
    await expect(other.queue.cancel('none', 'no')).rejects.toMatchObject({ code: 'not_found' });
    await expect.poll(async () => one.media.jobs(), waiting).toEqual([{ id: 'runs', holds: false }]);
  });

  test('a worker that is drained ends its job, or gives it to another, which begins it anew', async () => {
    const url = await redisUrl();
    const first = await openWorker(url);
    const server = await openServer(url);
    await server.queue.submit(newJob('ends'));
    await server.queue.submit(newJob('moves', { owner: 'bob' }));
    await expect.poll(() => first.engine.ids.toSorted(), waiting).toEqual(['ends', 'moves']);
    first.engine.job('moves').say(start, made('half'));
    await expect.poll(async () => (await server.queue.logged('moves', 0)).length, waiting).toBe(4);
    const second = await openWorker(url);
    const drained = first.worker.drain(500);
    first.engine.job('ends').end();
    await drained;
    expect((await ended(server, 'ends')).status).toBe('completed');
    await expect.poll(() => second.engine.ids, waiting).toEqual(['moves']);
    second.engine.job('moves').say(start, made('whole'));
    second.engine.job('moves').end();
    expect(await ended(server, 'moves')).toMatchObject({ status: 'completed', attempt: 2, losses: 0 });
    expect(kinds(await server.queue.logged('moves', 0))).toEqual(['job-queued 1', 'job-start 1', 'media-start 1', 'media-end 1', 'job-queued 2', 'job-start 2', 'media-start 2', 'media-end 2', 'job-end 2']);
    expect((await server.media.list({ owner: 'bob' }, { limit: 9 })).map(({ id }) => id)).toEqual([medium('whole').id]);
    await expect.poll(() => server.engines.isServed('fake'), waiting).toBe(true);
    await second.worker.drain(0);
    await expect.poll(() => server.engines.isServed('fake'), waiting).toBe(false);
    expect(server.engines.models().map(({ id }) => id)).toEqual(['fake']);
  });

  test('the jobs of a worker that is gone are run by another, and end once', async () => {
    const url = await redisUrl();
    const first = await openWorker(url);
    const server = await openServer(url);
    await server.queue.submit(newJob('job-1'));
    await expect.poll(() => first.engine.ids, waiting).toEqual(['job-1']);
    await first.kill();
    const second = await openWorker(url);
    await expect.poll(() => second.engine.ids, waiting).toEqual(['job-1']);
    second.engine.job('job-1').end();
    expect(await ended(server, 'job-1')).toMatchObject({ status: 'completed', attempt: 2 });
    expect((await server.queue.logged('job-1', 0)).filter(isTerminal)).toHaveLength(1);
  });

  test('an engine that is lost is forgiven once, as on one machine', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url);
    const server = await openServer(url);
    await server.queue.submit(newJob('job-1'));
    for (let loss = 0; loss < 2; loss += 1) {
      await expect.poll(() => engine.ids, waiting).toEqual(['job-1']);
      engine.crash();
    }
    expect(await ended(server, 'job-1')).toMatchObject({ status: 'failed', attempt: 2, losses: 2, error: { code: 'engine_crashed' } });
  });

  test('a job that waits past its deadline, and one whose server is gone, are ended by whoever is left', async () => {
    const url = await redisUrl();
    const { engine } = await openWorker(url, { slots: { short: 1, long: 1 } });
    const [one, other] = [await openServer(url), await openServer(url)];
    await one.queue.submit(newJob('runs', { detached: false }));
    await expect.poll(() => engine.ids, waiting).toEqual(['runs']);
    await other.queue.submit(newJob('late', { deadlineMs: 1000 }));
    expect(await ended(other, 'late')).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
    await one.kill();
    expect(await ended(other, 'runs')).toMatchObject({ status: 'cancelled', error: { message: 'the server of its client has ended' } });
    expect(engine.ids).toEqual(['runs']);
  });

  test('a model is loaded by one worker, and by a second when the first has no room', async () => {
    const url = await redisUrl();
    const engines = [new FakeEngine(), new FakeEngine()];
    const pools = engines.map((engine) => poolOf({ fake: new FakeEngine(), rare: engine }, ['fake']));
    for (const pool of pools) await openWorker(url, { engines: pool, slots: { short: 1, long: 1 }, patienceMs: 500 });
    const server = await openServer(url);
    await server.queue.submit(newJob('first', { model: 'rare' }));
    await expect.poll(() => engines.flatMap((engine) => engine.ids), waiting).toEqual(['first']);
    expect(pools.flatMap(({ loads }) => loads)).toEqual(['rare']);
    for (const id of ['second', 'third']) await server.queue.submit(newJob(id, { model: 'rare' }));
    await expect.poll(() => engines.map((engine) => engine.ids.length), waiting).toEqual([1, 1]);
    for (const engine of engines) {
      engine.auto = (job) => job.end();
      for (const job of engine.jobs) job.end();
    }
    for (const id of ['first', 'second', 'third']) expect((await ended(server, id)).status).toBe('completed');
    expect(pools.flatMap(({ loads }) => loads)).toEqual(['rare', 'rare']);
  });
});
