// The media routes and the job API from end to end on nano, its engine in a process of its own, through OpenAI's client.
// Skipped where the bundle's weights are not there.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeMedia, inspectAudio, inspectImage, inspectVideo, mediaFromBytes } from '../../media/index.ts';
import type { Engine } from '../../src/contracts.ts';
import { startEngine } from '../../src/engine/client.ts';
import { expectOpenAi } from './openai-schema.ts';
import { factoryModules, sent, startTinyServer, type TinyServer } from './tiny-server.ts';

const bundle = fileURLToPath(new URL('../../models/nano', import.meta.url));
const TIMEOUT_MS = 180_000;

/** Fields that OpenAI's types do not have. */
function extra(fields: object): object {
  return fields;
}
function bytesOf(b64: string | undefined): Uint8Array {
  return Buffer.from(b64 ?? '', 'base64');
}
function cosine(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

describe.skipIf(!existsSync(`${bundle}/bundle.json`))('nano', () => {
  let engine: Engine;
  let server: TinyServer;
  let client: OpenAI;
  beforeAll(async () => {
    engine = await startEngine({ bundle, device: 'cpu', factoryModules });
    server = await startTinyServer(engine);
    client = new OpenAI({ baseURL: `${await server.listen()}/v1`, apiKey: 'none', maxRetries: 0 });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await server.close();
    await engine.close();
    await closeMedia();
  }, TIMEOUT_MS);

  test('a picture is drawn with unfinished ones on the way, the same as without, and edited', async () => {
    const request = { prompt: 'a red apple', ...extra({ seed: 1, steps: 6 }) };
    const stream = await client.images.generate({ ...request, stream: true, partial_images: 2 });
    const events: OpenAI.ImageGenStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ type }) => type)).toEqual(['image_generation.partial_image', 'image_generation.partial_image', 'image_generation.completed']);
    for (const event of events) expectOpenAi('ImageGenStreamEvent', event);
    const two = await client.images.generate({ ...request, n: 2 });
    expectOpenAi('ImagesResponse', two);
    expect(two.data?.[0]?.b64_json).toBe(events.at(-1)?.b64_json);
    const drawn = bytesOf(two.data?.[0]?.b64_json);
    expect(await inspectImage(await mediaFromBytes(drawn))).toMatchObject({ width: 128, height: 128 });
    const edited = await client.images.edit({ image: await toFile(drawn, 'apple.png', { type: 'image/png' }), prompt: 'make it green', size: '256x256', ...extra({ seed: 1, steps: 6 }) });
    expect(await inspectImage(await mediaFromBytes(bytesOf(edited.data?.[0]?.b64_json)))).toMatchObject({ width: 256, height: 256 });
  }, TIMEOUT_MS);

  test('a conversation of jobs: drawn, then changed by words alone', async () => {
    const { id: conversation } = await server.parts.conversations.create('local', null);
    const ask = async (text: string): Promise<{ references: unknown; id: string }> => {
      const body = JSON.stringify({ input: [{ type: 'text', text }], outputs: ['image'], conversation, seed: 2, options: { image: { steps: 4 } } });
      const { id } = await sent(server.app.request('/v1/jobs', { method: 'POST', headers: { 'content-type': 'application/json' }, body }));
      for await (const event of server.parts.queue.events(id, 0)) void event;
      const job = await sent(server.app.request(`/v1/jobs/${id}`));
      expect(job).toMatchObject({ status: 'completed', outputs: [{ type: 'media', output: 'image' }] });
      return { references: Reflect.get(job.outputs[0] ?? {}, 'references'), id: job.outputs[0]?.media.id ?? '' };
    };
    const first = await ask('Draw a red apple.');
    const second = await ask('Make it blue.');
    expect([first.references, second.references]).toEqual([[], [1]]);
    expect(second.id).not.toBe(first.id);
  }, TIMEOUT_MS);

  test('a video, a sound and speech', async () => {
    const video = await client.videos.create({ prompt: 'a red ball jumps', ...extra({ num_frames: 8, steps: 2, seed: 4 }) });
    const sound = await client.post<Response>('/audio/generations', { body: { prompt: 'a dog barks', seconds: 1, steps: 2, seed: 4 }, __binaryResponse: true });
    expect((await inspectAudio(await mediaFromBytes(new Uint8Array(await sound.arrayBuffer())))).seconds).toBeCloseTo(1, 1);
    const speech = await client.audio.speech.create({ model: 'small', voice: 'slt', input: 'A red ball jumps.', response_format: 'wav' });
    expect((await inspectAudio(await mediaFromBytes(new Uint8Array(await speech.arrayBuffer())))).seconds).toBeGreaterThan(0.5);
    for await (const event of server.parts.queue.events(video.id, 0)) void event;
    expect(await client.videos.retrieve(video.id)).toMatchObject({ status: 'completed', seconds: '1', size: '128x128' });
    const content = await client.videos.downloadContent(video.id);
    expect(await inspectVideo(await mediaFromBytes(new Uint8Array(await content.arrayBuffer())))).toMatchObject({ frames: 8, width: 128 });
  }, TIMEOUT_MS);

  test('what is alike is near, and found by words', async () => {
    const { data } = await client.embeddings.create({ model: 'small', input: ['a dog', 'a puppy', 'a train station'] });
    const [dog = [], puppy = [], station = []] = data.map(({ embedding }) => embedding);
    expect(cosine(dog, puppy)).toBeGreaterThan(cosine(dog, station));
    const { data: found } = await sent(server.app.request('/v1/media/search?text=a+red+apple&modality=image&limit=5'));
    expect(found.map(({ title }) => title).join(' ')).toContain('apple');
  }, TIMEOUT_MS);
});
