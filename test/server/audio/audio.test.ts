// Speech and sounds through OpenAI's own client and as other servers' clients send them.

import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, inspectAudio, mediaFromBytes } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { expectOpenAi } from '../openai-schema.ts';
import { openTinyEngine, sent, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let client: OpenAI;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  client = new OpenAI({ baseURL: `${await server.listen()}/v1`, apiKey: 'none', maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

async function post(path: string, body: object): Promise<Response> {
  return server.app.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}
async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

test('speech comes in every format', async () => {
  for (const [format, type] of [['wav', 'audio/wav'], ['mp3', 'audio/mpeg'], ['opus', 'audio/ogg'], ['flac', 'audio/flac'], ['aac', 'audio/aac'], ['pcm', 'audio/pcm']] as const) {
    const response = await client.audio.speech.create({ model: 'tiny', voice: 'slt', input: 'Hello.', response_format: format });
    const bytes = await bytesOf(response);
    expect(response.headers.get('content-type')).toMatch(new RegExp(`^${type}`));
    expect(bytes.length).toBeGreaterThan(500);
    if (['wav', 'mp3', 'flac', 'opus'].includes(format)) expect((await inspectAudio(await mediaFromBytes(bytes))).seconds).toBeGreaterThan(0.2);
    if (format === 'pcm') expect(bytes.length % 2).toBe(0);
  }
});

test('mp3 is the default; a voice of OpenAI\'s is mapped, a speed beyond is the nearest, with warnings', async () => {
  const response = await client.audio.speech.create({ model: 'tiny', voice: 'onyx', input: 'Hello.', speed: 4, instructions: 'sadly' });
  expect(response.headers.get('content-type')).toBe('audio/mpeg');
  expect(response.headers.get('x-anymodal-warnings')?.split(', ').toSorted()).toEqual(['option_ignored', 'speed_changed', 'voice_mapped']);
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'speech' }, { limit: 1 });
  expect(job?.request.options).toMatchObject({ speech: { voice: 'rms', speed: 2 } });
  const one = await bytesOf(await post('/v1/audio/speech', { input: 'Hello.', voice: { id: 'awb' }, response_format: 'wav' }));
  const other = await bytesOf(await post('/v1/audio/speech', { input: 'Hello.', voice: 'slt', response_format: 'wav' }));
  expect(one).not.toEqual(other);
});

test('speech as events', async () => {
  const response = await post('/v1/audio/speech', { input: 'Hello there, how are you today?', voice: 'slt', response_format: 'wav', stream_format: 'sse' });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: { type: string; audio?: string }[] = (await response.text()).split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
  for (const event of events) expectOpenAi('CreateSpeechResponseStreamEvent', event);
  expect(events.at(-1)?.type).toBe('speech.audio.done');
  const bytes = Buffer.concat(events.map(({ audio = '' }) => Buffer.from(audio, 'base64')));
  expect(new Uint8Array(bytes)).toEqual(await bytesOf(await post('/v1/audio/speech', { input: 'Hello there, how are you today?', voice: 'slt', response_format: 'wav' })));
});

test('voices are listed', async () => {
  expect(await (await server.app.request('/v1/audio/voices')).json()).toMatchObject({ data: [{ id: 'slt' }, { id: 'rms' }, {}, {}, {}], voices: expect.arrayContaining(['awb']) });
});

test('a sound under three names is the same sound', async () => {
  const bodies = { '/v1/audio/generations': { prompt: 'rain', seconds: 1 }, '/v1/audio/generate': { input: 'rain', audio_length: 1, num_inference_steps: 2 }, '/v1/sound-generation': { text: 'rain', duration_seconds: 1, prompt_influence: 0.5, output_format: 'wav_44100' } };
  const sounds: Uint8Array[] = [];
  for (const [path, body] of Object.entries(bodies)) {
    const response = await post(path, { ...body, seed: 5, steps: 2 });
    expect([path, response.status, response.headers.get('content-type'), response.headers.get('x-anymodal-seed')]).toEqual([path, 200, 'audio/wav', '5']);
    expect(response.headers.get('x-anymodal-warnings')).toBe(path === '/v1/sound-generation' ? 'option_ignored' : null);
    sounds.push(await bytesOf(response));
  }
  expect(sounds[1]).toEqual(sounds[0]);
  expect(sounds[2]).toEqual(sounds[0]);
  expect((await inspectAudio(await mediaFromBytes(sounds[0] ?? new Uint8Array()))).seconds).toBeCloseTo(1, 1);
});

test('transcriptions say what is lacking', async () => {
  const file = await toFile(new Uint8Array([1, 2, 3]), 'a.wav');
  await expect(client.audio.transcriptions.create({ file, model: 'tiny' })).rejects.toMatchObject({ status: 400, code: 'unsupported', param: 'model' });
  await expect(client.audio.translations.create({ file, model: 'whisper-1' })).rejects.toMatchObject({ status: 404, code: 'unknown_model' });
});

test('nonsense is refused with the name of the field', async () => {
  const faults: [string, object, string, string][] = [
    ['/v1/audio/speech', { input: '', voice: 'slt' }, 'input', 'bad_input'],
    ['/v1/audio/speech', { input: 'x', voice: 'nobody' }, 'voice', 'bad_option'],
    ['/v1/audio/speech', { input: 'x', speed: 9 }, 'speed', 'bad_input'],
    ['/v1/audio/speech', { input: 'x', response_format: 'midi' }, 'response_format', 'bad_input'],
    ['/v1/audio/generations', {}, 'prompt', 'bad_input'],
    ['/v1/audio/generations', { prompt: 'x', seconds: 999 }, 'seconds', 'bad_option'],
    ['/v1/sound-generation', { text: 'x', output_format: 'midi' }, 'output_format', 'bad_option'],
  ];
  for (const [path, body, param, code] of faults) {
    const response = await post(path, body);
    expect([JSON.stringify(body), response.status, (await sent(response)).error]).toMatchObject([JSON.stringify(body), 400, { param, code }]);
  }
});
