// Responses on the tiny bundle: items in their order, events in OpenAI's order and numbered alike whenever they are told, partial images,
// threads, conversations, background, and every object and event as OpenAI's schema says.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { findResponse, settled } from '../../../src/server/responses/records.ts';
import { faultsBySchema } from '../chat/openai-schemas.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

const fast = { model: 'tiny', options: { image: { steps: 1 }, audio: { steps: 1, seconds: 0.5 }, video: { steps: 1, frames: 2 }, text: { maxTokens: 8 } } };

interface Item {
  readonly type: string;
  readonly id: string;
  readonly status: string;
  readonly result?: string | null;
  readonly content?: readonly { readonly text: string }[];
  readonly [key: string]: unknown;
}
interface Body {
  readonly id: string;
  readonly status: string;
  readonly output: readonly Item[];
  readonly warnings: readonly { readonly code: string }[];
  readonly error: { readonly code: string; readonly param: string | null } | null;
  readonly [key: string]: unknown;
}
interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly response?: Body;
  readonly item?: Item;
  readonly [key: string]: unknown;
}

/** Items of our own kinds, which OpenAI's schema does not know. */
const ownKind = /^(?:audio|video)_generation_call$/;

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the shape is checked by what follows
async function jsonOf<T>(response: Response): Promise<T> {
  return JSON.parse(await response.text());
}

async function ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: Body }> {
  const response = await server.app.request(path, { method, ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...fast, ...body }) }) });
  return { status: response.status, body: await jsonOf<Body>(response) };
}

function checkResponse(body: Body): void {
  expect(faultsBySchema('Response', { ...body, output: body.output.filter(({ type }) => !ownKind.test(type)) })).toEqual([]);
  // What the stricter Open Responses asks for beside it.
  const strict = ['completed_at', 'incomplete_details', 'previous_response_id', 'instructions', 'error', 'truncation', 'text', 'reasoning', 'usage', 'max_output_tokens', 'max_tool_calls', 'safety_identifier', 'prompt_cache_key'];
  expect(strict.filter((name) => body[name] === undefined)).toEqual([]);
  expect(body).toMatchObject({ object: 'response', top_p: expect.any(Number), temperature: expect.any(Number), presence_penalty: 0, frequency_penalty: 0, top_logprobs: 0, store: expect.any(Boolean), background: expect.any(Boolean), service_tier: 'default' });
}

async function create(body: object): Promise<Body> {
  const { status, body: made } = await ask('POST', '/v1/responses', body);
  expect(status, JSON.stringify(made).slice(0, 500)).toBe(200);
  checkResponse(made);
  return made;
}

function eventsOf(text: string): Event[] {
  const blocks = text.split('\n\n').filter((block) => block.includes('data: '));
  expect(blocks.at(-1)).toBe('data: [DONE]');
  return blocks.slice(0, -1).map((block) => {
    const event: Event = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '');
    expect(/^event: (.*)$/m.exec(block)?.[1]).toBe(event.type);
    return event;
  });
}

async function follow(path: string, body?: object): Promise<Event[]> {
  const response = await server.app.request(path, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...fast, stream: true, ...body }) });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const events = eventsOf(await response.text());
  for (const event of events) {
    if (event.response !== undefined) checkResponse(event.response);
    const own = /(?:audio|video)_generation_call/.test(event.type) || ownKind.test(event.item?.type ?? '');
    if (!own) expect(faultsBySchema('ResponseStreamEvent', event.response === undefined ? event : { ...event, response: { ...event.response, output: [] } }), event.type).toEqual([]);
  }
  return events;
}

/** Events after the third but those that go with their job, with their numbers. */
const numbered = (events: readonly Event[]): unknown[] => events.filter(({ type, sequence_number: number }) => number > 3 && !type.endsWith('partial_image')).map(({ type, sequence_number: number }) => [type, number]);

