import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turns } from '../../src/engine/turns.ts';

const never = new AbortController().signal;

test('who waits elsewhere keeps nobody from a turn, and goes on only in a turn of its own', async () => {
  const turns = new Turns();
  const [remote, local] = [turns.join(), turns.join()];
  const answer = Promise.withResolvers<string>();
  const told: string[] = [];
  let inStep = 0;
  const asked = remote.take(never, async () => {
    told.push('asks');
    const got = await remote.away(async () => answer.promise);
    inStep += 1;
    told.push(`${got}, ${inStep} in a step`);
    await setImmediate();
    inStep -= 1;
    return got;
  });
  const step = async (): Promise<void> =>
    local.take(never, async () => {
      inStep += 1;
      told.push('local');
      await setImmediate();
      expect(inStep).toBe(1);
      inStep -= 1;
    });
  await step();
  await step();
  // Another step is under way when the answer comes.
  const third = step();
  answer.resolve('answered');
  expect(await asked).toBe('answered');
  await third;
  await step();
  expect(told).toEqual(['asks', 'local', 'local', 'local', 'answered, 1 in a step', 'local']);
});

test('away twice in one step, and what fails there fails here', async () => {
  const turns = new Turns();
  const [remote, local] = [turns.join(), turns.join()];
  const gate = Promise.withResolvers<void>();
  const failing = remote.take(never, async () => {
    await remote.away(async () => gate.promise);
    await remote.away(async () => {
      throw new Error('lost');
    });
  });
  await local.take(never, async () => gate.resolve());
  await expect(failing).rejects.toThrow('lost');
  expect(await local.take(never, async () => 'goes on')).toBe('goes on');
});

test('several at once, as many as there are', async () => {
  const turns = new Turns();
  let away = 0;
  let most = 0;
  const all = Array.from({ length: 4 }, async () => {
    const seat = turns.join();
    return seat.take(never, async () =>
      seat.away(async () => {
        away += 1;
        most = Math.max(most, away);
        for (let round = 0; round < 20; round += 1) await setImmediate();
        away -= 1;
      }),
    );
  });
  await Promise.all(all);
  expect(most).toBe(4);
});
