import { expect, onTestFinished, test } from 'vitest';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { createRetention, type RetentionOptions } from '../../src/queue/retention.ts';
import { enginesOf, FakeClock, FakeEngine, medium, newJob, settled, temporaryFolder, until } from './fakes.ts';

const DAY_MS = 86_400_000;

async function open(limits: Pick<RetentionOptions, 'days' | 'most' | 'budgetBytes'>) {
  const clock = new FakeClock();
  const engine = new FakeEngine();
  const folder = await openDataFolder(await temporaryFolder(), { clock });
  const { jobs, media } = folder;
  const queue = await createQueue({ log: jobs, media, engines: enginesOf(engine), clock });
  const retention = createRetention({ jobs, media, clock, ...limits });
  onTestFinished(async () => {
    await retention.close();
    await queue.close();
    await folder.close();
  });
  /** A job that makes 1,000 bytes. */
  const make = async (id: string, conversation: string | null = null): Promise<string> => {
    await queue.submit(newJob(id, { conversation }));
    await until(() => engine.ids.includes(id));
    const made = medium(id.padEnd(1000, '.'));
    engine.job(id).say({ type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: made });
    engine.job(id).end();
    await until(async () => (await queue.get(id))?.status === 'completed');
    await clock.advance(20_000);
    return made.id;
  };
  const upload = async (content: string) => media.put(medium(content.padEnd(1000, '.')), { owner: 'ann', origin: 'upload', job: null, title: null });
  const left = async (): Promise<string[]> => (await media.list({ owner: 'ann' }, { limit: 99, order: 'asc' })).map(({ title, job }) => job ?? title ?? 'upload');
  return { clock, queue, media, jobs, make, upload, left, engine };
}

test('finished jobs go with their media after so many days; uploads and jobs under way stay', async () => {
  const { clock, make, upload, left, queue, media } = await open({ days: 2, budgetBytes: null });
  await make('old');
  await upload('mine');
  await queue.submit(newJob('runs', { of: { mask: medium('mask') } }));
  await clock.advance(DAY_MS);
  await make('new');
  expect(await left()).toEqual(['old', 'upload', 'runs', 'new']);
  await clock.advance(DAY_MS + 3_600_000);
  await until(async () => (await queue.get('old')) === null);
  expect(await left()).toEqual(['upload', 'runs', 'new']);
  expect((await queue.get('runs'))?.status).toBe('running');
  await clock.advance(5 * DAY_MS);
  await until(async () => (await queue.get('new')) === null);
  expect(await left()).toEqual(['upload', 'runs']);
  expect(await media.size()).toBe(1004);
});

test('within a budget the oldest job goes first, and neither uploads nor conversations do', async () => {
  const { make, upload, left, media } = await open({ days: null, budgetBytes: 4000 });
  await upload('mine');
  const held = await make('talk', 'conversation_1');
  await media.hold('conversation/conversation_1', [held]);
  await make('first');
  await make('second');
  await make('third');
  expect(await left()).toEqual(['upload', 'talk', 'second', 'third']);
  await upload('mine too');
  await upload('and mine');
  expect(await left()).toEqual(['upload', 'talk', 'upload', 'upload']);
  await expect(upload('no room')).rejects.toMatchObject({ code: 'disk_full' });
  expect(await media.size()).toBe(4000);
  // What is there already takes no room.
  await upload('mine');
});

test('of more finished jobs than are kept the oldest go with what they made, looked for every five minutes', async () => {
  const { clock, make, upload, left, queue } = await open({ days: null, most: 2, budgetBytes: null });
  await upload('mine');
  for (const id of ['first', 'second', 'third', 'fourth']) await make(id);
  await queue.submit(newJob('runs'));
  expect(await left()).toEqual(['upload', 'first', 'second', 'third', 'fourth']);
  await clock.advance(300_000);
  await until(async () => (await queue.get('second')) === null);
  expect(await left()).toEqual(['upload', 'third', 'fourth']);
  expect((await queue.get('runs'))?.status).toBe('running');
});

test('a job that finds no room for its medium ends as disk_full', async () => {
  const { upload, queue, engine } = await open({ days: null, budgetBytes: 1000 });
  await upload('mine');
  await queue.submit(newJob('job'));
  await until(() => engine.ids.includes('job'));
  engine.job('job').say({ type: 'media-preview', variant: 0, part: 0, step: 1, media: medium('blur') });
  await settled();
  engine.job('job').say({ type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: medium('made') });
  await until(async () => (await queue.get('job'))?.status === 'failed');
  expect(await queue.get('job')).toMatchObject({ error: { code: 'disk_full' } });
  expect(engine.job('job').signal.aborted).toBe(false);
});

test('what a conversation lets go of is found by retention', async () => {
  const { make, media, jobs, left, clock, queue } = await open({ days: 1, budgetBytes: null });
  const made = await make('talk', 'conversation_1');
  await media.hold('conversation/conversation_1', [made]);
  await clock.advance(2 * DAY_MS);
  await until(async () => (await queue.get('talk')) === null);
  expect(await jobs.list({ owner: 'ann' }, { limit: 9 })).toEqual([]);
  expect(await left()).toEqual(['a drawing for talk']);
  await media.release('conversation/conversation_1');
  await clock.advance(3_600_000);
  await until(async () => (await media.size()) === 0);
});
