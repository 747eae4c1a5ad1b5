// The stock `openai` client against a listening server on the tiny bundle: memory of the pictures that it drops from its histories,
// leaving a loop as cancelling, its own collectors of streams, and every event of a stream in one write.

import { setImmediate } from 'node:timers/promises';
import OpenAI, { NotFoundError } from 'openai';
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { faultsBySchema } from './openai-schemas.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let client: OpenAI;
let base = '';
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  base = await server.listen();
  client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

/** Fields that OpenAI's types do not have, quick settings among them. */
const drawing = { modalities: ['text', 'image'], options: { image: { steps: 1 }, text: { maxTokens: 8 } } };

/** Parameters with fields that their type lacks. */
function paramsOf(params: object): OpenAI.Chat.ChatCompletionCreateParamsNonStreaming {
  return JSON.parse(JSON.stringify({ model: 'tiny', ...drawing, ...params }));
}

interface OwnFields {
  readonly content: string;
  readonly images?: readonly { readonly image_url: { readonly url: string } }[];
  readonly content_parts?: readonly { readonly media_id?: string }[];
}

async function chat(messages: readonly ChatCompletionMessageParam[], more: object = {}): Promise<{ readonly text: string; readonly pictures: readonly string[]; readonly ids: readonly string[] }> {
  const { choices } = await client.chat.completions.create(paramsOf({ messages, ...more }));
  const message: OwnFields = JSON.parse(JSON.stringify(choices[0]?.message));
  const { content, images = [], content_parts: parts = [] } = message;
  return { text: content, pictures: images.map(({ image_url: { url } }) => url), ids: parts.flatMap(({ media_id: id }) => (id === undefined ? [] : [id])) };
}

/** Media that the latest chat was told, by role. */
async function told(): Promise<(readonly [string, readonly string[]])[]> {
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  return (job?.request.messages ?? []).map(({ role, parts }) => [role, parts.flatMap((part) => (part.type === 'media' ? [part.media.id] : []))] as const);
}

const hint = (key: string, seed: number): object => ({ prompt_cache_key: key, seed });
const user = (content: string): ChatCompletionMessageParam => ({ role: 'user', content });
const assistant = (content: string): ChatCompletionMessageParam => ({ role: 'assistant', content });

test('the picture of an answer is there again though the client sends its words alone', async () => {
  const first = await chat([user('draw a red apple')], { seed: 1 });
  expect(first.ids).toHaveLength(1);
  const second = await chat([user('draw a red apple'), assistant(first.text), user('make it blue')], { seed: 1 });
  expect(await told()).toEqual([['user', []], ['assistant', first.ids], ['user', []]]);
  await chat([{ role: 'system', content: 'Today is Monday.' }, user('draw a red apple'), assistant(` ${first.text}\n`), user('make it blue'), assistant(second.text), user('and green')]);
  expect(await told()).toEqual([['system', []], ['user', []], ['assistant', first.ids], ['user', []], ['assistant', second.ids], ['user', []]]);
  // A history that was cut at its beginning.
  await chat([user('make it blue'), assistant(second.text), user('and yellow')]);
  expect(await told()).toEqual([['user', []], ['assistant', second.ids], ['user', []]]);
});

test('a picture without words is there again whether its message is sent empty or left out', async () => {
  const first = await chat([user('only a pear')], { modalities: ['image'] });
  expect(first.text).toBe('');
  await chat([user('only a pear'), assistant(''), user('make it blue')]);
  expect(await told()).toEqual([['user', []], ['assistant', first.ids], ['user', []]]);
  await chat([user('only a pear'), user('make it blue')]);
  expect(await told()).toEqual([['user', []], ['assistant', first.ids], ['user', []]]);
});

test('of two chats with the same words each gets its own picture back, where it says which it is', async () => {
  const one = await chat([user('draw a cube')], hint('one', 1));
  const two = await chat([user('draw a cube')], hint('two', 2));
  const answer = assistant(one.text);
  expect([one.text, one.ids[0] === two.ids[0]]).toEqual([two.text, false]);
  await chat([user('draw a cube'), answer, user('again')], hint('one', 3));
  expect((await told())[1]).toEqual(['assistant', one.ids]);
  await chat([user('draw a cube'), answer, user('again')], hint('two', 3));
  expect((await told())[1]).toEqual(['assistant', two.ids]);
  // Other words are nobody's of ours.
  await chat([user('draw a cube'), assistant('something else'), user('again')]);
  expect((await told())[1]).toEqual(['assistant', []]);
});

test('what a client sends back is known by its content, and wins over what is remembered', async () => {
  const one = await chat([user('draw a ball')], { seed: 1 });
  const two = await chat([user('draw a ball')], { seed: 2 });
  const back = (url: string): ChatCompletionMessageParam => Object.assign(assistant(two.text), { images: [{ type: 'image_url', image_url: { url } }] });
  await chat([user('draw a ball'), back(one.pictures[0]!), user('again')]);
  expect((await told())[1]).toEqual(['assistant', one.ids]);
  const inline = `${two.text}\n\n![picture](${one.pictures[0]!})`;
  await chat([user('draw a ball'), assistant(inline), user('again')]);
  expect((await told())[1]).toEqual(['assistant', one.ids]);
  // In another size it is other bytes, and still ours.
  const small = await chat([user('draw a ball')], { seed: 1, size: '64x64' });
  await chat([{ role: 'user', content: [{ type: 'image_url', image_url: { url: small.pictures[0]! } }, { type: 'text', text: 'what is this?' }] }]);
  expect(await told()).toEqual([['user', one.ids]]);
  const kept = await server.parts.media.list({ owner: 'local', origins: ['upload', 'input'] }, { limit: 50 });
  expect(kept).toEqual([]);
});

