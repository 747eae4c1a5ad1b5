// Chat models that read pictures, as their exporters write them: prompt, embeddings, logits and the greedy reply are those of transformers.
// The models are tiny, of the true classes, with random weights (training/fixtures/picture_chains.py).

import { afterAll, expect, test } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import type { Message } from '../../src/contracts.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { furthest, jobOf, mediumOf, openFixture, readJson, seen, unpack } from './reference.ts';

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

const pictures = { any: mediumOf('picture-chains/picture.png', 'image', 'image/png'), square: mediumOf('picture-chains/square.png', 'image', 'image/png') };

test.each([
  ['llava-clip', pictures.any],
  ['llava-siglip', pictures.any],
  ['blip2', pictures.any],
  ['instructblip', pictures.any],
  ['idefics2', pictures.square],
  ['idefics3', pictures.square],
] as const)('%s answers as transformers does', { timeout: 60_000 }, async (name, picture) => {
  const { cases } = readJson(`picture-chains/${name}/reference.json`);
  const chain = await openFixture(`picture-chains/${name}`);
  try {
    for (const each of cases) {
      const messages = each.messages.map(({ role, parts }): Message => ({ role, parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : { type: 'media', media: picture })) }));
      const { prompt, fed, logits, text } = await seen(chain, jobOf(messages, each.reply.length));
      expect(prompt.length).toBe(each.ids.length);
      expect(prompt.filter((position) => typeof position === 'number')).toEqual(each.ids.filter((_, i) => typeof prompt[i] === 'number'));
      const rows = prompt.filter((position) => typeof position !== 'number');
      expect(furthest(rows.flatMap((row) => [...row]), unpack(each.embeds))).toBeLessThan(1e-3);
      expect(fed).toEqual(each.reply.slice(0, -1));
      const expected = unpack(each.logits);
      const width = expected.length / each.reply.length;
      logits.forEach((found, step) => expect(furthest(found, expected.subarray(step * width, (step + 1) * width), 5)).toBeLessThan(1e-3));
      expect(text).toBe(each.text);
    }
  } finally {
    await chain.dispose();
  }
});