/** What the latest job was told, media by id. */
async function said(): Promise<unknown> {
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'response' }, { limit: 1 });
  return job?.request.messages.map(({ role, parts }) => [role, parts.map((part) => (part.type === 'text' ? part.text : part.media.id))]);
}

async function fault(body: object): Promise<Body['error']> {
  return (await ask('POST', '/v1/responses', { input: 'hello', ...body })).body.error;
}

const typesOf = (events: readonly Event[]): string[] => events.map(({ type }) => type.replace('response.', ''));
const without = (events: readonly Event[], ...types: string[]): string[] => typesOf(events).filter((type, i, all) => !types.includes(type) || all[i - 1] !== type);

test('items of other servers\' models say nothing here, whatever else they carry', async () => {
  for (const item of [{ type: 'reasoning', id: 'Ju', role: null }, { type: 'reasoning', role: 'user', content: [null] }, { type: 'mcp_call', output: [null] }, { type: 'computer_call_output', output: [{ type: 'computer_screenshot' }] }]) {
    const response = await server.app.request('/v1/responses', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ input: [item, { role: 'user', content: 'x' }], max_output_tokens: 1, modalities: ['text'] }) });
    expect([item, response.status]).toEqual([item, 200]);
  }
});

test('words and a picture are items in their order', async () => {
  const made = await create({ input: 'draw a red apple', modalities: ['text', 'image'], seed: 7, instructions: 'Be brief.', metadata: { a: 'b' } });
  expect(made).toMatchObject({ status: expect.stringMatching(/^completed$|^incomplete$/), seed: 7, instructions: 'Be brief.', metadata: { a: 'b' }, store: true, error: null });
  expect(made.output.map(({ type }) => type)).toContain('image_generation_call');
  const picture = made.output.find(({ type }) => type === 'image_generation_call');
  expect(picture).toMatchObject({ status: 'completed', action: 'generate', output_format: 'png', size: '128x128' });
  expect(picture?.result).toMatch(/^iVBOR/);
  expect((await ask('GET', `/v1/responses/${made.id}`)).body).toMatchObject({ id: made.id, status: made.status, output: [...made.output].map(({ id, type }) => ({ id, type })) });
});

test('sounds and videos are items of our own', async () => {
  const made = await create({ input: 'rain', modalities: ['audio', 'video'], audio: { format: 'mp3' } });
  expect(made.output.filter(({ type }) => ownKind.test(type)).map(({ type, status, output_format: format }) => [type, status, format])).toEqual(
    expect.arrayContaining([['audio_generation_call', 'completed', 'mp3'], ['video_generation_call', 'completed', 'mp4']]),
  );
});

