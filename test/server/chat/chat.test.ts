// Chat completions on the tiny bundle: every part type in, every medium out, fields that are honoured, mapped, warned of and refused,
// all answers and chunks as OpenAI's schema says.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';
import { faultsBySchema } from './openai-schemas.ts';

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

const fast = { options: { image: { steps: 1 }, audio: { steps: 1, seconds: 0.5 }, video: { steps: 1, frames: 2 }, text: { maxTokens: 8 } } };
const user = (content: unknown): object => ({ role: 'user', content });

interface Body {
  readonly [key: string]: unknown;
  readonly choices: readonly { readonly index: number; readonly finish_reason: string; readonly message: Message; readonly delta: Message }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
interface Message {
  readonly role?: string;
  readonly content?: string;
  readonly images?: readonly { readonly image_url: { readonly url: string }; readonly index: number }[];
  readonly videos?: readonly { readonly video_url: { readonly url: string } }[];
  readonly audio?: { readonly id: string; readonly data: string; readonly transcript: string };
  readonly content_parts?: readonly { readonly type: string; readonly text?: string; readonly media_id?: string; readonly seed?: number }[];
}

async function post(body: object, headers: Record<string, string> = {}): Promise<Response> {
  return server.app.request('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model: 'tiny', ...fast, ...body }) });
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the shape is checked by what follows
async function jsonOf<T>(response: Response): Promise<T> {
  return JSON.parse(await response.text());
}

async function complete(body: object): Promise<Body> {
  const response = await post(body);
  const read = await jsonOf<Body>(response);
  expect(response.status, JSON.stringify(read)).toBe(200);
  expect(faultsBySchema('CreateChatCompletionResponse', read)).toEqual([]);
  return read;
}

async function chunksOf(body: object): Promise<Body[]> {
  const response = await post({ ...body, stream: true });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: ')).map((event) => event.slice(6));
  expect(events.at(-1)).toBe('[DONE]');
  const chunks = events.slice(0, -1).map((event): Body => JSON.parse(event));
  for (const chunk of chunks) expect(faultsBySchema('CreateChatCompletionStreamResponse', chunk)).toEqual([]);
  return chunks;
}

async function refused(body: object, status = 400): Promise<{ code: string; param: string | null; message: string }> {
  const response = await post(body);
  const { error } = await jsonOf<{ error: { code: string; param: string | null; message: string } }>(response);
  expect(response.status, JSON.stringify(error)).toBe(status);
  expect(faultsBySchema('ErrorResponse', { error })).toEqual([]);
  return error;
}

test('words to words and a picture', async () => {
  const { choices, usage, object, seed, model } = await complete({ messages: [{ role: 'system', content: 'Be brief.' }, user('draw a red apple')], modalities: ['image', 'text'], seed: 7 });
  expect({ object, seed, model }).toEqual({ object: 'chat.completion', seed: 7, model: 'tiny' });
  expect(usage).toMatchObject({ prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) });
  const [choice] = choices;
  expect(choice?.message.role).toBe('assistant');
  expect(typeof choice?.message.content).toBe('string');
  expect(choice?.message.images?.[0]?.image_url.url).toMatch(/^data:image\/png;base64,iVBOR/);
  const places = choice?.message.content_parts ?? [];
  expect(places.map(({ type }) => type)).toContain('image');
  expect(places.filter(({ type }) => type === 'text').map(({ text }) => text).join('')).toBe(choice?.message.content);
});

test('sounds and videos: audio with the voice and format asked for, a video with a link', async () => {
  const sound = await complete({ messages: [user('rain')], modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'mp3' } });
  const audio = sound.choices[0]?.message.audio;
  expect(audio?.id).toMatch(/^audio_[0-9a-f]{64}$/);
  expect(Buffer.from(audio?.data ?? '', 'base64').byteLength).toBeGreaterThan(100);
  expect(sound.warnings.map(({ code }) => code)).toContain('voice_mapped');
  const pcm = await complete({ messages: [user('rain')], modalities: ['audio'], audio: { format: 'pcm16' } });
  expect(Buffer.from(pcm.choices[0]?.message.audio?.data ?? '', 'base64').subarray(0, 4).toString('latin1')).not.toBe('RIFF');
  const video = await complete({ messages: [user('a bird flies')], modalities: ['video'] });
  expect(video.choices[0]?.message.videos?.[0]?.video_url.url).toMatch(/^data:video\/mp4;base64,/);
  expect(video.choices[0]?.message.content).toMatch(/\[video\]\(http.*\/v1\/media\/[0-9a-f]{64}\/content\?/);
});

test('every part type is read', async () => {
  const made = await complete({ messages: [user('an apple')], modalities: ['image'], options: { image: { steps: 1 } } });
  const url = made.choices[0]?.message.images?.[0]?.image_url.url ?? '';
  const id = made.choices[0]?.message.content_parts?.[0]?.media_id;
  const spoken = await complete({ messages: [user('rain')], modalities: ['audio'], audio: { format: 'wav' } });
  const wav = spoken.choices[0]?.message.audio?.data;
  const clip = await complete({ messages: [user('a bird')], modalities: ['video'] });
  const parts = [
    { type: 'text', text: 'what are these?' },
    { type: 'image_url', image_url: { url, detail: 'low' } },
    { type: 'input_audio', input_audio: { data: wav, format: 'wav' } },
    { type: 'audio_url', audio_url: { url: `data:audio/wav;base64,${wav}` } },
    { type: 'video_url', video_url: clip.choices[0]?.message.videos?.[0]?.video_url },
    { type: 'file', file: { file_data: url, filename: 'apple.png' } },
    { type: 'file', file: { file_id: id } },
    { type: 'file', file: { file_data: `data:text/plain;base64,${Buffer.from('some words').toString('base64')}`, filename: 'a.txt' } },
    { type: 'media', id },
  ];
  const { choices } = await complete({ messages: [user(parts)], modalities: ['text'] });
  expect(choices[0]?.finish_reason).toMatch(/stop|length/);
  const records = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  const read = records[0]?.request.messages.at(-1)?.parts.map((part) => (part.type === 'media' ? part.media.modality : part.text));
  expect(read).toEqual(['what are these?', 'image', 'audio', 'audio', 'video', 'image', 'image', 'some words', 'image']);
});

test('roles: system and developer as one, tools as the user, turns in order', async () => {
  await complete({
    messages: [
      { role: 'developer', content: [{ type: 'text', text: 'A' }] },
      user('x'),
      { role: 'assistant', content: null, tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: '1', content: 'sunny' },
      { role: 'system', content: 'B' },
      user('and?'),
    ],
    modalities: ['text'],
  });
  const [record] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  expect(record?.request.messages.map(({ role, parts }) => [role, parts.map((part) => (part.type === 'text' ? part.text : '')).join('')])).toEqual([
    ['system', 'A\nB'],
    ['user', expect.stringContaining('sunny')],
  ]);
});

test('several choices, each as it is alone; stop, limits and the reason of the end', async () => {
  const ask = { messages: [user('tell me')], modalities: ['text'], temperature: 1, options: {} };
  const three = await complete({ ...ask, n: 3, seed: 5, max_completion_tokens: 6 });
  expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
  const third = await complete({ ...ask, seed: 7, max_tokens: 6 });
  expect(three.choices[2]?.message.content).toBe(third.choices[0]?.message.content);
  expect(third.choices[0]?.finish_reason).toBe('length');
  const whole = third.choices[0]?.message.content ?? '';
  const stop = whole.slice(2, 4);
  const stopped = await complete({ ...ask, seed: 7, max_tokens: 6, stop });
  expect(stopped.choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf(stop)));
  expect(stopped.choices[0]?.finish_reason).toBe('stop');
});

test('seeds of 64 bits with a sign, as OpenAI has them, stand for ours and warn', async () => {
  const ask = { messages: [user('tell me')], modalities: ['text'], max_tokens: 1 };
  expect(await complete({ ...ask, seed: -Number.MAX_SAFE_INTEGER })).toMatchObject({ seed: 1, warnings: expect.arrayContaining([expect.objectContaining({ code: 'seed_changed' })]) });
  expect(await complete({ ...ask, seed: 2 ** 63 })).toMatchObject({ seed: 0, warnings: expect.arrayContaining([expect.objectContaining({ code: 'seed_changed' })]) });
});

test('a size that the decoder lacks is resampled with a warning', async () => {
  const { choices, warnings } = await complete({ messages: [user('an apple')], modalities: ['image'], size: '96x64' });
  const bytes = Buffer.from(choices[0]?.message.images?.[0]?.image_url.url.split(',')[1] ?? '', 'base64');
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([96, 64]);
  expect(warnings.map(({ code }) => code)).toContain('size_resampled');
});

test('what cannot be honoured warns, or is refused with the name of the field', async () => {
  const messages = [user('hello')];
  const tool = { type: 'function', function: { name: 'f' } };
  const response = await post({ messages, modalities: ['text'], tools: [tool], frequency_penalty: 1, nonsense: 1 });
  expect(response.headers.get('x-anymodal-warnings')).toMatch(/tools_ignored/);
  const { warnings } = await jsonOf<Body>(response);
  expect(warnings.map(({ code, message }) => `${code} ${message.split(':')[0]}`)).toEqual(expect.arrayContaining(['tools_ignored tools', 'option_ignored frequency_penalty', 'unknown_field nonsense']));
  expect(await refused({ messages, logprobs: true })).toMatchObject({ code: 'unsupported', param: 'logprobs' });
  expect(await refused({ messages, tools: [tool], tool_choice: 'required' })).toMatchObject({ code: 'unsupported', param: 'tool_choice' });
  expect(await refused({ messages, response_format: { type: 'json_object' } })).toMatchObject({ param: 'response_format' });
  expect(await refused({ messages, modalities: ['smell'] })).toMatchObject({ code: 'unknown_output', param: 'modalities' });
  expect(await refused({ messages, n: 0 })).toMatchObject({ param: 'n' });
  expect(await refused({ messages, n: 99 })).toMatchObject({ param: 'n' });
  expect(await refused({ messages, temperature: 9 })).toMatchObject({ code: 'bad_option', param: 'temperature' });
  for (const content of ['', []]) expect(await refused({ messages: [...messages, { role: 'assistant', content: 'x' }, user(content)] })).toMatchObject({ param: 'messages', message: expect.stringContaining('empty') });
  expect(await refused({ messages: [] })).toMatchObject({ param: 'messages' });
  expect(await refused({ messages: [{ role: 'assistant', content: 'x' }] })).toMatchObject({ param: 'messages' });
  expect(await refused({ messages: [user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }])] })).toMatchObject({ code: 'bad_media', param: 'messages.0.content.0.image_url.url' });
  expect(await refused({ messages, model: 'gpt-4o' }, 404)).toMatchObject({ code: 'unknown_model', param: 'model' });
  expect(await refused({ messages, audio: { format: 'midi' } })).toMatchObject({ param: 'audio.format' });
});

