// The AI SDK through two of its stock providers against a listening server on the tiny bundle: text, files and usage as each reads them,
// streams without a fault, and the picture of the turn before although one of them drops it.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { generateText, streamText, type LanguageModel, type ModelMessage } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let base = '';
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  base = `${await server.listen()}/v1`;
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

const wanted = { modalities: ['text', 'image'], options: { image: { steps: 1 }, text: { maxTokens: 6 } } };
const asked: ModelMessage = { role: 'user', content: 'draw a red apple' };
const settings = { maxRetries: 0, providerOptions: { anymodal: wanted } } as const;

const clients: readonly (readonly [string, number, () => LanguageModel])[] = [
  ['OpenRouter', 1, () => createOpenRouter({ baseURL: base, apiKey: 'none', extraBody: wanted })('tiny')],
  // It reads no pictures of chat completions.
  ['OpenAI-compatible', 0, () => createOpenAICompatible({ name: 'anymodal', baseURL: base, includeUsage: true })('tiny')],
];

test.each(clients)('%s', async (_, files, open) => {
  const model = open();
  const first = await generateText({ model, messages: [asked], ...settings });
  expect([first.files.length, first.text.length > 0, first.usage.totalTokens]).toEqual([files, true, expect.any(Number)]);
  const types: string[] = [];
  for await (const part of streamText({ model, messages: [asked], ...settings }).fullStream) types.push(part.type);
  expect(types).not.toContain('error');
  expect(types.filter((type) => type === 'file')).toHaveLength(files);
  await generateText({ model, messages: [asked, ...first.response.messages, { role: 'user', content: 'make it blue' }], ...settings });
  const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
  expect(job?.request.messages.map(({ role, parts }) => [role, parts.map(({ type }) => type)])).toEqual([['user', ['text']], ['assistant', ['text', 'media']], ['user', ['text']]]);
});
