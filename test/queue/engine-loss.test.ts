import { expect, onTestFinished, test } from 'vitest';
import { startEngine } from '../../src/engine/client.ts';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { createEngines } from '../../src/queue/engines.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { fakeFactories, fakeBundle, writeFakeBundle } from '../engine/fake-bundle.ts';
import { chance, collect, isTerminal, newJob, temporaryFolder } from './fakes.ts';

test('engines that are killed by jobs cost those jobs and no other', async () => {
  const bundle = await writeFakeBundle(fakeBundle());
  const folder = await openDataFolder(await temporaryFolder());
  const engines = createEngines({
    models: [{ id: 'fake', aliases: [], title: '', licence: 'Apache-2.0', inputs: [], outputs: [], weightBytes: 0 }],
    start: async (_, signal) => startEngine({ bundle, device: 'cpu', factoryModules: [fakeFactories] }, signal),
  });
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines });
  onTestFinished(async () => {
    await queue.close();
    await engines.close();
    await folder.close();
  });

  const random = chance(6);
  const jobs = Array.from({ length: 20 }, (_, index) => ({ id: `job ${index}`, isDeadly: index % 5 === 2, steps: 1 + Math.floor(random() * 30) }));
  await Promise.all(jobs.map(async ({ id, isDeadly, steps }) => queue.submit(newJob(id, {
    owner: `owner ${Math.floor(random() * 3)}`, detached: random() < 0.5,
    of: { outputs: ['image'], route: 'direct', seed: 7, options: { image: { steps, preview: random() < 0.5, accident: isDeadly ? 'crash' : 'none' } }, messages: [{ role: 'user', parts: [{ type: 'text', text: 'the same words' }] }] },
  }))));

  const made = new Map<number, string>();
  for (const { id, isDeadly, steps } of jobs) {
    const events = await collect(queue.events(id, 0));
    expect(events.filter(isTerminal)).toEqual([events.at(-1)]);
    expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1));
    const record = await queue.get(id);
    if (isDeadly) {
      expect(record).toMatchObject({ status: 'failed', losses: 2, error: { code: 'engine_crashed' } });
      continue;
    }
    expect([id, record?.status]).toEqual([id, 'completed']);
    const end = events.findLast((event) => event.type === 'media-end');
    // The same request has the same bytes, however often it began.
    if (end?.type === 'media-end') {
      expect(end.media.id).toBe(made.get(steps) ?? end.media.id);
      made.set(steps, end.media.id);
    }
    expect(end).toMatchObject({ attempt: record?.attempt });
  }
  expect(queue.state()).toMatchObject({ queued: 0, running: 0 });
}, 120_000);