test('a stream: role, words, pictures beside empty content, reason, usage last', async () => {
  const ask = { messages: [user('draw a red apple')], modalities: ['text', 'image'], seed: 7 };
  const whole = await complete(ask);
  const chunks = await chunksOf({ ...ask, stream_options: { include_usage: true } });
  expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  expect(deltas.map(({ content = '' }) => content).join('')).toBe(whole.choices[0]?.message.content);
  const pictures = deltas.filter(({ images }) => images !== undefined);
  expect(pictures.map(({ images, content }) => [images?.[0]?.image_url.url, content])).toEqual([[whole.choices[0]?.message.images?.[0]?.image_url.url, '']]);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole['usage'], seed: 7 });
  expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toMatch(/stop|length/);
  const plain = await chunksOf({ ...ask, modalities: ['text'] });
  expect(plain.some((chunk) => 'usage' in chunk)).toBe(false);
});

test('a stream of several choices has each under its own index', async () => {
  const ask = { messages: [user('draw a red apple')], modalities: ['text', 'image'], seed: 7, n: 2, temperature: 1 };
  const whole = await complete(ask);
  const chunks = await chunksOf(ask);
  for (const { index, message, finish_reason: reason } of whole.choices) {
    const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    expect(own.map(({ delta: { content = '' } }) => content).join('')).toBe(message.content);
    expect(own.flatMap(({ delta: { images = [] } }) => images.map(({ image_url: { url } }) => url))).toEqual(message.images?.map(({ image_url: { url } }) => url));
    expect(own.map((choice) => choice.finish_reason).filter((each) => each !== null)).toEqual([reason]);
  }
});

