// Conversations over HTTP on the tiny bundle: turns of chats and jobs, pages and search, a file written and read back, owners apart.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine, { keysRequired: true });
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly media?: { readonly id: string; readonly url: string; readonly data?: string };
}
interface Body {
  readonly id: string;
  readonly title: string | null;
  readonly messages: readonly { readonly role: string; readonly job: string | null; readonly parts: readonly Part[] }[];
  readonly data: readonly Body[];
  readonly hasMore: boolean;
  readonly lastId: string;
  readonly error?: { readonly code: string; readonly param: string | null };
}

async function keyOf(name: string): Promise<string> {
  return (await server.parts.keys.add(name, ['generate', 'read'])).key;
}

async function ask(key: string, method: string, path: string, body?: object): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string; readonly body: Body }> {
  const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
  const response = await server.app.request(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

const quick = { options: { image: { steps: 1 }, text: { maxTokens: 6 } } };

test('a conversation takes turns of chats and jobs, and each reads what was said before', async () => {
  const key = await keyOf('turns');
  const { id } = (await ask(key, 'POST', '/v1/conversations', { title: 'Apples' })).body;
  const drawn = await ask(key, 'POST', '/v1/chat/completions', { conversation: id, messages: [{ role: 'user', content: 'draw a red apple' }], modalities: ['image'], ...quick });
  expect(drawn.status, drawn.text.slice(0, 300)).toBe(200);
  const job = await ask(key, 'POST', '/v1/jobs', { conversation: id, input: [{ type: 'text', text: 'make it blue' }], outputs: ['image'], ...quick });
  expect(job.status).toBe(202);
  const record = await server.parts.queue.get(job.body.id);
  expect(record?.request.messages.map(({ role, parts }) => [role, parts.map(({ type }) => type)])).toEqual([['user', ['text']], ['assistant', ['media']], ['user', ['text']]]);
  for await (const event of server.parts.queue.events(job.body.id, 0)) if (event.type === 'job-end') break;
  const { body } = await ask(key, 'GET', `/v1/conversations/${id}`);
  expect(body.messages.map(({ role, parts, job: by }) => [role, parts.map(({ type }) => type), by === null])).toEqual([
    ['user', ['text'], true],
    ['assistant', ['media'], false],
    ['user', ['text'], true],
    ['assistant', ['media'], false],
  ]);
  // A client that repeats the history says nothing twice.
  const repeated = [{ role: 'user', content: 'draw a red apple' }, { role: 'assistant', content: '' }, { role: 'user', content: 'what is it?' }];
  await ask(key, 'POST', '/v1/chat/completions', { conversation: id, messages: repeated, modalities: ['text'], ...quick });
  expect((await ask(key, 'GET', `/v1/conversations/${id}`)).body.messages.map(({ role }) => role).join(' ')).toBe('user assistant user assistant user assistant');
  const url = body.messages[1]?.parts[0]?.media?.url ?? '';
  const shown = await server.app.request(url);
  expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/png']);
});

test('listed in pages, found by words, renamed, deleted', async () => {
  const key = await keyOf('list');
  const ids: string[] = [];
  for (const title of ['one', 'two', 'three']) ids.push((await ask(key, 'POST', '/v1/conversations', { title })).body.id);
  const first = (await ask(key, 'GET', '/v1/conversations?limit=2')).body;
  const second = (await ask(key, 'GET', `/v1/conversations?limit=2&after=${first.lastId}`)).body;
  expect([first.hasMore, second.hasMore, [...first.data, ...second.data].map(({ id }) => id).toSorted()]).toEqual([true, false, ids.toSorted()]);
  expect((await ask(key, 'PATCH', `/v1/conversations/${ids[1]}`, { title: 'Green pears' })).body.title).toBe('Green pears');
  expect((await ask(key, 'GET', '/v1/conversations?text=PEARS')).body.data.map(({ id }) => id)).toEqual([ids[1]]);
  expect((await ask(key, 'PATCH', `/v1/conversations/${ids[1]}`, { title: '' })).body.error).toMatchObject({ code: 'bad_input', param: 'title' });
  expect((await ask(key, 'DELETE', `/v1/conversations/${ids[0]}`)).body).toMatchObject({ id: ids[0], deleted: true });
  for (const method of ['GET', 'DELETE']) expect((await ask(key, method, `/v1/conversations/${ids[0]}`)).status).toBe(404);
  expect((await ask(key, 'POST', '/v1/conversations')).status).toBe(200);
});

test('what is another key\'s is not there', async () => {
  const [one, two] = [await keyOf('one'), await keyOf('two')];
  const { id } = (await ask(one, 'POST', '/v1/conversations', { title: 'mine' })).body;
  for (const [method, path, body] of [['GET', ''], ['GET', '/export'], ['DELETE', ''], ['PATCH', '', { title: 'theirs' }]] as const) {
    expect((await ask(two, method, `/v1/conversations/${id}${path}`, body)).status).toBe(404);
  }
  expect((await ask(two, 'GET', '/v1/conversations')).body.data).toEqual([]);
  const chat = { messages: [{ role: 'user', content: 'draw a red apple' }], modalities: ['text', 'image'], ...quick };
  expect((await ask(two, 'POST', '/v1/chat/completions', { ...chat, conversation: id })).body.error).toMatchObject({ code: 'not_found', param: 'conversation' });
  const response = (await ask(one, 'POST', '/v1/responses', { input: 'hello', modalities: ['text'], ...quick })).body.id;
  for (const [method, path] of [['GET', ''], ['GET', '/input_items'], ['POST', '/cancel'], ['DELETE', '']] as const) expect((await ask(two, method, `/v1/responses/${response}${path}`)).status).toBe(404);
  expect((await ask(two, 'POST', '/v1/responses', { input: 'x', previous_response_id: response })).status).toBe(404);
  // Nor is it remembered for them.
  const answer: { readonly choices: readonly { readonly message: { readonly content: string } }[] } = JSON.parse((await ask(one, 'POST', '/v1/chat/completions', chat)).text);
  await ask(two, 'POST', '/v1/chat/completions', { ...chat, messages: [...chat.messages, { role: 'assistant', content: answer.choices[0]?.message.content }, { role: 'user', content: 'blue' }] });
  const [owner] = (await server.parts.keys.list()).filter(({ name }) => name === 'two');
  const [job] = await server.parts.queue.list({ owner: owner?.id ?? '', kind: 'chat' }, { limit: 1 });
  expect(job?.request.messages.flatMap(({ parts }) => parts.map(({ type }) => type))).not.toContain('media');
});

test('a file of it has everything, and is read back by somebody else', async () => {
  const [one, two] = [await keyOf('writer'), await keyOf('reader')];
  const { id } = (await ask(one, 'POST', '/v1/conversations', { title: 'Apples' })).body;
  await ask(one, 'POST', '/v1/chat/completions', { conversation: id, messages: [{ role: 'user', content: 'draw a red apple' }], modalities: ['image'], ...quick });
  const file = await ask(one, 'GET', `/v1/conversations/${id}/export`);
  expect(file.headers.get('content-disposition')).toBe(`attachment; filename="${id}.json"`);
  expect(file.body).toMatchObject({ object: 'conversation.export', format: 1, id, title: 'Apples', messages: [{ role: 'user' }, { role: 'assistant' }] });
  const media = file.body.messages[1]?.parts[0]?.media;
  expect(createHash('sha256').update(Buffer.from(media?.data ?? '', 'base64')).digest('hex')).toBe(media?.id);
  const made = await ask(two, 'POST', '/v1/conversations', file.body);
  expect(made.status, made.text.slice(0, 300)).toBe(200);
  const again = (await ask(two, 'GET', `/v1/conversations/${made.body.id}/export`)).body;
  expect(again.title).toBe('Apples');
  expect(again.messages.map(({ role, parts }) => ({ role, parts }))).toEqual(file.body.messages.map(({ role, parts }) => ({ role, parts })));
  // A medium that was deleted is named without its bytes, and passed over when it is read back.
  const bare = { ...file.body, messages: file.body.messages.map((message) => ({ ...message, parts: message.parts.map((part) => (part.media === undefined ? part : { ...part, media: { id: '0'.repeat(64) } })) })) };
  const without = await ask(two, 'POST', '/v1/conversations', bare);
  expect((await ask(two, 'GET', `/v1/conversations/${without.body.id}`)).body.messages[1]?.parts).toEqual([]);
  const damaged = { messages: [{ role: 'user', parts: [{ type: 'media', media: { data: 'AAAA' } }] }] };
  expect((await ask(two, 'POST', '/v1/conversations', damaged)).body.error).toMatchObject({ code: 'bad_media', param: 'messages.0.parts.0.media.data' });
});

test('deleting a conversation ends its jobs and leaves its media', async () => {
  const key = await keyOf('ends');
  const { id } = (await ask(key, 'POST', '/v1/conversations', {})).body;
  const job = await ask(key, 'POST', '/v1/jobs', { conversation: id, input: [{ type: 'text', text: 'draw' }], outputs: ['image'], options: { image: { steps: 1000 } } });
  await ask(key, 'DELETE', `/v1/conversations/${id}`);
  expect((await server.parts.queue.get(job.body.id))?.status).toBe('cancelled');
});
