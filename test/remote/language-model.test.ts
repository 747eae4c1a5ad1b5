import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ComponentSource, LanguageModel, LanguageModelEnd, Media, PromptMessage, Signal, TextDelta, Wants } from '../../src/contracts.ts';
import { openaiLanguageModel } from '../../remote/openai/language-model.ts';
import { describeFactory, testContext, type TestContext } from '../conformance/component.ts';
import { chatChunks, fakeServer, type FakeServer, type Route } from './fake-server.ts';

type Event = TextDelta | Signal | LanguageModelEnd;
const models: Route = () => ({ json: { data: [{ id: 'm' }] } });
const picture: Media = { id: 'a'.repeat(64), modality: 'image', mediaType: 'image/png', bytes: Uint8Array.of(1, 2, 3) };
const shown: PromptMessage = { role: 'user', parts: [{ type: 'media', ordinal: 1, modality: 'image', embeds: null, media: picture }, { type: 'text', text: 'make it blue' }] };

const notes: string[] = [];
function sourceOf(server: FakeServer | { readonly url: string }, more: object = {}): ComponentSource {
  return { name: 'writer', device: 'cpu', path: () => '', note: (text) => void notes.push(text), config: { url: server.url, model: 'm', outputs: ['image', 'speech'], retries: 0, ...more } };
}
async function ask(model: LanguageModel, messages: readonly (PromptMessage | string)[], wants: Wants, context: TestContext = testContext()): Promise<Event[]> {
  const events: Event[] = [];
  const all = messages.map((message): PromptMessage => (typeof message === 'string' ? { role: 'user', parts: [{ type: 'text', text: message }] } : message));
  for await (const event of model.generate({ messages: all, wants, options: {} }, context)) events.push(event);
  return events;
}
const free: Wants = { text: 'allowed', image: 'allowed', speech: 'allowed' };
const imageAlone: Wants = { image: 'required', text: 'forbidden', speech: 'forbidden' };
const call = (name: string, given: object): { name: string; arguments: string } => ({ name, arguments: JSON.stringify(given) });
async function answering(...rounds: readonly (() => Iterable<unknown>)[]): Promise<FakeServer> {
  let round = 0;
  return fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': () => ({ events: rounds[Math.min(round++, rounds.length - 1)]!() }) });
}

afterEach(() => {
  notes.length = 0;
  vi.unstubAllEnvs();
});

describeFactory(openaiLanguageModel, { config: { url: 'http://127.0.0.1:9', model: 'm', retries: 0 }, files: {} });

