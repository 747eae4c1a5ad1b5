// Open WebUI as it speaks to a server of OpenAI's kind: models, a streamed chat that keeps words and loses pictures, tasks
// of its own between the turns, and its engine for images. Requests have its fields; it is not run.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, sent, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let base = '';
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  base = `${await server.listen()}/v1`;
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

interface Delta {
  readonly content?: string;
  readonly images?: readonly { readonly type: string; readonly image_url: { readonly url: string } }[];
}
interface Chunk {
  readonly choices: readonly { readonly delta: Delta; readonly finish_reason: string | null }[];
  readonly usage?: { readonly total_tokens: number } | null;
  readonly error?: unknown;
}

async function post(path: string, body: object, chat: string | null = null): Promise<Response> {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer none', ...(chat !== null && { 'x-openwebui-user-id': 'someone', 'x-openwebui-chat-id': chat }) };
  return fetch(`${base}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** One turn, read line by line as it does; a picture goes to its files, and only the words into its history. */
async function turn(chat: string, messages: readonly object[], seed: number): Promise<{ readonly words: string; readonly pictures: readonly string[]; readonly chunks: readonly Chunk[] }> {
  const response = await post('chat/completions', { model: 'tiny', messages, stream: true, stream_options: { include_usage: true }, temperature: 0.8, seed, modalities: ['text', 'image'], options: { image: { steps: 1 }, text: { maxTokens: 6 } } }, chat);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/event-stream/)]);
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
  expect(lines.at(-1)).toBe('[DONE]');
  const chunks: Chunk[] = lines.slice(0, -1).map((line): Chunk => JSON.parse(line));
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  return { words: deltas.map(({ content }) => content ?? '').join(''), pictures: deltas.flatMap(({ images }) => images ?? []).map(({ image_url }) => image_url.url), chunks };
}

const user = (content: unknown): object => ({ role: 'user', content });
const assistant = (content: string): object => ({ role: 'assistant', content });

/** Ids of the media of every message of the newest chat. */
async function told(): Promise<unknown> {
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  return job?.request.messages.map(({ role, parts }) => [role, parts.filter(({ type }) => type === 'media').length]);
}

test('it finds the models', async () => {
  const { object, data } = await sent(fetch(`${base}/models`, { headers: { authorization: 'Bearer none' } }));
  expect([object, data.map(({ id }) => id)]).toEqual(['list', ['tiny']]);
});

test('a chat with its tasks in between: pictures come in deltas and are there again in the next turn', async () => {
  const ask = 'draw a red apple';
  const first = await turn('chat-1', [user(ask)], 1);
  expect(first.pictures).toEqual([expect.stringMatching(/^data:image\/png;base64,/)]);
  expect(first.chunks.every(({ error }) => error === undefined)).toBe(true);
  expect(first.chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
  // A title, under the chat's own id.
  const title = await post('chat/completions', { model: 'tiny', messages: [user(`### Task:\nGenerate a concise title.\n<chat_history>\nUSER: ${ask}\nASSISTANT: ${first.words}\n</chat_history>`)], stream: false, max_completion_tokens: 5, modalities: ['text'] }, 'chat-1');
  expect(title.status).toBe(200);
  // Another chat with the same words.
  await turn('chat-2', [user(ask)], 1);
  const second = await turn('chat-1', [{ role: 'system', content: 'Today is Monday.' }, user(ask), assistant(first.words), user('make it blue')], 2);
  expect(await told()).toEqual([['system', 0], ['user', 0], ['assistant', 1], ['user', 0]]);
  // An attached picture comes as a part, and again with every later turn.
  const attached = user([{ type: 'text', text: 'what is this?' }, { type: 'image_url', image_url: { url: first.pictures[0] } }]);
  const third = await turn('chat-1', [user(ask), assistant(first.words), user('make it blue'), assistant(second.words), attached], 3);
  await turn('chat-1', [user(ask), assistant(first.words), user('make it blue'), assistant(second.words), attached, assistant(third.words), user('thank you')], 4);
  expect(await told()).toEqual([['user', 0], ['assistant', 1], ['user', 0], ['assistant', 1], ['user', 1], ['assistant', third.pictures.length], ['user', 0]]);
});

test('a chat that says nothing of outputs is answered', async () => {
  const response = await post('chat/completions', { model: 'tiny', messages: [user('hello')], stream: true, max_tokens: 5 }, 'chat-3');
  const text = await response.text();
  expect(text.trimEnd()).toMatch(/data: \[DONE\]$/);
  expect(text).not.toContain('"error"');
});

test('its engine for images draws and edits', async () => {
  const drawn = await sent(post('images/generations', { model: 'tiny', prompt: 'a red apple', n: 2, size: '512x512', response_format: 'b64_json' }));
  expect(drawn.data.map(({ b64_json }) => Buffer.from(b64_json, 'base64').toString('latin1', 1, 4))).toEqual(['PNG', 'PNG']);
  const form = new FormData();
  for (const [name, value] of Object.entries({ model: 'tiny', prompt: 'make it green', n: '1', size: '512x512', response_format: 'b64_json' })) form.append(name, value);
  const pictures = drawn.data.map(({ b64_json }, index) => new File([Buffer.from(b64_json, 'base64')], `${index}.png`, { type: 'image/png' }));
  for (const picture of pictures) form.append('image[]', picture);
  const edited = await fetch(`${base}/images/edits`, { method: 'POST', headers: { authorization: 'Bearer none' }, body: form });
  expect([edited.status, (await sent(edited)).data.length]).toEqual([200, 1]);
});
