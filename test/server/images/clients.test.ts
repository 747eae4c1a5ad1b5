// Pictures through other clients than OpenAI's: the AI SDK's, OpenRouter's, and Open WebUI as it speaks to AUTOMATIC1111's web interface.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { generateImage } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia, inspectImage, mediaFromBytes } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let address: string;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  address = await server.listen();
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

async function sizeOf(bytes: Uint8Array): Promise<{ width: number; height: number; type: string }> {
  const media = await mediaFromBytes(bytes);
  const { width, height } = await inspectImage(media);
  return { width, height, type: media.mediaType };
}
async function post(path: string, body: object): Promise<Response> {
  return server.app.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}
/** The answer of /sdapi routes. */
async function drawn(path: string, body: object): Promise<{ images: string[]; info: string }> {
  const response = await post(path, body);
  expect(response.status).toBe(200);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong shows in the test
  return (await response.json()) as { images: string[]; info: string };
}

test('the AI SDK with its provider for compatible servers draws and edits', async () => {
  const provider = createOpenAICompatible({ name: 'anymodal', baseURL: `${address}/v1` });
  const { images } = await generateImage({ model: provider.imageModel('tiny'), prompt: 'a red apple', n: 2, size: '64x64', providerOptions: { anymodal: { seed: 7, steps: 2 } } });
  expect(images).toHaveLength(2);
  const first = images[0]?.uint8Array ?? new Uint8Array();
  expect(await sizeOf(first)).toEqual({ width: 64, height: 64, type: 'image/png' });
  const { image } = await generateImage({ model: provider.imageModel('tiny'), prompt: { text: 'make it blue', images: [first] }, providerOptions: { anymodal: { steps: 2 } } });
  expect((await sizeOf(image.uint8Array)).type).toBe('image/png');
});

test('OpenRouter\'s provider draws', async () => {
  const provider = createOpenRouter({ apiKey: 'none', baseURL: `${address}/v1` });
  const { image } = await generateImage({ model: provider.imageModel('tiny'), prompt: 'a red apple', aspectRatio: '1:2', seed: 3 });
  const { width, height } = await sizeOf(image.uint8Array);
  expect(height / width).toBeCloseTo(2, 1);
});

test('Open WebUI\'s A1111 engine chooses a model and draws', async () => {
  expect(await (await server.app.request('/sdapi/v1/options')).json()).toEqual({ sd_model_checkpoint: 'tiny' });
  expect(await (await server.app.request('/sdapi/v1/sd-models')).json()).toMatchObject([{ title: 'tiny', model_name: 'tiny' }]);
  expect((await post('/sdapi/v1/options', { sd_model_checkpoint: 'small' })).status).toBe(200);
  expect((await post('/sdapi/v1/options', { sd_model_checkpoint: 'other' })).status).toBe(404);
  const request = { prompt: 'a red apple', batch_size: 2, width: 64, height: 96, steps: 2, cfg_scale: 2, sampler_name: 'Euler', seed: 11, negative_prompt: '' };
  const { images, info } = await drawn('/sdapi/v1/txt2img', request);
  expect(images).toHaveLength(2);
  expect(await sizeOf(Buffer.from(images[0] ?? '', 'base64'))).toEqual({ width: 64, height: 96, type: 'image/png' });
  expect(JSON.parse(info)).toMatchObject({ seed: 11, all_seeds: [11, 12], sd_model_name: 'tiny' });
  const again = await drawn('/sdapi/v1/txt2img', { ...request, batch_size: 1, seed: 12 });
  expect(again.images[0]).toBe(images[1]);
  const edited = await drawn('/sdapi/v1/img2img', { ...request, batch_size: 1, init_images: [images[0]], denoising_strength: 0.4, mask: images[1] });
  expect(edited.images).toHaveLength(1);
  const basic = await server.app.request('/sdapi/v1/options', { headers: { authorization: `Basic ${btoa('user:nothing')}` } });
  expect(basic.status).toBe(200);
});
