// The real bundle through the stock `openai` client: a picture is drawn and edited over several turns, in chat and in responses, although
// the client sends words alone. Skipped where the weights are absent.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { colourOf } from '../colour.ts';
import { faultsBySchema } from '../chat/openai-schemas.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../tiny-server.ts';

const weights = fileURLToPath(new URL('../../../models/nano/bundle.json', import.meta.url));
const hasWeights = existsSync(weights);

test.runIf(!hasWeights)('models/nano/bundle.json is absent: the tests of the real bundle did not run', ({ skip }) => {
  skip('put the weights into models/nano');
});

describe.runIf(hasWeights)('nano', () => {
  let engine: Engine;
  let server: TinyServer;
  let client: OpenAI;
  beforeAll(async () => {
    engine = await openTinyEngine(dirname(weights));
    server = await startTinyServer(engine);
    client = new OpenAI({ baseURL: `${await server.listen()}/v1`, apiKey: 'none', maxRetries: 0, timeout: 120_000 });
  }, 120_000);
  afterAll(async () => {
    await server.close();
    await engine.close();
    await closeMedia();
  });

  test('chat: drawn, made green and then blue, by words alone', async () => {
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [];
    const say = async (content: string): Promise<string> => {
      messages.push({ role: 'user', content });
      const completion = await client.chat.completions.create({ model: 'tiny', messages, seed: 3 });
      expect(faultsBySchema('CreateChatCompletionResponse', completion)).toEqual([]);
      const message: { readonly content: string; readonly images?: readonly { readonly image_url: { readonly url: string } }[] } = JSON.parse(JSON.stringify(completion.choices[0]?.message));
      // What a client keeps of an answer.
      messages.push({ role: 'assistant', content: message.content });
      expect(message.images).toHaveLength(1);
      return message.images![0]!.image_url.url.split(',')[1]!;
    };
    const red = await colourOf(await say('Draw a red apple.'));
    expect(red[0]).toBeGreaterThan(red[1]);
    const green = await colourOf(await say('Make it green.'));
    expect(green[1]).toBeGreaterThan(green[0]);
    const blue = await colourOf(await say('Now make it blue.'));
    expect(blue[2]).toBeGreaterThan(blue[0]);
    const [job] = await server.parts.queue.list({ owner: 'local', kind: 'chat' }, { limit: 1 });
    const log = await server.parts.queue.logged(job!.id, 0);
    // It edits the picture of the answer before.
    expect(log.flatMap((event) => (event.type === 'media-start' ? event.references : []))).toEqual([2]);
  }, 120_000);

  test('responses: drawn, edited as a stream with partial images, and edited again by its item\'s id', async () => {
    const first = await client.responses.create({ model: 'tiny', input: 'Draw a red apple.' });
    expect(faultsBySchema('Response', JSON.parse(JSON.stringify({ ...first, output_text: undefined })))).toEqual([]);
    const drawn = first.output.find((item) => item.type === 'image_generation_call');
    const red = await colourOf(drawn?.result ?? '');
    expect(red[0]).toBeGreaterThan(red[1]);

    const partial: string[] = [];
    let edited: { readonly id: string; readonly result: string | null } | null = null;
    const stream = await client.responses.create({ model: 'tiny', input: 'Make it green.', previous_response_id: first.id, stream: true, tools: [{ type: 'image_generation', partial_images: 2 }] });
    for await (const event of stream) {
      expect(faultsBySchema('ResponseStreamEvent', event), event.type).toEqual([]);
      if (event.type === 'response.image_generation_call.partial_image') partial.push(event.partial_image_b64);
      if (event.type === 'response.output_item.done' && event.item.type === 'image_generation_call') edited = event.item;
    }
    expect(partial).toHaveLength(2);
    expect(edited).toMatchObject({ action: 'edit' });
    const green = await colourOf(edited!.result ?? '');
    expect(green[1]).toBeGreaterThan(green[0]);

    const again = await client.responses.create({
      model: 'tiny',
      input: [
        { role: 'user', content: 'Make it green.' },
        { type: 'image_generation_call', id: edited!.id, status: 'completed', result: null },
        { role: 'user', content: [{ type: 'input_text', text: 'Make it blue.' }] },
      ],
    });
    const blue = await colourOf(again.output.find((item) => item.type === 'image_generation_call')?.result ?? '');
    expect(blue[2]).toBeGreaterThan(blue[0]);
  }, 120_000);
});
