// What every job log does, whatever keeps it: jobs as they were accepted, events without gaps, one end that nothing follows.
// Knows no implementation.

import { expect, test } from 'vitest';
import type { JobLog, JobRecord } from '../../src/queue/contracts.ts';
import { storedRequest } from '../../src/queue/stored.ts';
import { requestOf } from '../queue/fakes.ts';

const end = { type: 'job-end', usage: { inputTokens: 1, outputTokens: 2 } } as const;
const text = (words: string) => ({ type: 'text-delta', text: words, variant: 0, part: 0 }) as const;

function jobOf(id: string, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id, owner: 'ann', model: 'fake', kind: 'job', weight: 2.5, status: 'queued', attempt: 0, losses: 0, createdAt: 1_800_000_000_000, startedAt: null, endedAt: null, deadlineAt: 1_900_000_000_000,
    detached: true, conversation: null, request: storedRequest(requestOf(id)), view: { size: '1x1', list: [] }, error: null, ...changes,
  };
}

/** `open` makes an empty log, which is closed after the test. */
export function testJobLog(open: () => Promise<JobLog>): void {
  test('a job is as it was accepted, with its first event', async () => {
    const log = await open();
    const job = jobOf('job-1', { request: storedRequest(requestOf('job-1', { messages: [{ role: 'user', parts: [{ type: 'text', text: 'größe "quoted" \n {} []' }] }], options: { image: {} } })) });
    expect(await log.add(job, 3)).toMatchObject(job);
    expect(await log.get('job-1')).toMatchObject(job);
    expect(await log.get('none')).toBeNull();
    expect(await log.events('job-1', 0)).toEqual([{ type: 'job-queued', position: 3, job: 'job-1', attempt: 1, id: 1, at: expect.any(Number) }]);
    expect(await log.events('none', 0)).toEqual([]);
    await expect(log.add(job, 0)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('the same idempotency key is the same job, another request under it a conflict; keys of owners are apart', async () => {
    const log = await open();
    const key = { key: 'k 1', digest: 'one two' };
    await log.add(jobOf('a'), 0, key);
    expect((await log.add(jobOf('b'), 0, key)).id).toBe('a');
    expect(await log.get('b')).toBeNull();
    expect((await log.byKey('ann', key))?.id).toBe('a');
    expect(await log.byKey('bob', key)).toBeNull();
    await expect(log.add(jobOf('c'), 0, { ...key, digest: 'two' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(log.byKey('ann', { ...key, digest: 'two' })).rejects.toMatchObject({ code: 'conflict' });
    expect((await log.add(jobOf('d', { owner: 'bob' }), 0, key)).id).toBe('d');
  });

  test('events are counted without gaps and read from any on', async () => {
    const log = await open();
    await log.add(jobOf('job-1'), 0);
    const logged = [...(await log.append('job-1', 1, [text('a'), text('b')])), ...(await log.append('job-1', 2, [text('c')]))];
    expect(logged.map(({ id, attempt }) => [id, attempt])).toEqual([[2, 1], [3, 1], [4, 2]]);
    expect((await log.events('job-1', 1)).map((event) => ({ ...event }))).toEqual(logged);
    expect((await log.events('job-1', 1, 2)).map(({ id }) => id)).toEqual([2, 3]);
    expect(await log.events('job-1', 4)).toEqual([]);
    await log.append('job-1', 2, Array.from({ length: 1200 }, (_, index) => text(`${index} `)));
    expect(await log.events('job-1', 0)).toHaveLength(1000);
    expect((await log.events('job-1', 1000)).at(-1)?.id).toBe(1204);
  });

  test.each([
    [end, 'completed', null],
    [{ type: 'job-abort', reason: 'enough' } as const, 'cancelled', { code: 'aborted', message: 'enough' }],
    [{ type: 'job-error', code: 'timeout', message: 'late' } as const, 'failed', { code: 'timeout', message: 'late' }],
  ])('%j ends a job as %s', async (event, status, error) => {
    const log = await open();
    await log.add(jobOf('job-1'), 0);
    const [last] = (await log.append('job-1', 1, [text('a'), event])).toReversed();
    expect(await log.get('job-1')).toMatchObject({ status, error, endedAt: last?.at });
  });

  test('events are told with the times at which they came', async () => {
    const log = await open();
    await log.add(jobOf('job-1'), 0);
    const logged = await log.append('job-1', 1, [text('a'), text('b')], [1000, 2500]);
    expect(logged.map(({ at }) => at)).toEqual([1000, 2500]);
    expect(await log.events('job-1', 1)).toEqual(logged);
  });

  test('a job has one end, whoever writes it, and nothing follows', async () => {
    const log = await open();
    await log.add(jobOf('job-1'), 0);
    const results = await Promise.allSettled([log.append('job-1', 1, [end]), log.append('job-1', 1, [{ type: 'job-abort', reason: 'late' }]), log.append('job-1', 1, [text('late')])]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await expect(log.append('job-1', 1, [end])).rejects.toMatchObject({ code: 'conflict' });
    await expect(log.append('none', 1, [end])).rejects.toMatchObject({ code: 'not_found' });
    await log.update('job-1', { status: 'running', attempt: 9 });
    expect(await log.get('job-1')).toMatchObject({ status: 'completed', attempt: 0 });
    expect(await log.events('job-1', 0)).toHaveLength(2);
  });

  test('changes of a job that has not ended', async () => {
    const log = await open();
    await log.add(jobOf('job-1'), 0);
    await log.update('job-1', { status: 'running', startedAt: 5, attempt: 2, losses: 1 });
    expect(await log.get('job-1')).toMatchObject({ status: 'running', startedAt: 5, attempt: 2, losses: 1 });
    await log.update('job-1', { status: 'queued', startedAt: null });
    expect(await log.get('job-1')).toMatchObject({ status: 'queued', startedAt: null, attempt: 2 });
    await log.update('none', { attempt: 1 });
    expect(await log.get('none')).toBeNull();
  });

  test('lists go by owner, kind, status and conversation, a page at a time', async () => {
    const log = await open();
    for (let index = 0; index < 7; index += 1) await log.add(jobOf(`job-${index}`, { kind: index % 2 === 0 ? 'image' : 'chat', conversation: index < 3 ? 'c' : null }), 0);
    await log.add(jobOf('hers', { owner: 'bob' }), 0);
    await log.append('job-2', 1, [end]);
    const ids = async (filter: object, page: Parameters<JobLog['list']>[1] = { limit: 99 }) => (await log.list({ owner: 'ann', ...filter }, page)).map(({ id }) => id);
    expect(await ids({})).toEqual(['job-6', 'job-5', 'job-4', 'job-3', 'job-2', 'job-1', 'job-0']);
    expect(await ids({ kind: 'chat' })).toEqual(['job-5', 'job-3', 'job-1']);
    expect(await ids({ status: 'completed' })).toEqual(['job-2']);
    expect(await ids({ conversation: 'c' })).toEqual(['job-2', 'job-1', 'job-0']);
    expect(await ids({}, { limit: 2, after: 'job-5' })).toEqual(['job-4', 'job-3']);
    expect(await ids({}, { limit: 2, after: 'job-5', order: 'asc' })).toEqual(['job-6']);
    expect(await ids({ kind: 'image' }, { limit: 2, order: 'asc' })).toEqual(['job-0', 'job-2']);
    expect(await ids({}, { limit: 2, after: 'gone' })).toEqual([]);
  });

  test('what has not ended, in order; what ended, the oldest first; what is removed is gone with its key', async () => {
    const log = await open();
    const key = { key: 'k', digest: 'd' };
    for (const id of ['a', 'b', 'c', 'd']) await log.add(jobOf(id, { conversation: id === 'c' ? 'talk' : null }), 0, id === 'b' ? key : undefined);
    await log.update('a', { status: 'running' });
    expect(await log.remove('b')).toBe(false);
    await log.append('b', 1, [end]);
    const [event] = await log.append('c', 1, [end]);
    expect((await log.unfinished()).map(({ id }) => id)).toEqual(['a', 'd']);
    const after = (event?.at ?? 0) + 1;
    expect((await log.endedBefore(after, 9)).map(({ id }) => id)).toEqual(['b', 'c']);
    expect((await log.endedBefore(Infinity, 9, { conversations: false })).map(({ id }) => id)).toEqual(['b']);
    expect(await log.endedBefore(after, 1)).toHaveLength(1);
    expect(await log.ended()).toBe(2);
    expect(await log.endedBefore(1, 9)).toEqual([]);
    expect(await log.remove('b')).toBe(true);
    expect(await log.remove('b')).toBe(false);
    expect(await log.get('b')).toBeNull();
    expect(await log.events('b', 0)).toEqual([]);
    expect(await log.byKey('ann', key)).toBeNull();
    expect((await log.endedBefore(Infinity, 9)).map(({ id }) => id)).toEqual(['c']);
  });
}