test('a sound is named by its id in the next turn', async () => {
  const { choices } = await client.chat.completions.create(paramsOf({ messages: [user('rain')], modalities: ['audio'], options: { audio: { steps: 1, seconds: 0.5 } }, audio: { voice: 'slt', format: 'wav' } }));
  const id = choices[0]?.message.audio?.id ?? '';
  await chat([user('something else'), { role: 'assistant', audio: { id } }, user('louder')], { modalities: ['text'] });
  expect((await told())[1]).toEqual(['assistant', [id.replace('audio_', '')]]);
});

test('leaving a stream cancels its job', async () => {
  const stream = await client.chat.completions.create({ ...paramsOf({ messages: [user('draw')], modalities: ['image'], options: { image: { steps: 1000 } } }), stream: true });
  for await (const chunk of stream) if (chunk.choices.length > 0) break;
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  for await (const event of server.parts.queue.events(job!.id, 0)) if (event.type === 'job-abort') break;
  expect((await server.parts.queue.get(job!.id))?.status).toBe('cancelled');
});

test('giving up on an answer that is no stream cancels its job', async () => {
  const gone = new AbortController();
  const params = { model: 'tiny', input: 'draw', modalities: ['image'], options: { image: { steps: 1000 } } };
  const waiting = client.responses.create(params, { signal: gone.signal });
  waiting.catch(() => undefined);
  const running = async (): Promise<string> => {
    for (;;) {
      const [job] = await server.parts.queue.list({ owner: 'local', kind: 'response' }, { limit: 1 });
      if (job?.status === 'running') return job.id;
      await setImmediate();
    }
  };
  const id = await running();
  gone.abort();
  await expect(waiting).rejects.toThrow();
  for await (const event of server.parts.queue.events(id, 0)) if (event.type === 'job-abort') break;
  expect((await server.parts.queue.get(id))?.status).toBe('cancelled');
});

test('the client\'s own collectors put streams together', async () => {
  const stream = client.responses.stream(Object.assign({ model: 'tiny', input: 'draw a red apple' }, drawing));
  const whole = await stream.finalResponse();
  expect(whole.output.map(({ type }) => type)).toContain('image_generation_call');
  expect(whole.output_text).toBe(whole.output.flatMap((item) => (item.type === 'message' ? item.content.map((part) => (part.type === 'output_text' ? part.text : '')) : [])).join(''));
  const chatted = client.chat.completions.stream({ model: 'tiny', messages: [user('hello')], modalities: ['text'] });
  expect(typeof (await chatted.finalContent())).toBe('string');
});

test('every event of a stream is one write', async () => {
  for (const [path, body] of [['chat/completions', { messages: [user('draw a red apple')] }], ['responses', { input: 'draw a red apple' }]] as const) {
    const response = await server.app.request(`/v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'tiny', stream: true, ...drawing, ...body }) });
    const decoder = new TextDecoder();
    let count = 0;
    for await (const bytes of response.body!) {
      const text = decoder.decode(bytes);
      expect(text.split('\n\n')).toHaveLength(2);
      expect(text).toMatch(/^(?:: ping|(?:event: [\w.]+\n)?data: (?:\{.*\}|\[DONE\]))\n\n$/);
      count += 1;
    }
    expect(count).toBeGreaterThan(3);
  }
});

test('a model that is not there is the client\'s own class of error', async () => {
  await expect(client.chat.completions.create({ model: 'gpt-4o', messages: [user('hello')] })).rejects.toMatchObject({ status: 404, code: 'unknown_model', param: 'model' });
  await expect(client.responses.create({ model: 'tiny', input: 'x', previous_response_id: 'resp_none' })).rejects.toBeInstanceOf(NotFoundError);
});

test('conversations and their items', async () => {
  const conversation = await client.conversations.create({ metadata: { a: '1' }, items: [{ type: 'message', role: 'user', content: 'hello' }] });
  expect([conversation.object, conversation.metadata]).toEqual(['conversation', { a: '1' }]);
  expect((await client.conversations.create()).id).toMatch(/^conv_/);
  expect((await client.conversations.update(conversation.id, { metadata: { b: '2' } })).metadata).toEqual({ b: '2' });
  await client.responses.create(Object.assign({ model: 'tiny', input: 'draw a red apple', conversation: conversation.id }, drawing));
  const items = await client.conversations.items.list(conversation.id, { order: 'asc' });
  const list: object = JSON.parse(JSON.stringify({ object: 'list', data: items.data, has_more: items.has_more, first_id: items.data[0]?.id, last_id: items.last_id }));
  expect(faultsBySchema('ConversationItemList', list)).toEqual([]);
  expect(items.data.map(({ type }) => type)).toEqual(expect.arrayContaining(['message', 'image_generation_call']));
  const picture = items.data.find((item) => item.type === 'image_generation_call');
  expect(picture?.result).toMatch(/^iVBOR/);
  // Its address is signed anew.
  expect(await client.conversations.items.retrieve(picture?.id ?? '', { conversation_id: conversation.id })).toEqual({ ...picture, media_url: expect.any(String) });
  const added = await client.conversations.items.create(conversation.id, { items: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and this' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${picture?.result ?? ''}` }] }] });
  expect(added.data).toMatchObject([{ role: 'user', content: [{ type: 'input_text' }, { type: 'input_image' }] }]);
  await client.conversations.items.delete(added.data[0]?.id ?? '', { conversation_id: conversation.id });
  expect((await client.conversations.items.list(conversation.id)).data).toHaveLength(items.data.length);
  expect(await client.conversations.delete(conversation.id)).toMatchObject({ deleted: true });
});
