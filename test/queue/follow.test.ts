import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { JobEventBody } from '../../src/contracts.ts';
import { Channel, follow } from '../../src/queue/channel.ts';
import { systemClock } from '../../src/queue/clock.ts';
import type { LoggedEvent, Stored } from '../../src/queue/contracts.ts';
import { openDataFolder, type DataFolder } from '../../src/queue/data-folder.ts';
import { chance, collect, newJob, temporaryFolder } from './fakes.ts';

async function add(folder: DataFolder, id: string): Promise<void> {
  const { request, ...job } = newJob(id);
  await folder.jobs.add({
    ...job, id, conversation: null, view: null, deadlineAt: null, request: { ...request, messages: [], mask: null, mix: null },
    weight: 1, status: 'queued', attempt: 0, losses: 0, createdAt: 0, startedAt: null, endedAt: null, error: null,
  }, 0);
}

const texts = (events: readonly Stored<JobEventBody>[]): string => events.map((event) => (event.type === 'text-delta' ? event.text : event.type === 'media-progress' ? `[${event.step}]` : '')).join('');

async function open(): Promise<DataFolder> {
  const folder = await openDataFolder(await temporaryFolder());
  onTestFinished(async () => folder.close());
  return folder;
}

test('followers that come at any time, from any event on, see each event once and in order', async () => {
  const folder = await open();
  const random = chance(42);
  for (let round = 0; round < 8; round += 1) {
    const id = `job ${round}`;
    await add(folder, id);
    const kept = [1];
    const channel = new Channel({ job: id, log: folder.jobs, clock: systemClock, flushMs: Math.floor(random() * 3), kept: (events) => kept.push(...events.map((event) => event.id)), failed: (error) => { throw error; } });
    const written: Stored<JobEventBody>[] = [];
    const followers: Promise<{ readonly from: number; readonly events: readonly LoggedEvent[] }>[] = [];
    const join = (): void => {
      const from = Math.floor(random() * (kept.length + 3));
      const isSlow = random() < 0.5;
      followers.push((async () => {
        const events: LoggedEvent[] = [];
        for await (const event of follow(channel, folder.jobs, from, undefined)) {
          // Nothing is shown that is not kept.
          expect(await folder.jobs.events(id, event.id - 1, 1)).toEqual([event]);
          events.push(event);
          if (isSlow) await setImmediate();
        }
        return { from, events };
      })());
    };
    const count = 20 + Math.floor(random() * 600);
    for (let index = 0; index < count; index += 1) {
      const event: Stored<JobEventBody> = random() < 0.5 ? { type: 'text-delta', text: `${index} `, variant: 0, part: 0 } : { type: 'media-progress', step: index, steps: count, variant: 0, part: 1 };
      written.push(event);
      channel.write(1 + Math.floor((2 * index) / count), event);
      if (random() < 0.03) join();
      if (random() < 0.05) await setImmediate();
    }
    join();
    await channel.end(2, { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } });
    join();
    const whole = await folder.jobs.events(id, 0, 10_000);
    expect(whole.map((event) => event.id)).toEqual(whole.map((_, index) => index + 1));
    for (const { from, events } of await Promise.all(followers)) expect(events).toEqual(whole.filter((event) => event.id > from));
    // Merged or not, the texts and the steps are those that were written.
    expect(texts(whole)).toBe(texts(written));
    expect(channel.followers).toBe(0);
  }
});

test('a follower that leaves, or whose client is gone, is counted out', async () => {
  const folder = await open();
  await add(folder, 'job');
  const channel = new Channel({ job: 'job', log: folder.jobs, clock: systemClock, flushMs: 0, kept: () => undefined, failed: () => undefined });
  const gone = new AbortController();
  const first = collect(follow(channel, folder.jobs, 0, gone.signal));
  for await (const event of follow(channel, folder.jobs, 0, undefined)) if (event.type === 'job-queued') break;
  await setImmediate();
  expect(channel.followers).toBe(1);
  gone.abort();
  expect((await first).map(({ type }) => type)).toEqual(['job-queued']);
  expect(channel.followers).toBe(0);
  await channel.close();
  expect(await collect(follow(channel, folder.jobs, 1, undefined))).toEqual([]);
});

test('a job has one end, whoever writes it', async () => {
  const { jobs, database } = await (async () => {
    const folder = await open();
    await add(folder, 'job');
    return folder;
  })();
  const end = { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } } as const;
  const results = await Promise.allSettled([jobs.append('job', 1, [end]), jobs.append('job', 1, [{ type: 'job-abort', reason: 'late' }]), jobs.append('job', 1, [{ type: 'job-warning', code: 'late', message: '' }])]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  await expect(jobs.append('job', 1, [end])).rejects.toMatchObject({ code: 'conflict' });
  await expect(jobs.append('none', 1, [end])).rejects.toMatchObject({ code: 'not_found' });
  await jobs.update('job', { status: 'running' });
  expect((await jobs.get('job'))?.status).toBe('completed');
  // The database itself refuses what the program would not ask for.
  const insert = (id: number, terminal: number) => () => database.run("INSERT INTO events (job, id, attempt, at, terminal, body) VALUES ('job', ?, 1, 0, ?, '{}')", id, terminal);
  expect(insert(3, 1)).toThrow();
  expect(insert(3, 0)).toThrow(/has ended/);
});