test('a stream of words has the events of words alone', async () => {
  const events = await follow('/v1/responses', { input: 'hello', modalities: ['text'] });
  expect(without(events, 'output_text.delta')).toEqual([
    'created', 'in_progress', 'output_item.added', 'content_part.added', 'output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done', expect.stringMatching(/^completed$|^incomplete$/),
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  const deltas = events.filter(({ type }) => type === 'response.output_text.delta').map(({ delta }) => delta).join('');
  expect(events.find(({ type }) => type === 'response.output_text.done')?.['text']).toBe(deltas);
  expect(events.at(-1)?.response?.output[0]?.content?.[0]?.text).toBe(deltas);
});

test('a stream with a picture: partial images, then the picture itself, the same as without a stream', async () => {
  const body = { input: 'draw a red apple', modalities: ['image'], seed: 7, options: { ...fast.options, image: { steps: 8 } }, tools: [{ type: 'image_generation', partial_images: 2 }] };
  const events = await follow('/v1/responses', body);
  const own = typesOf(events).filter((type) => type.startsWith('image_generation_call'));
  expect(own).toEqual(['in_progress', 'generating', 'partial_image', 'partial_image', 'completed'].map((type) => `image_generation_call.${type}`));
  const partial = events.filter(({ type }) => type.endsWith('partial_image'));
  expect(partial.map((event) => event['partial_image_index'])).toEqual([0, 1]);
  expect(new Set(partial.map((event) => event['partial_image_b64'])).size).toBe(2);
  const order = typesOf(events);
  expect(order.indexOf('output_item.added')).toBeLessThan(order.indexOf('image_generation_call.in_progress'));
  expect(order.lastIndexOf('output_item.done')).toBeGreaterThan(order.indexOf('image_generation_call.completed'));
  const added = events.find(({ type, item }) => type === 'response.output_item.added' && item?.type === 'image_generation_call');
  expect(added?.item).toMatchObject({ status: 'in_progress', result: null });
  const last = events.at(-1)?.response;
  const picture = last?.output.find(({ type }) => type === 'image_generation_call');
  const whole = await create({ ...body, tools: [] });
  expect(whole.output.find(({ type }) => type === 'image_generation_call')?.result).toBe(picture?.result);
  // Told again, every event has the number that it had; the partial ones go with the job.
  const again = await follow(`/v1/responses/${last?.id}?stream=true&starting_after=3`);
  expect(again[0]?.sequence_number).toBe(4);
  expect(numbered(again)).toEqual(numbered(events));
});

test('a stream with a sound has the standard events of sounds too', async () => {
  const events = await follow('/v1/responses', { input: 'rain', modalities: ['audio'] });
  const types = typesOf(events);
  expect(types).toEqual(expect.arrayContaining(['audio_generation_call.in_progress', 'audio.delta', 'audio.done', 'audio_generation_call.completed']));
  const sound = events.at(-1)?.response?.output.find(({ type }) => type === 'audio_generation_call');
  expect(events.find(({ type }) => type === 'response.audio.delta')?.['delta']).toBe(sound?.result);
});

test('a thread: the picture of before is read again, by previous_response_id, by its item, by its item\'s id', async () => {
  const first = await create({ input: 'draw a red apple', modalities: ['image'] });
  const picture = first.output.find(({ type }) => type === 'image_generation_call');
  const expected = [['user', ['draw a red apple']], ['assistant', expect.arrayContaining([picture?.['media_id']])], ['user', ['make it blue']]];
  const second = await create({ input: 'make it blue', previous_response_id: first.id, modalities: ['image'] });
  expect(second['previous_response_id']).toBe(first.id);
  expect(await said()).toEqual(expected);
  const before = { role: 'user', content: 'draw a red apple' };
  const after = { role: 'user', content: [{ type: 'input_text', text: 'make it blue' }] };
  await create({ input: [before, ...first.output, after], modalities: ['image'] });
  expect(await said()).toEqual(expected);
  await create({ input: [before, { type: 'image_generation_call', id: picture?.id }, after], modalities: ['image'] });
  expect(await said()).toEqual(expected);
  await create({ input: [before, { type: 'item_reference', id: picture?.id }, after], modalities: ['image'] });
  expect(await said()).toEqual(expected);
  const third = await create({ input: [before, { type: 'image_generation_call', id: 'ig_unknown', result: picture?.result, status: 'completed' }, after], modalities: ['image'] });
  expect(await said()).toEqual(expected);
  expect((await ask('POST', '/v1/responses', { input: [before, { type: 'image_generation_call', id: 'ig_unknown' }, after] })).body.error).toMatchObject({ code: 'not_found', param: 'input.1.id' });
  await create({ input: 'and green', previous_response_id: third.id, modalities: ['image'] });
  expect(JSON.stringify(await said())).toContain('and green');
});

test('input of every kind is read and listed again', async () => {
  const sound = await create({ input: 'rain', modalities: ['audio'], audio: { format: 'wav' } });
  const picture = await create({ input: 'an apple', modalities: ['image'] });
  const wav = sound.output.find(({ type }) => type === 'audio_generation_call')?.result;
  const png = picture.output.find(({ type }) => type === 'image_generation_call');
  const content = [
    { type: 'input_text', text: 'what are these?' },
    { type: 'input_image', image_url: `data:image/png;base64,${png?.result}`, detail: 'auto' },
    { type: 'input_image', file_id: png?.['media_id'], detail: 'auto' },
    { type: 'input_audio', input_audio: { data: wav, format: 'wav' } },
    { type: 'input_file', filename: 'apple.png', file_data: `data:image/png;base64,${png?.result}` },
  ];
  const made = await create({ input: [{ role: 'developer', content: 'Be brief.' }, { role: 'user', content }, { type: 'reasoning', id: 'rs_1', summary: [] }], modalities: ['text'] });
  expect(made.warnings.map(({ code }) => code)).toContain('item_ignored');
  const { body: list } = await ask('GET', `/v1/responses/${made.id}/input_items?order=asc`);
  expect(faultsBySchema('ResponseItemList', list)).toEqual([]);
  expect(list['data']).toMatchObject([{ role: 'system' }, { role: 'user', content: [{ type: 'input_text' }, { type: 'input_image' }, { type: 'input_image' }, { type: 'input_file' }, { type: 'input_image' }] }]);
  const { body: page } = await ask('GET', `/v1/responses/${made.id}/input_items?limit=1`);
  expect(page).toMatchObject({ has_more: true, data: [{ role: 'user' }] });
});

test('a kept conversation takes its turns', async () => {
  const { body: conversation } = await ask('POST', '/v1/conversations', { title: 'Apples' });
  const first = await create({ input: 'draw a red apple', conversation: conversation.id, modalities: ['image'] });
  expect(first['conversation']).toEqual({ id: conversation.id });
  await create({ input: 'make it blue', conversation: { id: conversation.id }, modalities: ['image'] });
  const { body: kept } = await ask('GET', `/v1/conversations/${conversation.id}`);
  expect(kept['messages']).toMatchObject([{ role: 'user' }, { role: 'assistant', parts: expect.arrayContaining([expect.objectContaining({ type: 'media' })]) }, { role: 'user' }, { role: 'assistant' }]);
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'response' }, { limit: 1 });
  expect(job?.request.messages).toHaveLength(3);
  expect((await ask('POST', '/v1/responses', { input: 'x', conversation: conversation.id, previous_response_id: first.id })).body.error).toMatchObject({ param: 'previous_response_id' });
  expect((await ask('POST', '/v1/responses', { input: 'x', conversation: 'conv_none' })).status).toBe(404);
});

