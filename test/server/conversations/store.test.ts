// The stores of conversations: one in SQLite, one in PostgreSQL that is Debian's own, away and back.

import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Database } from '../../../src/queue/database.ts';
import { openPostgresConversations } from '../../../src/server/conversations/postgres-store.ts';
import { createConversationStore } from '../../../src/server/conversations/store.ts';
import { testConversationStore } from '../../conformance/conversation-store.ts';
import { startPostgres, withoutPostgres, type PostgresServer } from './postgres-server.ts';

describe('in SQLite', () => {
  testConversationStore(async (options) => {
    const database = new Database(':memory:');
    onTestFinished(() => database.close());
    return createConversationStore(database, options);
  });
});

test.runIf(withoutPostgres !== null)('the tests of PostgreSQL did not run', ({ skip }) => {
  skip(withoutPostgres ?? '');
});

describe.skipIf(withoutPostgres !== null)('in PostgreSQL', { timeout: 120_000 }, () => {
  let running: Promise<PostgresServer> | null = null;
  const server = async (): Promise<PostgresServer> => (running ??= startPostgres());
  afterAll(async () => (await running)?.stop());

  testConversationStore(async (options) => {
    const store = await openPostgresConversations({ url: await (await server()).database(), ...options });
    onTestFinished(async () => store.close());
    return store;
  });

  test('servers that start together make the tables once, and see what the others keep', async () => {
    const url = await (await server()).database();
    const stores = await Promise.all(Array.from({ length: 4 }, async () => openPostgresConversations({ url })));
    onTestFinished(async () => void (await Promise.all(stores.map(async (store) => store.close()))));
    const { id } = await stores[0]!.create('one', 'Apples');
    for (const store of stores) expect(await store.get('one', id)).toMatchObject({ title: 'Apples' });
  });

  test('a database that is away is waited for, and nothing is kept twice', async () => {
    const postgres = await server();
    const changes: string[] = [];
    const store = await openPostgresConversations({ url: await postgres.database(), patienceMs: 100_000, changed: (state) => changes.push(state) });
    onTestFinished(async () => store.close());
    const { id } = await store.create('one', null);
    const append = async (index: number): Promise<unknown> => store.append('one', id, [{ message: { role: 'user', parts: [{ type: 'text', text: String(index) }] }, job: null, view: null }]);
    const before = Array.from({ length: 20 }, async (_, index) => append(index));
    await postgres.kill();
    const during = Array.from({ length: 5 }, async (_, index) => append(20 + index));
    await postgres.start();
    await Promise.all([...before, ...during]);
    const words = (await store.messages('one', id)).flatMap(({ message: { parts } }) => (parts[0]?.type === 'text' ? [Number(parts[0].text)] : []));
    expect(words.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => index));
    expect(changes.at(-1)).toBe('back');
  });

  test('one that stays away, and one that is not there, say so without the password', async () => {
    const away: unknown = await openPostgresConversations({ url: 'postgres://ann:secret@127.0.0.1:9/none', patienceMs: 200 }).catch((error: unknown) => error);
    expect(away).toMatchObject({ code: 'unavailable', message: expect.stringContaining('PostgreSQL: it does not answer') });
    expect(String(away)).not.toContain('secret');
    const url = new URL(await (await server()).database());
    url.pathname = '/nowhere';
    await expect(openPostgresConversations({ url: url.href })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a database of a newer program is left alone', async () => {
    const postgres = await server();
    const url = await postgres.database();
    await (await openPostgresConversations({ url })).close();
    await postgres.run(url, "UPDATE anymodal_versions SET version = 99 WHERE store = 'conversations'");
    await expect(openPostgresConversations({ url })).rejects.toMatchObject({ code: 'conflict' });
  });
});
