// The AI SDK through our provider against a real server on the tiny bundle: words and media in order, pictures, edits, videos, speech, embeddings.
import { APICallError, embedMany, experimental_generateVideo as generateVideo, generateImage, generateSpeech, generateText, streamText } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, mediaFromBytes } from '../../media/index.ts';
import { createAnymodal, type AnymodalProvider } from '../../src/ai-sdk/index.ts';
import type { Engine } from '../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../server/tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let provider: AnymodalProvider;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  provider = createAnymodal({ baseURL: `${await server.listen()}/v1` });
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

const few = { anymodal: { steps: 2 } };

test('a conversation: words as they come, a picture in its place, and the picture goes back in', async () => {
  const providerOptions = { anymodal: { modalities: ['text', 'image'], steps: 2, seed: 5 } };
  const stream = streamText({ model: provider('tiny'), prompt: 'draw a red apple', maxOutputTokens: 12, providerOptions });
  const kinds: string[] = [];
  for await (const part of stream.fullStream) if (part.type === 'file' || part.type === 'text-delta') kinds.push(part.type);
  expect(kinds).toContain('file');
  const [file] = await stream.files;
  if (file === undefined) throw new Error('no picture');
  expect((await mediaFromBytes(file.uint8Array)).modality).toBe('image');
  expect((await stream.usage).outputTokens).toBeGreaterThan(0);

  const again = await generateText({
    model: provider('tiny'),
    messages: [{ role: 'user', content: 'draw a red apple' }, ...(await stream.response).messages, { role: 'user', content: [{ type: 'text', text: 'make it blue' }, { type: 'file', mediaType: file.mediaType, data: file.uint8Array }] }],
    maxOutputTokens: 12,
    providerOptions,
  });
  expect(again.files).toHaveLength(1);
  expect(again.finalStep.providerMetadata?.['anymodal']).toMatchObject({ seed: 5 });
});

test('what cannot be honoured is a warning', async () => {
  const { warnings } = await generateText({ model: provider('tiny'), prompt: 'hello', maxOutputTokens: 4, presencePenalty: 1 });
  expect(warnings).toContainEqual({ type: 'unsupported', feature: 'presencePenalty' });
});

test('pictures: image i of n is the one at seed + i; edits take files and a mask', async () => {
  const both = await generateImage({ model: provider.image('tiny'), prompt: 'a red apple', n: 2, seed: 7, providerOptions: few });
  const second = await generateImage({ model: provider.image('tiny'), prompt: 'a red apple', seed: 8, providerOptions: few });
  expect(both.images[1]?.base64).toBe(second.image.base64);
  expect(both.providerMetadata['anymodal']).toMatchObject({ images: [{ seed: 7 }, { seed: 8 }] });
  const edited = await generateImage({ model: provider.image('tiny'), prompt: { text: 'make it blue', images: [both.image.uint8Array] }, seed: 1, providerOptions: few });
  expect((await mediaFromBytes(edited.image.uint8Array)).mediaType).toBe('image/png');
});

test('a video, and speech', async () => {
  const { video } = await generateVideo({ model: provider.video('tiny'), prompt: 'a bouncing ball', seed: 2, providerOptions: few });
  expect((await mediaFromBytes(video.uint8Array)).modality).toBe('video');
  const { audio } = await generateSpeech({ model: provider.speech('tiny'), text: 'good morning', outputFormat: 'wav' });
  expect((await mediaFromBytes(audio.uint8Array)).mediaType).toBe('audio/wav');
});

test('embeddings of several texts', async () => {
  const { embeddings } = await embedMany({ model: provider.embeddingModel('tiny'), values: ['a cat', 'a dog'] });
  expect(embeddings).toHaveLength(2);
  expect(Math.hypot(...(embeddings[0] ?? []))).toBeCloseTo(1, 3);
});

test('an error has its status and code, and is not tried again in vain', async () => {
  const failure: unknown = await generateText({ model: provider('nothing'), prompt: 'hello' }).catch((error: unknown) => error);
  if (!APICallError.isInstance(failure)) throw failure;
  expect(failure).toMatchObject({ isRetryable: false, data: { code: 'unknown_model' } });
});
