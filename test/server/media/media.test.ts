// Media that are kept: uploaded in every form, listed, searched by likeness, read whole, in ranges and by signed addresses, deleted.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, encodeAudio, encodeImage } from '../../../media/index.ts';
import type { Engine, Media } from '../../../src/contracts.ts';
import { openTinyEngine, sent, startTinyServer, type Sent, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let authorization: string;
let stranger: string;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine, { keysRequired: true });
  authorization = `Bearer ${(await server.parts.keys.add('mine', ['generate', 'read'])).key}`;
  stranger = `Bearer ${(await server.parts.keys.add('other', ['generate', 'read'])).key}`;
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

async function ask(path: string, init: RequestInit = {}, key = authorization): Promise<Response> {
  return server.app.request(path, { ...init, headers: { authorization: key, ...Object.fromEntries(new Headers(init.headers)) } });
}
async function picture(level: number): Promise<Media> {
  return encodeImage({ width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(level) }, { format: 'png', provenance: null, mark: false });
}
function bodyOf(media: Media): Uint8Array<ArrayBuffer> {
  return new Uint8Array(media.bytes);
}
async function upload(media: Media, query = ''): Promise<Sent> {
  const response = await ask(`/v1/media${query}`, { method: 'POST', body: bodyOf(media), headers: { 'content-type': 'application/octet-stream' } });
  expect(response.status).toBe(201);
  return sent(response);
}

test('a medium is uploaded raw, as a form and in JSON; it is the same one', async () => {
  const media = await picture(10);
  const raw = await upload(media, '?name=grey.jpg&title=a%20grey%20square');
  expect(raw).toMatchObject({ object: 'media', id: media.id, modality: 'image', mediaType: 'image/png', size: media.bytes.length, title: 'a grey square', origin: 'upload', job: null });
  const form = new FormData();
  form.set('file', new File([bodyOf(media)], 'grey.png'));
  expect((await sent(ask('/v1/media', { method: 'POST', body: form }))).id).toBe(media.id);
  const data = Buffer.from(media.bytes).toString('base64');
  for (const text of [data, `data:image/png;base64,${data}`]) {
    const response = await ask('/v1/media', { method: 'POST', body: JSON.stringify({ data: text }), headers: { 'content-type': 'application/json' } });
    expect((await sent(response)).id).toBe(media.id);
  }
});

test('what is no medium, or several, is refused', async () => {
  const text = await ask('/v1/media', { method: 'POST', body: 'hello', headers: { 'content-type': 'image/png' } });
  expect([text.status, (await sent(text)).error]).toMatchObject([400, { code: 'bad_media', param: 'file' }]);
  const both = await ask('/v1/media', { method: 'POST', body: JSON.stringify({ data: 'AAAA', url: 'data:image/png;base64,AAAA' }), headers: { 'content-type': 'application/json' } });
  expect([both.status, (await sent(both)).error.code]).toEqual([400, 'bad_input']);
});

test('media are listed in pages, by modality and words', async () => {
  const [first, second] = [await picture(20), await picture(21)];
  await upload(first, '?title=twenty');
  await upload(second, '?title=twenty-one');
  const page = await sent(ask('/v1/media?limit=1&modality=image'));
  expect(page).toMatchObject({ object: 'list', hasMore: true, data: [{ id: second.id }], lastId: second.id });
  const next = await sent(ask(`/v1/media?limit=1&modality=image&after=${page.lastId}`));
  expect(next.data[0]?.id).toBe(first.id);
  expect((await sent(ask('/v1/media?text=twenty-one'))).data.map(({ id }) => id)).toEqual([second.id]);
  expect((await sent(ask('/v1/media?modality=audio'))).data).toEqual([]);
  expect((await sent(ask('/v1/media', {}, stranger))).data).toEqual([]);
});