describe('a language model behind chat completions', () => {
  test('words as they come, then a call as a signal with what it refers to, then the count of tokens', async () => {
    const server = await answering(() => chatChunks(['Here ', 'you are.'], [call('make_image', { prompt: 'a blue cat', references: [1, 7, 1] })]));
    const model = await openaiLanguageModel.open(sourceOf(server, { reads: ['image'] }));
    const context = testContext();
    const events = await ask(model, [shown], free, context);
    expect(events.filter((event) => event.type === 'text-delta').map(({ text }) => text).join('')).toBe('Here you are.');
    expect(events.slice(-2)).toEqual([
      { type: 'signal', output: 'image', prompt: 'a blue cat', references: [1], states: null },
      { type: 'end', reason: 'stop', usage: { inputTokens: 11, outputTokens: 5 } },
    ]);
    expect(context.warnings).toEqual([]);
    const json = server.of('POST /v1/chat/completions')[0]?.json ?? {};
    expect(json).toMatchObject({ model: 'm', stream: true, tool_choice: 'auto', tools: [{ function: { name: 'make_image', parameters: { required: ['prompt'] } } }, { function: { name: 'make_speech' } }] });
    expect(JSON.stringify(json['messages'])).toContain('data:image/png;base64,AQID');
  });

  test('an output that must come is the only tool, and must be called', async () => {
    const server = await answering(() => chatChunks(['Sure!'], [call('make_image', { prompt: 'an apple' })]));
    const events = await ask(await openaiLanguageModel.open(sourceOf(server)), ['an apple'], imageAlone);
    expect(events.map(({ type }) => type)).toEqual(['signal', 'end']);
    expect(server.of('POST /v1/chat/completions')[0]?.json).toMatchObject({ tool_choice: 'required', tools: [{ function: { name: 'make_image' } }] });
  });

  test('text and an output, in this order: another round for what did not come', async () => {
    const server = await answering(() => chatChunks(['An apple is a fruit.']), () => chatChunks([], [call('make_image', { prompt: 'an apple' })]));
    const events = await ask(await openaiLanguageModel.open(sourceOf(server)), ['what is an apple?'], { text: 'required', image: 'required' });
    expect(events.map(({ type }) => type)).toEqual(['text-delta', 'signal', 'end']);
    expect(server.of('POST /v1/chat/completions')[1]?.json).toMatchObject({ tool_choice: 'required' });
  });

  test('a model that never calls: the words of the request, and a warning', async () => {
    const server = await answering(() => chatChunks(['I cannot draw.']));
    const context = testContext();
    const events = await ask(await openaiLanguageModel.open(sourceOf(server)), ['a red boat'], imageAlone, context);
    expect(events[0]).toMatchObject({ type: 'signal', output: 'image', prompt: 'a red boat' });
    expect(context.warnings).toEqual(['caption_empty']);
    expect(server.of('POST /v1/chat/completions').length).toBeLessThanOrEqual(4);
  });

  test('a server that refuses tools is told of tags from then on', async () => {
    const server = await fakeServer({
      'GET /v1/models': models,
      'POST /v1/chat/completions': ({ json }) => ('tools' in json ? { json: { error: { message: 'm does not support tools' } }, status: 400 } : { events: chatChunks(['Look: <ima', 'ge>a green ', 'fish</image> nice']) }),
    });
    const model = await openaiLanguageModel.open(sourceOf(server));
    const context = testContext();
    const events = await ask(model, ['a fish'], free, context);
    expect(events.find((event) => event.type === 'signal')).toMatchObject({ output: 'image', prompt: 'a green fish' });
    expect(context.warnings).toEqual(['tools_unavailable']);
    await ask(model, ['a fish'], free);
    expect(server.of('POST /v1/chat/completions').map(({ json }) => 'tools' in json)).toEqual([true, false, false]);
  });

  test('media that it is not given are named, with a warning', async () => {
    const server = await answering(() => chatChunks(['ok']));
    const context = testContext();
    await ask(await openaiLanguageModel.open(sourceOf(server)), [shown], free, context);
    expect(context.warnings).toEqual(['media_unseen']);
    const text = JSON.stringify(server.of('POST /v1/chat/completions')[0]?.json['messages']);
    expect([text.includes('[image 1]'), text.includes('base64')]).toEqual([true, false]);
  });

  test('what it made before comes back as its calls', async () => {
    const server = await answering(() => chatChunks(['ok']));
    const made: PromptMessage = { role: 'assistant', parts: [{ type: 'text', text: 'Here.' }, { type: 'media', ordinal: 1, modality: 'image', embeds: null, media: picture, made: { output: 'image', references: [], prompt: 'a cat' } }] };
    await ask(await openaiLanguageModel.open(sourceOf(server, { reads: ['image'] })), ['a cat', made, 'and now blue'], free);
    const messages = server.of('POST /v1/chat/completions')[0]?.json['messages'];
    expect(messages).toMatchObject([{ role: 'system' }, { role: 'user' }, { role: 'assistant', content: 'Here.', tool_calls: [{ function: { name: 'make_image', arguments: '{"prompt":"a cat"}' } }] }, { role: 'tool', content: 'Made: [image 1]' }, { role: 'user', content: [{ text: '[image 1]' }, { type: 'image_url' }, { text: 'and now blue' }] }]);
  });

  test('calls that are broken, unknown or cut are read leniently or passed over', async () => {
    const server = await answering(() => chatChunks(['x'], [{ name: 'make_image', arguments: '{"prompt": "a half-writ' }, { name: 'rm_rf', arguments: '{}' }, { name: 'make_speech', arguments: '[]' }], 'length'));
    const context = testContext();
    const events = await ask(await openaiLanguageModel.open(sourceOf(server)), ['go'], free, context);
    expect(events.filter((event) => event.type === 'signal')).toMatchObject([{ output: 'image', prompt: 'a half-writ' }]);
    expect(context.warnings).toEqual(['call_ignored', 'call_ignored']);
    expect(events.at(-1)).toMatchObject({ reason: 'length' });
  });
});