test('instructions alone are what is asked', async () => {
  const { choices } = await complete({ messages: [{ role: 'developer', content: 'draw a red apple' }], modalities: ['image'] });
  expect(choices[0]?.message.images).toHaveLength(1);
});

test('a job that fails under way ends its stream with an error', async () => {
  const response = await post({ messages: [user('draw')], modalities: ['image'], options: { image: { steps: 1000 } }, stream: true });
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  await server.parts.queue.cancel(job!.id, 'somebody cancelled it');
  const blocks = (await response.text()).trim().split('\n\n');
  expect(blocks.at(-1)).toMatch(/^event: error\ndata: /);
  const { error }: { error: object } = JSON.parse(blocks.at(-1)!.split('data: ')[1]!);
  expect(error).toMatchObject({ code: 'aborted', message: expect.stringContaining('somebody cancelled it') });
});

test('a strict server refuses what it would map', async () => {
  const strict = await startTinyServer(engine, { strict: true });
  try {
    for (const [body, param] of [[{ size: '96x64', modalities: ['image'] }, 'size'], [{ audio: { voice: 'alloy' }, modalities: ['audio'] }, 'audio.voice'], [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools']] as const) {
      const response = await strict.app.request('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...fast, messages: [user('x')], ...body }) });
      expect([response.status, (await jsonOf<{ error: { param: string } }>(response)).error.param]).toEqual([400, param]);
    }
  } finally {
    await strict.close();
  }
});

async function stored(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await server.app.request(`/v1/chat/completions${path}`, { method, ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
  return { status: response.status, ...(await jsonOf<Record<string, unknown>>(response)) };
}

const pictures = (choices: unknown): unknown => JSON.parse(JSON.stringify(choices))[0].message.images;

test('a stored completion is read, listed, named and deleted', async () => {
  const made = await complete({ messages: [user('draw a red apple')], modalities: ['image'], store: true, metadata: { a: '1' } });
  await complete({ messages: [user('another')], modalities: ['text'] });
  const id = String(made['id']);
  const read = await stored('GET', `/${id}`);
  expect(faultsBySchema('CreateChatCompletionResponse', read)).toEqual([]);
  expect([pictures(read['choices']), read['metadata']]).toEqual([pictures(made.choices), { a: '1' }]);
  const list = await stored('GET', '?limit=5');
  expect(faultsBySchema('ChatCompletionList', list)).toEqual([]);
  expect(list).toMatchObject({ first_id: id, last_id: id, has_more: false });
  expect((await stored('POST', `/${id}`, { metadata: { b: '2' } }))['metadata']).toEqual({ b: '2' });
  const messages = await stored('GET', `/${id}/messages`);
  expect(faultsBySchema('ChatCompletionMessageList', { ...messages, data: [] })).toEqual([]);
  expect(messages['data']).toMatchObject([{ role: 'user', content: 'draw a red apple' }]);
  expect(await stored('DELETE', `/${id}`)).toMatchObject({ deleted: true, id });
  expect(await stored('GET', `/${id}`)).toMatchObject({ status: 404 });
});
