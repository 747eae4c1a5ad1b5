// OpenAI's video routes through OpenAI's own client: made in the background, listed, read, changed, deleted.

import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, encodeImage, inspectVideo, mediaFromBytes } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { expectOpenAi } from '../openai-schema.ts';
import { openTinyEngine, sent, startTinyServer, type TinyServer } from '../tiny-server.ts';

type Video = OpenAI.Videos.Video;

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

/** Fields that OpenAI's types do not have. */
function extra(fields: object): object {
  return fields;
}
async function ended({ id }: Video): Promise<Video> {
  for await (const event of server.parts.queue.events(id, 0)) void event;
  const video = await client.videos.retrieve(id);
  expectOpenAi('VideoResource', video);
  return video;
}
async function made(fields: object = {}): Promise<Video> {
  const video = await client.videos.create({ prompt: 'a red ball rolls', ...extra({ num_frames: 4, steps: 2, seed: 3, ...fields }) });
  expectOpenAi('VideoResource', video);
  return video;
}
async function picture(): Promise<File> {
  const { bytes } = await encodeImage({ width: 64, height: 64, pixels: new Uint8Array(64 * 64 * 3).fill(90) }, { format: 'png', provenance: null, mark: false });
  return toFile(bytes, 'grey.png', { type: 'image/png' });
}

test('a video is made in the background and read whole, in part and as a picture', async () => {
  const video = await made();
  expect(video).toMatchObject({ id: expect.stringMatching(/^video_/), object: 'video', model: 'tiny', status: expect.stringMatching(/queued|in_progress/), prompt: 'a red ball rolls', seconds: '0.5', completed_at: null, error: null });
  expect(await ended(video)).toMatchObject({ status: 'completed', progress: 100, completed_at: expect.any(Number), seed: 3 });
  const content = await client.videos.downloadContent(video.id);
  expect(content.headers.get('content-type')).toBe('video/mp4');
  const bytes = new Uint8Array(await content.arrayBuffer());
  expect(await inspectVideo(await mediaFromBytes(bytes))).toMatchObject({ frames: 4 });
  const range = await server.app.request(`/v1/videos/${video.id}/content`, { headers: { range: 'bytes=0-3' } });
  expect([range.status, (await range.arrayBuffer()).byteLength]).toEqual([206, 4]);
  const thumbnail = await client.videos.downloadContent(video.id, { variant: 'thumbnail' });
  expect(thumbnail.headers.get('content-type')).toBe('image/webp');
  await expect(client.videos.downloadContent(video.id, { variant: 'spritesheet' })).rejects.toMatchObject({ status: 400, code: 'unsupported', param: 'variant' });
});

test('length and size are the nearest that the decoder makes, with warnings', async () => {
  const video = await client.videos.create({ prompt: 'a ball', seconds: '12', size: '720x1280', ...extra({ steps: 1 }) });
  expect(video).toMatchObject({ seconds: '8', size: '512x512', warnings: [{ code: 'seconds_changed' }, { code: 'size_changed' }] });
  await client.videos.delete(video.id);
  const plain = await client.videos.create({ prompt: 'a ball', seconds: '4' });
  expect(plain).toMatchObject({ seconds: '4', size: '128x128', warnings: [] });
  await client.videos.delete(plain.id);
});

test('a picture is the first frame; a sound goes with the video', async () => {
  const video = await client.videos.create({ prompt: 'it jumps', input_reference: await picture(), ...extra({ num_frames: 4, steps: 1, generate_audio: true }) });
  const record = await server.parts.queue.get(video.id);
  expect(record?.request.messages[0]?.parts.map(({ type }) => type)).toEqual(['media', 'text']);
  expect(record?.request.outputs).toEqual(['video', 'audio']);
  expect((await ended(video)).status).toBe('completed');
  const uploaded = await sent(server.app.request('/v1/media', { method: 'POST', headers: { 'content-type': 'image/png' }, body: await (await picture()).arrayBuffer() }));
  const other = await client.videos.create({ prompt: 'it jumps', input_reference: { file_id: uploaded.id } });
  expect((await server.parts.queue.get(other.id))?.request.messages[0]?.parts[0]).toMatchObject({ media: { id: uploaded.id } });
  await client.videos.delete(other.id);
});

test('a finished video is remixed and edited', async () => {
  const video = await made();
  await ended(video);
  const remix = await client.videos.remix(video.id, { prompt: 'make it blue' });
  // With the seed and the settings of the first.
  expect(remix).toMatchObject({ remixed_from_video_id: video.id, seed: 3, seconds: '0.5', size: '128x128' });
  expect((await server.parts.queue.get(remix.id))?.request.options).toEqual({ video: { frames: 4, steps: 2 } });
  expect((await ended(remix)).status).toBe('completed');
  const edit = await client.videos.edit({ prompt: 'make it blue', video: { id: video.id }, ...extra({ num_frames: 4, steps: 2 }) });
  expect((await ended(edit)).status).toBe('completed');
  await expect(client.videos.extend({ prompt: 'on', seconds: '4', video: { id: video.id } })).rejects.toMatchObject({ status: 400, code: 'unsupported' });
});

test('videos are listed in pages and deleted; deleting one that runs cancels it', async () => {
  const long = await client.videos.create({ prompt: 'long', ...extra({ steps: 900 }) });
  await expect(client.videos.downloadContent(long.id)).rejects.toMatchObject({ status: 409, code: 'conflict' });
  const page = await client.videos.list({ limit: 1 });
  expectOpenAi('VideoListResource', { object: 'list', data: page.data, first_id: page.data[0]?.id ?? null, last_id: page.last_id, has_more: page.has_more });
  expect([page.data[0]?.id, page.has_more]).toEqual([long.id, true]);
  const ids: string[] = [];
  for await (const { id } of client.videos.list({ limit: 2, order: 'asc' })) ids.push(id);
  expect(ids.at(-1)).toBe(long.id);
  expect(new Set(ids).size).toBe(ids.length);
  const deleted = await client.videos.delete(long.id);
  expectOpenAi('DeletedVideoResource', deleted);
  await expect(client.videos.retrieve(long.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
});

test('a cancelled video says so, and the same key makes one video', async () => {
  const long = await client.videos.create({ prompt: 'long', ...extra({ steps: 900 }) }, { headers: { 'idempotency-key': 'v-1' } });
  const again = await client.videos.create({ prompt: 'long', ...extra({ steps: 900 }) }, { headers: { 'idempotency-key': 'v-1' } });
  expect(again.id).toBe(long.id);
  const cancelled = await sent(server.app.request(`/v1/videos/${long.id}/cancel`, { method: 'POST' }));
  expect(cancelled).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
  expectOpenAi('VideoResource', cancelled);
});

test('nonsense is refused with the name of the field', async () => {
  const faults: [object, string, string][] = [
    [{ prompt: ' ' }, 'prompt', 'bad_input'],
    [{ seconds: 'long' }, 'seconds', 'bad_input'],
    [{ seconds: '0' }, 'seconds', 'bad_option'],
    [{ size: 'tall' }, 'size', 'bad_option'],
    [{ num_frames: 1 }, 'num_frames', 'bad_option'],
    [{ output_format: 'avi' }, 'output_format', 'unsupported'],
    [{ input_reference: await toFile(Buffer.from('text'), 'a.png') }, 'input_reference', 'bad_media'],
  ];
  for (const [fields, param, code] of faults) await expect(client.videos.create({ prompt: 'x', ...fields }), JSON.stringify(fields)).rejects.toMatchObject({ status: 400, param, code });
});