test('background: queued, read, followed from any event, cancelled, deleted', async () => {
  const long = { options: { ...fast.options, image: { steps: 1000 } } };
  const begun = await create({ input: 'draw', modalities: ['image'], background: true, ...long });
  expect(begun).toMatchObject({ status: expect.stringMatching(/queued|in_progress/), background: true, output: [] });
  const cancelled = await ask('POST', `/v1/responses/${begun.id}/cancel`);
  expect(cancelled.body).toMatchObject({ id: begun.id, status: 'cancelled' });
  checkResponse(cancelled.body);
  expect((await ask('POST', `/v1/responses/${begun.id}/cancel`)).body.status).toBe('cancelled');
  const events = await follow(`/v1/responses/${begun.id}?stream=true`);
  expect(typesOf(events).at(-1)).toBe('incomplete');

  const next = await create({ input: 'draw a red apple', modalities: ['image'], background: true });
  const told = await follow(`/v1/responses/${next.id}?stream=true`);
  expect(typesOf(told).slice(0, 3)).toEqual(['created', 'queued', 'in_progress']);
  expect(typesOf(told).at(-1)).toBe('completed');
  const rest = await follow(`/v1/responses/${next.id}?stream=true&starting_after=4`);
  expect(rest).toEqual(told.slice(5).map((event) => ({ ...event, ...(event.item !== undefined && { item: expect.anything() }), ...(event.response !== undefined && { response: expect.anything() }) })));
  expect((await ask('GET', `/v1/responses/${next.id}`)).body).toMatchObject({ status: 'completed', completed_at: expect.any(Number) });
  expect((await ask('DELETE', `/v1/responses/${next.id}`)).body).toMatchObject({ id: next.id, deleted: true });
  expect((await ask('GET', `/v1/responses/${next.id}`)).status).toBe(404);
  const removed = await create({ input: 'draw', modalities: ['image'], background: true, ...long });
  await server.parts.queue.remove(String(removed['job']));
  expect((await ask('GET', `/v1/responses/${removed.id}`)).body).toMatchObject({ status: 'cancelled', output: [] });
  const streamed = await follow('/v1/responses', { input: 'draw', modalities: ['image'], background: true });
  expect(typesOf(streamed).at(-1)).toBe('completed');
});