test('bytes are read whole, in one range, by HEAD, and not again', async () => {
  const media = await picture(30);
  const { id } = await upload(media, '?name=..%2F..%2Fa%20%22b%22%20%C3%A9.png');
  const path = `/v1/media/${id}/content`;
  const whole = await ask(path);
  expect(new Uint8Array(await whole.arrayBuffer())).toEqual(new Uint8Array(media.bytes));
  expect(Object.fromEntries(whole.headers)).toMatchObject({ 'content-type': 'image/png', 'accept-ranges': 'bytes', etag: `"${id}"`, 'content-length': String(media.bytes.length), 'x-content-type-options': 'nosniff' });
  expect(whole.headers.get('content-disposition')).toBe("inline; filename=\"_.._a _b_ _.png\"; filename*=UTF-8''_.._a%20_b_%20%C3%A9.png");
  expect((await ask(`${path}?download`)).headers.get('content-disposition')).toMatch(/^attachment; /);

  const size = media.bytes.length;
  for (const [range, start, end] of [['bytes=0-9', 0, 9], ['bytes=5-', 5, size - 1], ['bytes=-4', size - 4, size - 1], [`bytes=2-${size + 99}`, 2, size - 1]] as const) {
    const part = await ask(path, { headers: { range } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end}/${size}`]);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(new Uint8Array(media.bytes.slice(start, end + 1)));
  }
  for (const range of [`bytes=${size}-`, 'bytes=0-1,3-4', 'bytes=9-2', 'bytes=-0']) {
    const none = await ask(path, { headers: { range } });
    expect([range, none.status, none.headers.get('content-range')]).toEqual([range, 416, `bytes */${size}`]);
  }
  expect((await ask(path, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })).status).toBe(200);
  const head = await ask(path, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), (await head.arrayBuffer()).byteLength]).toEqual([200, String(size), 0]);
  expect((await ask(path, { headers: { 'if-none-match': `W/"${id}"` } })).status).toBe(304);
});

test('a signed address lets in whoever has it, until it expires and as it was signed', async () => {
  const { url, id } = await upload(await picture(40));
  const path = url.replace(/^https?:\/\/[^/]+/, '');
  expect((await server.app.request(path)).status).toBe(200);
  expect((await server.app.request(`/v1/media/${id}/content`)).status).toBe(401);
  expect((await ask(`/v1/media/${id}/content`, {}, stranger)).status).toBe(404);
  for (const change of [(text: string) => text.replace(/expires=\d+/, 'expires=9999999999'), (text: string) => text.replace(id, 'f'.repeat(64)), (text: string) => text.replace(/owner=[^&]*/, 'owner=local')]) {
    expect((await server.app.request(change(path))).status).toBe(401);
  }
  expect((await server.app.request(path, { method: 'DELETE' })).status).toBe(401);
});

test('search finds what is nearest in the joint space, by words and by a medium', async () => {
  const dark = await picture(0);
  const sound = await encodeAudio({ samples: new Float32Array(16_000).map((_, index) => Math.sin(index / 10) / 2), sampleRateHz: 16_000 }, { format: 'wav', provenance: null, mark: false });
  await upload(dark);
  await upload(sound);
  const like = await sent(ask('/v1/media/search', { method: 'POST', body: JSON.stringify({ id: dark.id, limit: 3 }), headers: { 'content-type': 'application/json' } }));
  expect(like.data[0]).toMatchObject({ id: dark.id, similarity: expect.closeTo(1, 4) });
  const words = await sent(ask('/v1/media/search?text=a+dog&limit=100'));
  const similarities: number[] = words.data.map(({ similarity }) => similarity);
  expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
  expect(words.data.map(({ id }) => id)).toEqual(expect.arrayContaining([dark.id, sound.id]));
  const sounds = await sent(ask('/v1/media/search?text=a+dog&modality=audio'));
  expect(sounds.data.map(({ id }) => id)).toEqual([sound.id]);
  expect((await sent(ask('/v1/media/search?text=a+dog', {}, stranger))).data).toEqual([]);
  expect((await ask('/v1/media/search?text=')).status).toBe(400);
});

test('a medium is deleted for its owner', async () => {
  const { id } = await upload(await picture(50));
  expect((await ask(`/v1/media/${id}`, { method: 'DELETE' }, stranger)).status).toBe(404);
  expect(await sent(ask(`/v1/media/${id}`, { method: 'DELETE' }))).toEqual({ object: 'media.deleted', id, deleted: true });
  for (const path of [`/v1/media/${id}`, `/v1/media/${id}/content`]) expect((await ask(path)).status).toBe(404);
});
