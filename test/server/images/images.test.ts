// OpenAI's image routes through OpenAI's own client: drawn, edited, streamed, resampled, refused.

import OpenAI, { APIError, toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, encodeImage, inspectImage, mediaFromBytes } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import type { JobRecord } from '../../../src/queue/contracts.ts';
import { expectOpenAi } from '../openai-schema.ts';
import { openTinyEngine, sent, startTinyServer, type Sent, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let address: string;
let client: OpenAI;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  address = await server.listen();
  client = new OpenAI({ baseURL: `${address}/v1`, apiKey: 'none', maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

/** Fields that OpenAI's types do not have. */
function extra(fields: object): object {
  return fields;
}
async function drawn(fields: object): Promise<OpenAI.ImagesResponse> {
  const response = await client.images.generate({ model: 'tiny', prompt: 'a red apple', ...fields, stream: false });
  expectOpenAi('ImagesResponse', response);
  return response;
}
async function headerOf(fields: object, name: string): Promise<string | null> {
  const response = await fetch(`${address}/v1/images/generations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ prompt: 'a red apple', steps: 2, ...fields }) });
  await response.arrayBuffer();
  return response.headers.get(name);
}
async function sizeOf(b64: string | undefined): Promise<{ width: number; height: number; type: string }> {
  const media = await mediaFromBytes(Buffer.from(b64 ?? '', 'base64'));
  const { width, height } = await inspectImage(media);
  return { width, height, type: media.mediaType };
}
function warningsOf(response: object): string[] {
  const list: unknown = Reflect.get(response, 'warnings');
  return Array.isArray(list) ? list.map((each: Sent['warnings'][number]) => each.code).toSorted() : [];
}
async function newest(): Promise<JobRecord | undefined> {
  return (await server.parts.queue.list({ owner: 'local', kind: 'image' }, { limit: 1 }))[0];
}
async function picture(): Promise<File> {
  const pixels = new Uint8Array(64 * 64 * 3).fill(200);
  const { bytes } = await encodeImage({ width: 64, height: 64, pixels }, { format: 'png', provenance: null, mark: false });
  return toFile(bytes, 'grey.png', { type: 'image/png' });
}

test('a picture comes as base64, with its seed', async () => {
  const response = await drawn({ seed: 7, steps: 2 });
  expect(await sizeOf(response.data?.[0]?.b64_json)).toEqual({ width: 128, height: 128, type: 'image/png' });
  expect(response).toMatchObject({ size: '128x128', quality: 'medium', output_format: 'png', warnings: [], data: [{ seed: 7 }], usage: { total_tokens: 0 } });
});

test('picture i of n is the one that its own seed makes alone, byte for byte', async () => {
  const three = await drawn({ seed: 40, n: 3, steps: 2 });
  const [one] = (await drawn({ seed: 42, steps: 2 })).data ?? [];
  expect(three.data?.map((each) => Reflect.get(each, 'seed'))).toEqual([40, 41, 42]);
  expect(three.data?.[2]?.b64_json).toBe(one?.b64_json);
});

test('-1 is a random seed; one with a sign, as OpenAI has them, stands for one of ours and warns', async () => {
  expect(await drawn({ seed: -1, steps: 2 })).toMatchObject({ warnings: [], data: [{ seed: expect.toSatisfy((seed) => seed >= 0) }] });
  expect(await drawn({ seed: -5, steps: 2 })).toMatchObject({ warnings: [{ code: 'seed_changed' }], data: [{ seed: Number.MAX_SAFE_INTEGER - 4 }] });
});

test('a size that the decoder lacks is resampled with a warning, a format converted', async () => {
  const response = await drawn({ size: '256x192', output_format: 'webp', output_compression: 50, steps: 2 });
  expect(await sizeOf(response.data?.[0]?.b64_json)).toEqual({ width: 256, height: 192, type: 'image/webp' });
  expect(response).toMatchObject({ size: '256x192', output_format: 'webp', warnings: [{ code: 'size_resampled', message: expect.stringContaining('128x128') }] });
  expect(await headerOf({ size: '64x64' }, 'x-anymodal-warnings')).toBe('size_resampled');
});

test('an address of the result is signed and can be read without a key', async () => {
  const response = await drawn({ response_format: 'url', size: '64x64', steps: 2 });
  const url = response.data?.[0]?.url ?? '';
  expect(url).toContain('signature=');
  const fetched = await fetch(url);
  expect([fetched.status, fetched.headers.get('content-type')]).toEqual([200, 'image/png']);
  expect(await sizeOf(Buffer.from(await fetched.arrayBuffer()).toString('base64'))).toMatchObject({ width: 64, height: 64 });
});

test('a stream shows the unfinished picture and ends with the picture that is made without one', async () => {
  const stream = await client.images.generate({ prompt: 'a red apple', stream: true, partial_images: 2, ...extra({ seed: 7, steps: 6 }) });
  const types: string[] = [];
  let last = '';
  const partials: string[] = [];
  for await (const event of stream) {
    expectOpenAi('ImageGenStreamEvent', event);
    types.push(event.type);
    last = event.b64_json;
    if (event.type === 'image_generation.partial_image') partials.push(event.b64_json);
  }
  expect(types).toEqual(['image_generation.partial_image', 'image_generation.partial_image', 'image_generation.completed']);
  expect(new Set([...partials, last]).size).toBe(3);
  for (const partial of partials) expect(await sizeOf(partial)).toEqual({ width: 128, height: 128, type: 'image/png' });
  expect(last).toBe((await drawn({ seed: 7, steps: 6 })).data?.[0]?.b64_json);
});

test('leaving a stream cancels the job', async () => {
  const stream = await client.images.generate({ prompt: 'a red apple', stream: true, partial_images: 3, ...extra({ steps: 900 }) });
  for await (const event of stream) {
    expect(event.type).toBe('image_generation.partial_image');
    break;
  }
  const job = await newest();
  for await (const event of server.parts.queue.events(job?.id ?? '', 0)) if (event.type.startsWith('job-')) expect(event.type).not.toBe('job-end');
  expect((await server.parts.queue.get(job?.id ?? ''))?.status).toBe('cancelled');
});

test('a client that leaves without a stream cancels its job too', async () => {
  const gone = new AbortController();
  const request = client.images.generate({ prompt: 'left alone', ...extra({ steps: 900 }) }, { signal: gone.signal }).catch((error: unknown) => error);
  const before = (await newest())?.id;
  await expect.poll(async () => (await newest())?.id, { timeout: 20_000 }).not.toBe(before);
  const job = await newest();
  gone.abort();
  expect(await request).toBeInstanceOf(APIError);
  for await (const event of server.parts.queue.events(job?.id ?? '', 0)) void event;
  expect((await newest())?.status).toBe('cancelled');
});

test('edits take one picture or several, and a mask whose transparent parts may change', async () => {
  const edited = await client.images.edit({ image: await picture(), prompt: 'make it red', n: 2, size: '256x256', ...extra({ seed: 1, steps: 2, strength: 0.5 }) });
  expectOpenAi('ImagesResponse', edited);
  expect(edited.data).toHaveLength(2);
  expect(await sizeOf(edited.data?.[0]?.b64_json)).toMatchObject({ width: 256, height: 256 });
  const masked = await client.images.edit({ image: [await picture(), await picture()], mask: await picture(), prompt: 'make it red', ...extra({ seed: 1, steps: 2 }) });
  expect(masked.data?.[0]?.b64_json).not.toBe(edited.data?.[0]?.b64_json);
  const stream = await client.images.edit({ image: await picture(), prompt: 'make it red', stream: true, partial_images: 1, ...extra({ steps: 4 }) });
  const types: string[] = [];
  for await (const event of stream) {
    expectOpenAi('ImageEditStreamEvent', event);
    types.push(event.type);
  }
  expect(types).toEqual(['image_edit.partial_image', 'image_edit.completed']);
  const varied = await client.images.createVariation({ image: await picture(), ...extra({ steps: 2 }) });
  expect(varied.data).toHaveLength(1);
});

test('an edit in JSON takes data URLs and media that are kept here', async () => {
  const file = await picture();
  const data = `data:image/png;base64,${Buffer.from(await file.arrayBuffer()).toString('base64')}`;
  const body = { prompt: 'make it red', seed: 1, steps: 2 };
  const ask = async (more: object): Promise<readonly Sent[]> => {
    const response = await server.app.request('/v1/images/edits', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, ...more }) });
    return (await sent(response)).data;
  };
  const [one] = await ask({ images: [{ image_url: data }] });
  const uploaded = await sent(server.app.request('/v1/media', { method: 'POST', headers: { 'content-type': 'image/png' }, body: await file.arrayBuffer() }));
  const [other] = await ask({ images: [{ file_id: uploaded.id }] });
  expect(other?.b64_json).toBe(one?.b64_json);
  expect((await ask({ image: uploaded.url }))[0]?.b64_json).toBe(one?.b64_json);
});

test('what cannot be honoured warns, and unknown fields too', async () => {
  const response = await drawn({ style: 'vivid', background: 'transparent', sampler: 'Euler a', colour: 1, quality: 'low', negative_prompt: 'blue' });
  expect(warningsOf(response)).toEqual(['background_ignored', 'scheduler_ignored', 'style_ignored', 'unknown_field']);
  expect(response.quality).toBe('low');
});

test('nonsense is refused with the name of the field', async () => {
  const faults: [object, number, string, string][] = [
    [{ prompt: '' }, 400, 'prompt', 'bad_input'],
    [{ n: 0 }, 400, 'n', 'bad_input'],
    [{ n: 9 }, 400, 'n', 'bad_option'],
    [{ size: 'big' }, 400, 'size', 'bad_option'],
    [{ size: '9999x16' }, 400, 'size', 'bad_option'],
    [{ model: 'gpt-5' }, 404, 'model', 'unknown_model'],
    [{ output_format: 'gif' }, 400, 'output_format', 'unsupported'],
    [{ steps: 0 }, 400, 'steps', 'bad_option'],
    [{ guidance_scale: 99 }, 400, 'guidance_scale', 'bad_option'],
  ];
  for (const [fields, status, param, code] of faults) {
    const error: unknown = await drawn(fields).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(APIError);
    expect(error, JSON.stringify(fields)).toMatchObject({ status, param, code });
  }
  const text = await toFile(Buffer.from('no picture'), 'a.png');
  await expect(client.images.edit({ image: text, prompt: 'x' })).rejects.toMatchObject({ status: 400, param: 'image', code: 'bad_media' });
});

test('a strict server refuses what it would map or resample', async () => {
  const strict = await startTinyServer(engine, { strict: true });
  try {
    const response = await strict.app.request('/v1/images/generations', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ prompt: 'x', size: '64x64' }) });
    expect([response.status, (await sent(response)).error]).toMatchObject([400, { code: 'unsupported', param: 'size' }]);
  } finally {
    await strict.close();
  }
});
