// The real bundle through the AI SDK: a picture is drawn and edited over three turns, with the messages that the SDK itself keeps,
// by our provider and by the stock one for OpenAI's shapes. Skipped where the weights are absent.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText, type ModelMessage } from 'ai';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import { createAnymodal } from '../../src/ai-sdk/index.ts';
import type { Engine } from '../../src/contracts.ts';
import { colourOf } from '../server/colour.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../server/tiny-server.ts';

const weights = fileURLToPath(new URL('../../models/nano/bundle.json', import.meta.url));
const hasWeights = existsSync(weights);

test.runIf(!hasWeights)('models/nano/bundle.json is absent: the tests of the real bundle did not run', ({ skip }) => {
  skip('put the weights into models/nano');
});

describe.runIf(hasWeights)('nano', () => {
  let engine: Engine;
  let server: TinyServer;
  let address: string;
  beforeAll(async () => {
    engine = await openTinyEngine(dirname(weights));
    server = await startTinyServer(engine);
    address = await server.listen();
  }, 300_000);
  afterAll(async () => {
    await server.close();
    await engine.close();
    await closeMedia();
  });

  async function lastLog(): ReturnType<typeof server.parts.queue.logged> {
    const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
    return server.parts.queue.logged(job!.id, 0);
  }

  /** The media that the picture made last was made from, as ordinals of the conversation. */
  async function references(): Promise<readonly number[]> {
    return (await lastLog()).flatMap((event) => (event.type === 'media-start' ? event.references : []));
  }

  test('our provider: drawn, made green and then blue, streamed and not, with the messages that the SDK keeps', { timeout: 300_000 }, async () => {
    const model = createAnymodal({ baseURL: `${address}/v1` })('tiny');
    const messages: ModelMessage[] = [{ role: 'user', content: 'Draw a red apple.' }];
    const drawn = await generateText({ model, messages, seed: 3 });
    expect(drawn.files).toHaveLength(1);
    const red = await colourOf(drawn.files[0]!.base64);
    expect(red[0]).toBeGreaterThan(red[1]);

    messages.push(...drawn.response.messages, { role: 'user', content: 'Make it green.' });
    const stream = streamText({ model, messages, seed: 3 });
    const [edited] = await stream.files;
    const green = await colourOf(edited!.base64);
    expect(green[1]).toBeGreaterThan(green[0]);
    expect(await references()).toEqual([1]);

    messages.push(...(await stream.response).messages, { role: 'user', content: 'Now make it blue.' });
    const again = await generateText({ model, messages, seed: 3 });
    const blue = await colourOf(again.files[0]!.base64);
    expect(blue[2]).toBeGreaterThan(blue[0]);
    // It edits the picture of the answer before.
    expect(await references()).toEqual([2]);
  });

  test('the provider for OpenAI\'s shapes, which keeps words alone: the server remembers the picture', { timeout: 300_000 }, async () => {
    const model = createOpenAICompatible({ name: 'anymodal', baseURL: `${address}/v1` })('tiny');
    const messages: ModelMessage[] = [{ role: 'user', content: 'Draw a red apple.' }];
    const drawn = await generateText({ model, messages, seed: 3 });
    messages.push(...drawn.response.messages, { role: 'user', content: 'Make it green.' });
    await generateText({ model, messages, seed: 3 });
    expect(await references()).toEqual([1]);
    const ended = (await lastLog()).find((event) => event.type === 'media-end');
    const { bytes } = await server.parts.media.read(ended!.media);
    const green = await colourOf(Buffer.from(bytes).toString('base64'));
    expect(green[1]).toBeGreaterThan(green[0]);
  });
});
