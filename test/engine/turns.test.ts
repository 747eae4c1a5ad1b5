import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Turns, type Seat } from '../../src/engine/turns.ts';

/** Steps that take no time but on the clock that they turn, and what was taken in which order. */
function bench(options: { readonly bonusMs?: number; readonly patienceMs?: number; readonly pauseMs?: number } = {}) {
  let now = 0;
  const taken: string[] = [];
  const turns = new Turns({ now: () => now, ...options });
  const never = new AbortController().signal;
  const step = async (seat: Seat, name: string, milliseconds: number, signal = never): Promise<void> =>
    seat.take(signal, async () => {
      await setImmediate();
      now += milliseconds;
      taken.push(name);
    });
  /** Steps of one piece of work, one after the other. */
  const work = async (name: string, milliseconds: number, count: number): Promise<void> => {
    const seat = turns.join();
    for (let index = 0; index < count; index += 1) await step(seat, name, milliseconds);
  };
  return { turns, taken, step, work, never };
}

const countOf = (taken: readonly string[], name: string): number => taken.filter((each) => each === name).length;

test('equals alternate', async () => {
  const { work, taken } = bench();
  await Promise.all([work('a', 10, 4), work('b', 10, 4)]);
  expect(taken.join('')).toBe('abababab');
});

test('time is shared, not steps', async () => {
  const { work, taken } = bench({ bonusMs: 0, patienceMs: Infinity });
  await Promise.all([work('long', 100, 20), work('short', 10, 100)]);
  const until = taken.slice(0, taken.lastIndexOf('short') + 1);
  expect(countOf(until, 'long')).toBeGreaterThanOrEqual(9);
  expect(countOf(until, 'long')).toBeLessThanOrEqual(11);
});

describe('beside a video whose steps take 2 s', () => {
  test.each([
    ['30 ms to the first token', [1, 1, 1, 30]],
    ['a prompt of 900 ms', [1, 1, 450, 450]],
    ['a prompt of 2.5 s', [1, 1, 2500, 30]],
  ])('a chat turn with %s begins within two of them', async (_, costs) => {
    const { turns, step, work, taken, never } = bench();
    const video = work('video', 2000, 12);
    while (countOf(taken, 'video') < 4) await setImmediate();
    // It comes during a step, is checked, and comes back from its queue during the next one.
    const before = countOf(taken, 'video');
    await step(turns.join(), 'check', 5);
    while (countOf(taken, 'video') === before) await setImmediate();
    const seat = turns.join();
    for (const [index, cost] of costs.entries()) await step(seat, `chat ${index}`, cost, never);
    // The step under way when it came back is the second.
    expect(countOf(taken.slice(0, taken.indexOf(`chat ${costs.length - 1}`)), 'video') - before).toBeLessThanOrEqual(2);
    await video;
  });

  test('replies without end do not starve it', async () => {
    const { work, taken } = bench();
    const video = work('video', 2000, 5);
    const over = new AbortController();
    const chats = (async () => {
      // Each is new, has a bonus, and another follows at once.
      for (let index = 0; index < 1000 && !over.signal.aborted; index += 1) await Promise.all([work('chat', 100, 8), work('chat', 100, 8)]);
    })();
    await video;
    over.abort();
    await chats;
    // 3 s of patience for each of its steps: 30 steps of 100 ms.
    expect(countOf(taken.slice(0, taken.lastIndexOf('video')), 'chat')).toBeLessThan(5 * 40);
  });
});

test('beside a job of many quick steps a first token needs two of them at most', async () => {
  const { turns, step, work, taken } = bench();
  const long = work('step', 1, 200);
  while (countOf(taken, 'step') < 50) await setImmediate();
  const before = countOf(taken, 'step');
  const seat = turns.join();
  for (let index = 0; index < 8; index += 1) await step(seat, `chat ${index}`, 1);
  expect(countOf(taken.slice(0, taken.indexOf('chat 7')), 'step') - before).toBeLessThanOrEqual(2);
  await long;
});

test('who pauses has saved up nothing', async () => {
  const { turns, step, work, taken } = bench({ bonusMs: 0, patienceMs: Infinity });
  const idle = turns.join();
  await step(idle, 'idle', 1);
  await work('busy', 10, 100);
  const busy = work('busy', 10, 10);
  taken.length = 0;
  for (let index = 0; index < 5; index += 1) await step(idle, 'idle', 10);
  expect(countOf(taken, 'busy')).toBeGreaterThanOrEqual(4);
  await busy;
});

test('a step that is no longer wanted is not taken, and an error is its own', async () => {
  const { turns, step, taken, never } = bench();
  const cancel = new AbortController();
  const first = step(turns.join(), 'first', 10);
  const second = step(turns.join(), 'second', 10, cancel.signal);
  cancel.abort('no more');
  await expect(second).rejects.toBe('no more');
  await first;
  await expect(turns.join().take(never, async () => {
    throw new Error('broken');
  })).rejects.toThrow('broken');
  await step(turns.join(), 'last', 10);
  expect(taken).toEqual(['first', 'last']);
});

describe('work that is announced', () => {
  test('begins before another step of a long job, which goes on after it', async () => {
    const { turns, step, work, taken } = bench({ bonusMs: 100 });
    const video = work('v', 100, 6);
    while (countOf(taken, 'v') < 3) await setImmediate();
    turns.expect('chat');
    // The step that was under way ends; no other begins.
    for (let round = 0; round < 50; round += 1) await setImmediate();
    const before = countOf(taken, 'v');
    expect(before).toBeLessThanOrEqual(4);
    const seat = turns.join('chat');
    await step(seat, 'c', 10);
    await video;
    expect(taken.indexOf('c')).toBe(before);
    expect(taken).toHaveLength(7);
  });

  test('and does not come holds nothing up for good', async () => {
    const { turns, work, taken } = bench({ bonusMs: 0, pauseMs: 5 });
    turns.expect('lost');
    await work('v', 100, 3);
    expect(taken.join('')).toBe('vvv');
  });

  test('does not hold up what has just begun', async () => {
    const { turns, work, taken } = bench({ pauseMs: 60_000 });
    turns.expect('late');
    await work('c', 10, 3);
    expect(taken.join('')).toBe('ccc');
    turns.join('late');
  });
});

describe('a job that is known to be long', () => {
  test.each([1, 2, 12])('lets short work begin after its step %i, however little it used', async (steps) => {
    const { turns, step, taken } = bench();
    const seat = turns.join(null, true);
    const video = (async () => {
      for (let index = 0; index < 40; index += 1) await step(seat, 'v', 1);
    })();
    while (countOf(taken, 'v') < steps) await setImmediate();
    const before = countOf(taken, 'v');
    const chat = turns.join();
    for (let index = 0; index < 6; index += 1) await step(chat, `c${index}`, 10);
    // The step under way ends.
    expect(countOf(taken.slice(0, taken.indexOf('c5')), 'v') - before).toBeLessThanOrEqual(1);
    await video;
  });

  test('pauses for work that is announced from its first step on', async () => {
    const { turns, step, taken } = bench({ pauseMs: 60_000 });
    const seat = turns.join(null, true);
    const video = (async () => {
      for (let index = 0; index < 3; index += 1) await step(seat, 'v', 1);
    })();
    turns.expect('chat');
    for (let round = 0; round < 50; round += 1) await setImmediate();
    expect(taken).toEqual([]);
    await step(turns.join('chat'), 'c', 1);
    await video;
    expect(taken.join('')).toBe('cvvv');
  });
});