test('a response that is deleted while it is made stays deleted, whoever keeps what came of it', async () => {
  const long = { options: { ...fast.options, image: { steps: 1000 } } };
  const { parts } = server;
  const { id } = await create({ input: 'draw', modalities: ['image'], background: true, ...long });
  const record = await findResponse(parts, 'local', id);
  expect((await ask('DELETE', `/v1/responses/${id}`)).status).toBe(200);
  if (record === null) throw new Error('it was kept');
  // Whoever read it before its end, and finds its job ended now.
  await settled(parts, { ...record, outcome: null });
  expect((await ask('GET', `/v1/responses/${id}`)).status).toBe(404);
});

test('what is not stored cannot be read again', async () => {
  const made = await create({ input: 'hello', modalities: ['text'], store: false });
  expect(made['store']).toBe(false);
  expect((await ask('GET', `/v1/responses/${made.id}`)).status).toBe(404);
  expect((await ask('POST', '/v1/responses', { input: 'x', previous_response_id: made.id })).body.error).toMatchObject({ code: 'not_found', param: 'previous_response_id' });
});

test('what cannot be honoured warns, or is refused with the name of the field', async () => {
  const made = await create({ input: 'hello', modalities: ['text'], tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }], reasoning: { effort: 'low' }, nonsense: 1 });
  expect(made.warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['tools_ignored', 'option_ignored', 'unknown_field']));
  expect(await fault({ text: { format: { type: 'json_object' } } })).toMatchObject({ code: 'unsupported', param: 'text.format' });
  expect(await fault({ top_logprobs: 3 })).toMatchObject({ param: 'top_logprobs' });
  expect(await fault({ tools: [{ type: 'function', name: 'f' }], tool_choice: 'required' })).toMatchObject({ code: 'unsupported', param: 'tool_choice' });
  expect(await fault({ tools: [{ type: 'image_generation', partial_images: 9 }] })).toMatchObject({ param: 'tools.0.partial_images' });
  expect(await fault({ tools: [{ type: 'image_generation', action: 'edit' }] })).toMatchObject({ param: 'tools' });
  expect(await fault({ background: true, store: false })).toMatchObject({ param: 'background' });
  for (const input of [[], '', [{ role: 'user', content: [] }]]) expect(await fault({ input })).toMatchObject({ param: 'input' });
  expect(await fault({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] }] })).toMatchObject({ code: 'bad_media', param: 'input.0.content.0.image_url' });
  expect(await fault({ model: 'gpt-5' })).toMatchObject({ code: 'unknown_model' });
  const chosen = await create({ input: 'an apple', tools: [{ type: 'image_generation', size: '64x64', output_format: 'jpeg' }], tool_choice: { type: 'image_generation' } });
  const picture = chosen.output.find(({ type }) => type === 'image_generation_call');
  expect(picture).toMatchObject({ size: '64x64', output_format: 'jpeg', result: expect.stringMatching(/^\/9j\//) });
});
