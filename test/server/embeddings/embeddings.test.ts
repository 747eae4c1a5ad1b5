// Embeddings through OpenAI's own client, of words and of media, and the list of models.

import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, encodeImage } from '../../../media/index.ts';
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

async function embedded(body: object): Promise<Response> {
  return server.app.request('/v1/embeddings', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

test('words have places, as numbers and as base64', async () => {
  const plain = await client.embeddings.create({ model: 'tiny', input: ['a cat', 'a dog'], encoding_format: 'float' });
  expectOpenAi('CreateEmbeddingResponse', plain);
  expect(plain.data.map(({ index, embedding }) => [index, embedding.length])).toEqual([[0, 24], [1, 24]]);
  // The client asks for base64 by itself and reads it.
  const packed = await client.embeddings.create({ model: 'tiny', input: 'a cat' });
  expect(packed.data[0]?.embedding.map((value) => value.toFixed(5))).toEqual(plain.data[0]?.embedding.map((value) => value.toFixed(5)));
  const length = Math.hypot(...(plain.data[0]?.embedding ?? []));
  expect(length).toBeCloseTo(1, 4);
});

test('media have places beside words, named in every way', async () => {
  const { bytes } = await encodeImage({ width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(60) }, { format: 'png', provenance: null, mark: false });
  const data = Buffer.from(bytes).toString('base64');
  const { id } = await sent(server.app.request('/v1/media', { method: 'POST', headers: { 'content-type': 'image/png' }, body: new Uint8Array(bytes) }));
  const url = `data:image/png;base64,${data}`;
  const input = [{ type: 'media', id }, { type: 'media', data }, { type: 'image_url', image_url: { url } }, { type: 'input_image', image_url: url }, 'a cat', { type: 'text', text: 'a cat' }];
  const answer = await (await embedded({ input })).json();
  expectOpenAi('CreateEmbeddingResponse', answer);
  const { data: places } = await sent(embedded({ input }));
  const vectors = places.map((place) => JSON.stringify(Reflect.get(place, 'embedding')));
  expect(places.map((place) => Reflect.get(place, 'modality'))).toEqual(['image', 'image', 'image', 'image', 'text', 'text']);
  expect(new Set(vectors.slice(0, 4)).size).toBe(1);
  expect(new Set(vectors).size).toBe(2);
});

test('what makes no sense is refused with the field; dimensions warn', async () => {
  const faults: [object, number, string, string][] = [
    [{ input: [1, 2, 3] }, 400, 'input', 'unsupported'],
    [{ input: [[1, 2], [3]] }, 400, 'input', 'unsupported'],
    [{ input: '' }, 400, 'input', 'bad_input'],
    [{ input: [] }, 400, 'input', 'bad_input'],
    [{ input: [{ type: 'media', id: 'f'.repeat(64) }] }, 404, 'input.0', 'not_found'],
    [{ input: 'x', model: 'other' }, 404, 'model', 'unknown_model'],
  ];
  for (const [body, status, param, code] of faults) {
    const response = await embedded(body);
    expect([JSON.stringify(body), response.status, (await sent(response)).error]).toMatchObject([JSON.stringify(body), status, { param, code }]);
  }
  expect((await sent(embedded({ input: 'x', dimensions: 8 }))).warnings).toMatchObject([{ code: 'dimensions_ignored' }]);
});

test('a film that is cut off, which shows only when it is decoded, is refused with its field on every route', async () => {
  const film = await readFile(new URL('../../fixtures/media/film.mp4', import.meta.url));
  const data = film.subarray(0, film.length / 2).toString('base64');
  const url = `data:video/mp4;base64,${data}`;
  const user = { role: 'user', content: [{ type: 'text', text: 'what is this?' }, { type: 'video_url', video_url: { url } }] };
  for (const [path, field, body] of [
    ['embeddings', 'input.1', { input: ['x', { type: 'media', data }] }],
    ['jobs', 'input.1', { input: [{ type: 'text', text: 'x' }, { type: 'media', data }], outputs: ['text'] }],
    ['chat/completions', 'messages.0.content.1', { messages: [user] }],
    ['chat/completions', 'messages.0.content.1', { messages: [user], stream: true }],
    ['responses', 'input.0.content.0', { input: [{ role: 'user', content: [{ type: 'input_video', video_url: url }] }] }],
  ] as const) {
    const response = await server.app.request(`/v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const { error } = await sent(response);
    expect([path, response.status, error.code, error.param]).toEqual([path, 400, 'bad_media', expect.stringContaining(field)]);
  }
  const form = new FormData();
  form.append('prompt', 'make it blue');
  form.append('video', new File([film.subarray(0, film.length / 2)], 'my film.mp4'));
  expect(await sent(server.app.request('/v1/videos/edits', { method: 'POST', body: form }))).toMatchObject({ error: { code: 'bad_media', param: 'video', message: expect.stringContaining('"my film.mp4"') } });
});

test('models are listed, the default first, and looked at', async () => {
  const list = await client.models.list();
  expectOpenAi('ListModelsResponse', { object: list.object, data: list.data });
  expect(list.data[0]).toMatchObject({ id: 'tiny', aliases: ['small'], state: 'ready', licence: 'Apache-2.0', architecture: { output_modalities: expect.arrayContaining(['image']) } });
  for (const name of ['tiny', 'small']) {
    const model = await client.models.retrieve(name);
    expectOpenAi('Model', model);
    expect(model).toMatchObject({ id: 'tiny', inputs: expect.arrayContaining([expect.objectContaining({ modality: 'image', joint: true })]), outputs: expect.arrayContaining([expect.objectContaining({ name: 'image', options: expect.objectContaining({ type: 'object' }) })]) });
  }
  await expect(client.models.retrieve('gpt-5')).rejects.toMatchObject({ status: 404 });
});
