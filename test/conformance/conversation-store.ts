// What every store of conversations does: order, cursors, search, owners apart, what is remembered and for how long.
// Knows no implementation.

import { beforeEach, expect, test } from 'vitest';
import type { Message } from '../../src/contracts.ts';
import type { Stored } from '../../src/queue/contracts.ts';
import type { ConversationStore } from '../../src/server/contracts.ts';
import type { ConversationOptions } from '../../src/server/conversations/store.ts';

const said = (role: 'user' | 'assistant', text: string): { message: Stored<Message>; job: null; view: null } => ({ message: { role, parts: [{ type: 'text', text }] }, job: null, view: null });

/** `open` makes an empty store with these options, which is closed after the test. */
export function testConversationStore(openWith: (options: Required<ConversationOptions>) => Promise<ConversationStore>): void {
  const clock = { at: 1000 };
  beforeEach(() => {
    clock.at = 1000;
  });
  const open = async (): Promise<ConversationStore> => openWith({ now: () => clock.at, memoryMs: 10_000_000 });

  test('messages keep their order, and media their references', async () => {
    const store = await open();
    const { id } = await store.create('one', 'Apples');
    const media = { id: 'a'.repeat(64), modality: 'image', mediaType: 'image/png', size: 12 };
    await store.append('one', id, [said('user', 'draw'), { message: { role: 'assistant', parts: [{ type: 'text', text: 'Here.' }, { type: 'media', media, made: { output: 'image', references: [] } }] }, job: 'job_1', view: { item: 1 } }]);
    await store.append('one', id, [said('user', 'make it blue')]);
    const kept = await store.messages('one', id);
    expect(kept.map(({ message, job }) => [message.role, message.parts.length, job])).toEqual([['user', 1, null], ['assistant', 2, 'job_1'], ['user', 1, null]]);
    expect(kept[1]?.message.parts[1]).toEqual({ type: 'media', media, made: { output: 'image', references: [] } });
    expect(kept[1]?.view).toEqual({ item: 1 });
    expect(new Set(kept.map((message) => message.id)).size).toBe(3);
  });

  test('an answer is filled in where its place was kept', async () => {
    const store = await open();
    const { id } = await store.create('one', null);
    const [, answer] = await store.append('one', id, [said('user', 'hello'), { message: { role: 'assistant', parts: [] }, job: 'job_1', view: null }]);
    expect(await store.fill('one', id, answer!.id, { role: 'assistant', parts: [{ type: 'text', text: 'Hi.' }] })).toBe(true);
    expect((await store.messages('one', id))[1]?.message.parts).toEqual([{ type: 'text', text: 'Hi.' }]);
    expect(await store.fill('other', id, answer!.id, { role: 'assistant', parts: [] })).toBe(false);
  });

  test('a list is by the latest use, in pages, and found by words in titles and messages', async () => {
    const store = await open();
    const ids: string[] = [];
    for (const title of ['Red apples', 'Blue birds', null]) {
      clock.at += 1;
      ids.push((await store.create('one', title)).id);
    }
    const [apples, birds, untitled] = ids;
    clock.at += 1;
    await store.append('one', apples!, [said('user', 'Draw a GREEN pear, 50% ripe')]);
    const idsOf = async (...args: Parameters<ConversationStore['list']>): Promise<string[]> => (await store.list(...args)).map(({ id }) => id);
    expect(await idsOf('one', { limit: 10 })).toEqual([apples, untitled, birds]);
    expect(await idsOf('one', { limit: 2 })).toEqual([apples, untitled]);
    expect(await idsOf('one', { limit: 2, after: untitled })).toEqual([birds]);
    expect(await idsOf('one', { limit: 10, order: 'asc' })).toEqual([birds, untitled, apples]);
    expect(await idsOf('one', { limit: 10 }, 'green PEAR')).toEqual([apples]);
    expect(await idsOf('one', { limit: 10 }, 'red green')).toEqual([apples]);
    expect(await idsOf('one', { limit: 10 }, 'birds')).toEqual([birds]);
    expect(await idsOf('one', { limit: 10 }, '50%')).toEqual([apples]);
    expect(await idsOf('one', { limit: 10 }, '_%')).toEqual([]);
    await expect(store.list('one', { limit: 10, after: 'conv_nobody' })).rejects.toMatchObject({ code: 'not_found', field: 'after' });
  });

  test('what is another owner\'s is not there', async () => {
    const store = await open();
    const { id } = await store.create('one', 'Mine');
    await store.append('one', id, [said('user', 'secret')]);
    expect(await store.get('two', id)).toBeNull();
    expect(await store.messages('two', id)).toEqual([]);
    expect(await store.list('two', { limit: 10 })).toEqual([]);
    expect(await store.rename('two', id, 'Theirs')).toBeNull();
    expect(await store.remove('two', id)).toBe(false);
    await expect(store.append('two', id, [said('user', 'x')])).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.get('one', id)).toMatchObject({ title: 'Mine' });
  });

  test('renaming, metadata and removing', async () => {
    const store = await open();
    const { id } = await store.create('one', null, { a: '1' });
    expect(await store.get('one', id)).toMatchObject({ metadata: { a: '1' } });
    expect(await store.annotate('one', id, { b: '2' })).toMatchObject({ metadata: { b: '2' } });
    expect(await store.annotate('two', id, {})).toBeNull();
    const [first] = await store.append('one', id, [said('user', 'x'), said('user', 'y')]);
    expect([await store.withdraw('two', id, first!.id), await store.withdraw('one', id, first!.id), await store.withdraw('one', id, first!.id)]).toEqual([false, true, false]);
    expect((await store.messages('one', id)).map(({ message }) => message.parts)).toEqual([[{ type: 'text', text: 'y' }]]);
    expect(await store.rename('one', id, 'Pears')).toMatchObject({ id, title: 'Pears' });
    expect((await store.list('one', { limit: 5 }, 'pears')).length).toBe(1);
    await store.append('one', id, [said('user', 'x')]);
    expect(await store.remove('one', id)).toBe(true);
    expect(await store.get('one', id)).toBeNull();
    expect(await store.messages('one', id)).toEqual([]);
  });

  test('what is remembered is found by its owner, replaced, forgotten, and dropped when it is old', async () => {
    const store = await open();
    await store.remember('one', 'response/1', { a: [1, 'x'] });
    await store.remember('one', 'response/1', { a: [2] });
    expect(await store.recall('one', 'response/1')).toEqual({ a: [2] });
    expect(await store.recall('two', 'response/1')).toBeNull();
    clock.at += 11_000_000;
    await store.remember('one', 'response/2', true);
    expect(await store.recall('one', 'response/1')).toBeNull();
    expect(await store.replace('one', 'response/2', [3])).toBe(true);
    expect(await store.replace('two', 'response/2', [4])).toBe(false);
    expect(await store.recall('one', 'response/2')).toEqual([3]);
    expect(await store.forget('one', 'response/2')).toBe(true);
    expect(await store.replace('one', 'response/2', [5])).toBe(false);
    expect(await store.recall('one', 'response/2')).toBeNull();
    expect(await store.forget('one', 'response/2')).toBe(false);
  });

  test('the answer of one job has one place, however often its turn is kept', async () => {
    const store = await open();
    const { id } = await store.create('one', null);
    const turn = [said('user', 'draw'), { message: { role: 'assistant' as const, parts: [] }, job: 'job_1', view: null }];
    const kept = await Promise.all(Array.from({ length: 5 }, async () => store.append('one', id, turn)));
    expect(kept.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 2]);
    expect((await store.messages('one', id)).map(({ job }) => job)).toEqual([null, 'job_1']);
  });

  test('many hands at one conversation: every message once, in one order', async () => {
    const store = await open();
    const { id } = await store.create('one', null);
    await Promise.all(Array.from({ length: 30 }, async (_, index) => store.append('one', id, [said('user', `question ${index}`), said('assistant', `answer ${index}`)])));
    const words = (await store.messages('one', id)).map(({ message }) => (message.parts[0]?.type === 'text' ? message.parts[0].text : ''));
    expect(words).toHaveLength(60);
    for (let index = 0; index < 60; index += 2) expect(words[index + 1]).toBe(words[index]?.replace('question', 'answer'));
    expect(new Set(words).size).toBe(60);
  });

  test('any text comes back as it went in', async () => {
    const store = await open();
    const { id } = await store.create('one', "it's \"50%\" \\ – ÄΩ 🍎", { 'a"b': "c'd" });
    const text = "zero \0, half \ud83d, '; DROP TABLE conversations; -- \\u0000 \n\t 🍎";
    await store.append('one', id, [said('user', text)]);
    expect(await store.get('one', id)).toMatchObject({ title: "it's \"50%\" \\ – ÄΩ 🍎", metadata: { 'a"b': "c'd" } });
    expect((await store.messages('one', id))[0]?.message.parts).toEqual([{ type: 'text', text }]);
    expect(await store.list('one', { limit: 5 }, "drop TABLE")).toHaveLength(1);
    expect(await store.get('one', 'no\0body')).toBeNull();
    await store.remember('one', "key ' \0", text);
    expect(await store.recall('one', "key ' \0")).toBe(text);
  });
}
