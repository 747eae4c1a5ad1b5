// A tiny language model that was aligned to a tiny encoder by training/align/input.py, and tuned on dialogues about pictures by training/align/dialogues.py
// (training/align/fixture.py writes both): the bundles open, a picture stands in the prompt as the words that were read in it, between tokens that the graphs did not have, and is answered.

import { afterAll, expect, test } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import type { Message } from '../../src/contracts.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { furthest, jobOf, mediumOf, openFixture, readJson, seen } from './reference.ts';

interface Reference {
  readonly asked: string;
  /** The words that stand where the picture does. */
  readonly block: string;
  readonly embeds: readonly number[];
  /** Positions of the whole prompt. */
  readonly prompt: number;
  readonly reply: readonly number[];
}

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

test.each([
  ['align', 'aligned'],
  ['align-tuned', 'tuned'],
])('a bundle written by training.align answers with a picture as it did there: %s', { timeout: 60_000 }, async (folder, id) => {
  const reference = readJson<Reference>(`${folder}/reference.json`);
  const picture = mediumOf('align/picture.png', 'image', 'image/png');
  const messages: Message[] = [{ role: 'user', parts: [{ type: 'media', media: picture }, { type: 'text', text: reference.asked }] }];
  const chain = await openFixture(folder);
  try {
    expect(chain.bundle.id).toBe(id);
    const job = jobOf(messages, reference.reply.length);
    const { prompt, fed, text } = await seen(chain, { ...job, options: { text: { ...job.options['text'], repetitionPenalty: 1 } } });
    const rows = prompt.filter((position) => typeof position !== 'number');
    expect(reference.block).toContain(' picture of red');
    expect(furthest(rows.flatMap((row) => [...row]), reference.embeds)).toBeLessThan(1e-4);
    expect(prompt).toHaveLength(reference.prompt);
    // The last token is not fed where the reply ends with its length; where the model ends it, all are.
    expect(reference.reply.slice(0, fed.length)).toEqual(fed);
    expect(fed.length).toBeGreaterThanOrEqual(reference.reply.length - 1);
    // What a model of this size learns is the manner.
    if (id === 'tuned') expect(text).toMatch(/^a [a-z]+ [a-z]+$/);
  } finally {
    await chain.dispose();
  }
});

test('words alone are answered by the same bundle, whose new tokens are not said', { timeout: 60_000 }, async () => {
  const chain = await openFixture('align');
  try {
    const { fed, logits } = await seen(chain, jobOf([{ role: 'user', parts: [{ type: 'text', text: 'who is there?' }] }], 8));
    expect(fed.length).toBeGreaterThan(0);
    for (const row of logits) expect(Math.max(...row.slice(-2))).toBeLessThan(Math.max(...row));
  } finally {
    await chain.dispose();
  }
});