async function* endless(): AsyncGenerator {
  for (let i = 0; i < 10_000; i += 1) {
    yield { choices: [{ index: 0, delta: { content: 'word ' } }] };
    await pause(5);
  }
}

describe('the server behind it', () => {
  test('cancel closes the connection', async () => {
    const cancel = new AbortController();
    const server = await fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': () => ({ events: endless() }) });
    const model = await openaiLanguageModel.open(sourceOf(server));
    const loop = model.generate({ messages: [{ role: 'user', parts: [{ type: 'text', text: 'go on' }] }], wants: free, options: {} }, testContext(cancel.signal));
    expect(await loop.next()).toMatchObject({ value: { type: 'text-delta' } });
    cancel.abort(new Error('enough'));
    await expect((async () => { for (;;) if ((await loop.next()).done === true) return; })()).rejects.toThrow('enough');
    await server.of('POST /v1/chat/completions')[0]?.gone;
  });

  test('is asked again where it did not take the request, and no more often than it may be', async () => {
    let refused = 0;
    const server = await fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': () => (refused++ < 2 ? { json: {}, status: 503, headers: { 'Retry-After': '0' } } : { events: chatChunks(['ok']) }) });
    expect(await ask(await openaiLanguageModel.open(sourceOf(server, { retries: 2 })), ['hi'], free)).toHaveLength(2);
    refused = 0;
    await expect(ask(await openaiLanguageModel.open(sourceOf(server, { retries: 1 })), ['hi'], free)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('errors say where and what to do, and repeat nothing that the user said', async () => {
    const secret = 'my grandmother lives in a small house by the sea';
    const server = await fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': ({ json }) => ({ json: { error: { message: `cannot: ${JSON.stringify(json['messages'])}` } }, status: 500 }) });
    const error: unknown = await ask(await openaiLanguageModel.open(sourceOf(server)), [secret], free).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining(server.url) });
    expect(String(error)).not.toContain('grandmother');
  });

  test('the time of a request is bounded', async () => {
    const server = await fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': async ({ gone }) => { await gone; return { json: {} }; } });
    await expect(ask(await openaiLanguageModel.open(sourceOf(server, { timeoutMs: 200 })), ['hi'], free)).rejects.toMatchObject({ code: 'timeout' });
  });

  test('no more requests at a time than it may have', async () => {
    let [now, most] = [0, 0];
    const server = await fakeServer({ 'GET /v1/models': models, 'POST /v1/chat/completions': async () => { now += 1; most = Math.max(most, now); await pause(30); now -= 1; return { events: chatChunks(['ok']) }; } });
    const model = await openaiLanguageModel.open(sourceOf(server, { concurrency: 2 }));
    await Promise.all(Array.from({ length: 6 }, async () => ask(model, ['hi'], free)));
    expect(most).toBe(2);
  });

  test('a key comes from the environment, goes to this server, and follows no redirect', async () => {
    const other = await fakeServer({});
    const server = await fakeServer({ 'GET /v1/models': ({ headers }) => (headers.authorization === 'Bearer k-1' ? { json: { data: [] } } : { json: {}, status: 401 }), 'POST /v1/chat/completions': () => ({ json: {}, status: 307, headers: { Location: `${other.url}/steal` } }) });
    await expect(openaiLanguageModel.open(sourceOf(server, { keyVariable: 'TEST_REMOTE_KEY' }))).rejects.toMatchObject({ code: 'access_denied', message: expect.stringContaining('TEST_REMOTE_KEY') });
    vi.stubEnv('TEST_REMOTE_KEY', 'wrong');
    await expect(openaiLanguageModel.open(sourceOf(server, { keyVariable: 'TEST_REMOTE_KEY' }))).rejects.toMatchObject({ code: 'access_denied' });
    vi.stubEnv('TEST_REMOTE_KEY', 'k-1');
    await expect(ask(await openaiLanguageModel.open(sourceOf(server, { keyVariable: 'TEST_REMOTE_KEY' })), ['hi'], free)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('points to') });
    expect(other.asked).toEqual([]);
  });

  test('opening says what is amiss: nobody there, another model', async () => {
    await openaiLanguageModel.open(sourceOf({ url: 'http://127.0.0.1:9' }));
    const server = await fakeServer({ 'GET /v1/models': models });
    await openaiLanguageModel.open(sourceOf(server, { model: 'other' }));
    expect(notes).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('lists no model "other"; it lists "m"')]);
  });
});
