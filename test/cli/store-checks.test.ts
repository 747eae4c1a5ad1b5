// Stores are asked now and then, all at once; one that does not answer is away and is not asked over and over.

import { expect, test } from 'vitest';
import { createStoreChecks } from '../../src/cli/store-checks.ts';

test('each as it is, once for all who ask within a while', async () => {
  let asked = 0;
  const look = createStoreChecks([
    { id: 'Redis', isNeeded: true, check: async () => void (asked += 1) },
    { id: 'conversations', isNeeded: false, check: async () => Promise.reject(new Error('away')) },
  ], 60_000, 60_000);
  const expected = [{ id: 'Redis', state: 'ready', needed: true }, { id: 'conversations', state: 'away', needed: false }];
  expect(await Promise.all([look(), look()])).toEqual([expected, expected]);
  expect([await look(), asked]).toEqual([expected, 1]);
});

test('one that does not answer in time is away until it does, and is asked once meanwhile', async () => {
  const answers = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let asked = 0;
  const look = createStoreChecks([{ id: 'media', isNeeded: true, check: async () => answers[asked++]?.promise }], 1, -1);
  expect((await look())[0]?.state).toBe('away');
  expect((await look())[0]?.state).toBe('away');
  expect(asked).toBe(1);
  answers[0]?.resolve(undefined);
  await new Promise(setImmediate);
  answers[1]?.resolve(undefined);
  const patient = createStoreChecks([{ id: 'media', isNeeded: true, check: async () => undefined }], 60_000, -1);
  expect((await patient())[0]?.state).toBe('ready');
  expect([(await look())[0]?.state, asked]).toEqual(['ready', 2]);
});
