// CLIP's tokenizer and towers against transformers, weighted words and prompts of any length.

import { afterAll, describe, expect, test } from 'vitest';
import { clipPrompt } from '../../encoders/text/clip-prompt.ts';
import { openClipTokenizer } from '../../encoders/text/clip-tokenizer.ts';
import { weightedFragments } from '../../encoders/text/prompt-weights.ts';
import type { Tensor } from '../../src/contracts.ts';
import { fromHalf, toHalf } from '../../src/runtime/float16.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { testContext, using } from '../conformance/component.ts';
import { cosine, difference, floats, promptSource, reference } from '../decoders/image/stable-diffusion-fixture.ts';

afterAll(() => {
  expect(openSessionCount()).toBe(0);
});

const special = { begin: '<|startoftext|>', end: '<|endoftext|>', pad: '<|endoftext|>' };

test('the tokenizer equals transformers on 1,000 strings', async () => {
  const tokenizer = await openClipTokenizer(promptSource('sd'), { vocabulary: 'vocabulary', merges: 'merges' }, special);
  const { strings, ids } = reference.tokenizer;
  expect(strings).toHaveLength(1000);
  expect(strings.filter((text, i) => tokenizer.pieces(text).join() !== ids[i]!.join())).toEqual([]);
});

async function project(folder: 'sd' | 'sdxl', text: string, changes = {}) {
  return using(clipPrompt.open(promptSource(folder, changes)), async (projector) => projector.project({ type: 'prompt', text }, testContext()));
}

function everySeventh({ shape, data }: Tensor): Float32Array {
  const width = shape[1]!;
  return Float32Array.from({ length: Math.ceil(shape[0]! / 7) * width }, (_, i) => data[Math.floor(i / width) * 7 * width + (i % width)]!);
}

describe('towers', () => {
  test.each(reference.embeddings)('$folder, $name', async ({ folder, prompt, rows, tokens, pooled }) => {
    const got = await project(folder, prompt);
    expect(got['tokens']!.shape).toEqual([77 * rows, folder === 'sd' ? 32 : 56]);
    const states = everySeventh(got['tokens']!);
    expect(cosine(states, floats(tokens))).toBeGreaterThan(0.9999);
    expect(difference(states, tokens)).toBeLessThan(1e-3);
    if (pooled !== undefined) expect(cosine(got['pooled']!.data, floats(pooled))).toBeGreaterThan(0.9999);
    expect('pooled' in got).toBe(pooled !== undefined);
  });

  test('no prompt is the states of an empty text, or zeros where the model was trained so', async () => {
    const first = await project('sd', 'a cat');
    expect(first['emptyTokens']!.data).toEqual((await project('sd', ''))['tokens']!.data);
    const second = await project('sdxl', 'a cat');
    expect([...second['emptyTokens']!.data, ...second['emptyPooled']!.data].every((value) => value === 0)).toBe(true);
  });

  test('brackets are signs where the config says so', async () => {
    const plain = await project('sd', 'a (red:1.5) cat', { weights: false });
    expect(cosine(plain['tokens']!.data, (await project('sd', 'a (red:1.5) cat'))['tokens']!.data)).toBeLessThan(0.999);
  });

  test('BREAK begins a new row', async () => {
    expect((await project('sd', 'a cat BREAK a dog'))['tokens']!.shape).toEqual([154, 32]);
  });

  test('an output that the graph lacks is named', async () => {
    await expect(clipPrompt.open(promptSource('sd', { towers: [{ width: 32, states: 'hidden_states.1' }] }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('no output hidden_states.1') });
  });
});

// The examples of the AUTOMATIC1111 web interface, modules/prompt_parser.py.
test.each<[string, [string, number][]]>([
  ['normal text', [['normal text', 1]]],
  ['an (important) word', [['an ', 1], ['important', 1.1], [' word', 1]]],
  ['(unbalanced', [['unbalanced', 1.1]]],
  ['\\(literal\\]', [['(literal]', 1]]],
  ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
  ['a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).', [['a ', 1], ['house', 1.573], [' ', 1.1], ['on', 1], [' a ', 1.1], ['hill', 0.55], [', sun, ', 1.1], ['sky', 1.4641], ['.', 1.1]]],
  ['ratio 3:4) and ]', [['ratio 3:4) and ]', 1]]],
  ['', []],
])('weights of %j', (prompt, expected) => {
  const got = weightedFragments(prompt).map((fragment) => [fragment?.text, Number(fragment?.weight.toFixed(4))]);
  expect(got).toEqual(expected.map(([text, weight]) => [text, Number(weight.toFixed(4))]));
});

test('half precision there and back', () => {
  const every = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
  expect(toHalf(fromHalf(every))).toEqual(every);
  expect([...fromHalf(toHalf(Float32Array.of(65504, 65520, 1e-8, 2 ** -25 * 1.5, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -0.1)))]).toEqual([65504, Infinity, 0, 2 ** -24, 1, 1 + 2 ** -9, -0.0999755859375]);
});
