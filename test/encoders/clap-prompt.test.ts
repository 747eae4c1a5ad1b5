// CLAP's text tower and RoBERTa's tokenizer against transformers.

import { afterAll, describe, expect, test } from 'vitest';
import { clapPrompt } from '../../encoders/text/clap-prompt.ts';
import { openPieces } from '../../encoders/text/text-tower.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { dot, l2Normalise } from '../../src/runtime/tensors.ts';
import { testContext, using } from '../conformance/component.ts';
import { describeFactory } from '../conformance/component.ts';
import { bundle, filesOf, floats, reference, sourceOf } from '../decoders/audio/audioldm-fixture.ts';

afterAll(() => {
  expect(openSessionCount()).toBe(0);
});

test('the tokenizer equals transformers on 1,000 strings', async () => {
  const { before, after, pieces } = await openPieces(sourceOf('prompt-encoder'));
  const { strings, ids } = reference.tokenizer;
  expect(strings).toHaveLength(1000);
  expect(strings.filter((text, i) => [...before, ...pieces(text), ...after].join() !== ids[i]!.join())).toEqual([]);
});

test('what spells a special token stays text', async () => {
  const { before, after, pieces } = await openPieces(sourceOf('prompt-encoder'));
  expect(pieces('<s></s>').some((id) => before.includes(id) || after.includes(id))).toBe(false);
  expect([before.length, after.length]).toEqual([1, 1]);
});

describe('vectors', () => {
  test.each(reference.vectors)('$prompt', async ({ prompt, vector }) => {
    const context = testContext();
    const given = await using(clapPrompt.open(sourceOf('prompt-encoder')), async (projector) => projector.project({ type: 'prompt', text: prompt }, context));
    expect(given['tokens']!.shape).toEqual([1, 16]);
    expect(dot(given['tokens']!.data, l2Normalise(floats(vector)))).toBeGreaterThan(0.9999);
    expect(dot(given['emptyTokens']!.data, l2Normalise(floats(reference.vectors.find((each) => each.prompt === '')!.vector)))).toBeGreaterThan(0.9999);
    expect(context.warnings).toEqual(prompt.length > 300 ? ['prompt_truncated'] : []);
  });
});

describeFactory(clapPrompt, { config: bundle.components['prompt-encoder']!.config, files: filesOf('prompt-encoder'), wrongConfig: { width: 17 } });
