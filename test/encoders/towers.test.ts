// CLIP, SigLIP, CLAP and T5: what reaches each graph and what comes out of it, against transformers' own tokenizers, processors and models.

import { afterAll, describe, expect, test, vi } from 'vitest';
import { factories } from '../../encoders/index.ts';
import { t5Prompt } from '../../encoders/text/t5-prompt.ts';
import { openPieces } from '../../encoders/text/text-tower.ts';
import { closeMedia } from '../../media/index.ts';
import type { Encoder, Factory } from '../../src/contracts.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type * as sessions from '../../src/runtime/sessions.ts';
import { dot, l2Normalise } from '../../src/runtime/tensors.ts';
import { componentSource, describeFactory, fixtures, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';
import { componentOf, medium, mediumOf, numbers, referenceOf } from './towers-fixture.ts';
import type { Case } from './towers-fixture.ts';

const fed = vi.hoisted(() => ({ inputs: [] as { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }[] }));
vi.mock('../../src/runtime/sessions.ts', async (load) => {
  const actual = await load<typeof sessions>();
  return {
    ...actual,
    openSession: async (...given: Parameters<typeof actual.openSession>) => {
      const session = await actual.openSession(...given);
      return { ...session, run: async (...feeds: Parameters<typeof session.run>) => (fed.inputs.push(Object.values(feeds[0])[0]!), session.run(...feeds)) };
    },
  };
});

afterAll(closeMedia);

function caseOf(name: string, modality: string) {
  const { config, files, uses } = componentOf(name, `${modality}-encoder`);
  const factory = factories.find((candidate): candidate is Factory<'encoder'> => candidate.kind === 'encoder' && candidate.name === uses);
  if (factory === undefined) throw new Error(`there is no factory ${uses}`);
  return { factory, given: { config, files } };
}

/** The largest difference of what the graph was fed last from the reference. */
function differenceOf(expected: Case): number {
  const values = fed.inputs.flatMap(({ data }) => Array.from(data, Number));
  return numbers(expected.fed).reduce((most, value, i) => Math.max(most, Math.abs(value - (values[i * expected.stride] ?? NaN))), 0);
}

describe.each(['clip', 'siglip', 'clap', 'clap-fused'])('%s', (name) => {
  const { cases, tokenizer } = referenceOf(name);

  test.each(cases.map((each) => [each.modality, each.given.slice(0, 30), each] as const))('%s %j', async (modality, _, expected) => {
    const { factory, given } = caseOf(name, modality);
    fed.inputs.length = 0;
    const context = testContext();
    const { joint } = await using<Encoder, Awaited<ReturnType<Encoder['encode']>>>(factory.open(componentSource(given)), async (encoder) => encoder.encode(medium(modality, expected.given), context));
    expect([fed.inputs.length, ...(fed.inputs[0]?.shape.slice(1) ?? [])]).toEqual(expected.shape);
    expect(differenceOf(expected)).toBeLessThan(1e-4);
    expect(dot(joint?.data ?? new Float32Array(), l2Normalise(Float32Array.from(numbers(expected.vector))))).toBeGreaterThan(0.9999);
    // The fixture's SigLIP reads 16 tokens.
    expect(context.warnings).toEqual(modality === 'text' && expected.given.length > (name === 'siglip' ? 30 : 200) ? ['text_truncated'] : []);
  });

  test.runIf(tokenizer !== undefined)('the tokenizer equals transformers on every string', async () => {
    const { before, after, pieces } = await openPieces(componentSource(caseOf(name, 'text').given));
    const different = tokenizer!.strings.filter((text, i) => [...before, ...pieces(text), ...after].join() !== tokenizer!.ids[i]!.join());
    expect(different).toEqual([]);
  });

  test('the bundle of its encoders opens', async () => {
    const { bundle } = await openBundle(new URL(`embedders/${name}`, fixtures).pathname, factories);
    expect(Object.keys(bundle.inputs)).toEqual(['text', name.startsWith('clap') ? 'audio' : 'image']);
  });
});

describe('t5', () => {
  const { cases, tokenizer } = referenceOf('t5');
  const given = componentOf('t5', 'prompt-encoder');

  test.each(cases.map((each) => [each.given.slice(0, 30), each] as const))('%j', async (_, expected) => {
    fed.inputs.length = 0;
    const context = testContext();
    const { tokens, emptyTokens } = await using(t5Prompt.open(componentSource(given)), async (projector) => projector.project({ type: 'prompt', text: expected.given }, context));
    expect(Array.from(fed.inputs[0]!.data, Number)).toEqual(numbers(expected.fed));
    expect([tokens!.shape, emptyTokens!.shape]).toEqual([[expected.rows, 24], [1, 24]]);
    expect(dot(l2Normalise(tokens!.data), l2Normalise(Float32Array.from(numbers(expected.vector))))).toBeGreaterThan(0.9999);
    expect(context.warnings).toEqual(expected.given.length > 200 ? ['prompt_truncated'] : []);
  });

  test('filled rows are those of the longest text', async () => {
    const filled = { ...given, config: { ...given.config, fill: true } };
    const { tokens, emptyTokens } = await using(t5Prompt.open(componentSource(filled)), async (projector) => projector.project({ type: 'prompt', text: 'a red apple' }, testContext()));
    expect([tokens!.shape, emptyTokens!.shape]).toEqual([[64, 24], [64, 24]]);
    // What fills a text is not attended to.
    const plain = numbers(cases[0]!.vector);
    plain.forEach((value, i) => expect(Math.abs(value - tokens!.data[i]!)).toBeLessThan(1e-4));
  });

  test('the tokenizer equals transformers on 1,000 strings', async () => {
    const { before, after, pieces } = await openPieces(componentSource(given));
    expect(tokenizer!.strings).toHaveLength(1000);
    expect(tokenizer!.strings.filter((text, i) => [...before, ...pieces(text), ...after].join() !== tokenizer!.ids[i]!.join())).toEqual([]);
  });

  describeFactory(t5Prompt, { config: given.config, files: given.files, wrongConfig: { width: 25 } });
});

const broken = {
  text: mediumOf('text', Uint8Array.of(0xff, 0xfe, 0xfd), 'text/plain'),
  image: mediumOf('image', medium('image', 'picture.png').bytes.subarray(0, 5000), 'image/png'),
  audio: mediumOf('audio', new TextEncoder().encode('RIFF....WAVE'), 'audio/wav'),
};
const two = { text: ['a red apple', 'a dog'], image: ['picture.png', 'small.png'], audio: ['short.wav', 'sound.wav'] } as const;
for (const [name, modality] of [['clip', 'text'], ['clip', 'image'], ['clap', 'audio']] as const) {
  const { factory, given } = caseOf(name, modality);
  describeEncoder(factory, {
    ...given,
    wrongConfig: { joint: 33 },
    media: async () => [medium(modality, two[modality][0]), medium(modality, two[modality][1])],
    broken: async () => broken[modality],
  });
}
