// The sentence encoder on its two ways: into the joint space and to a decoder's tokens.
import { describe, expect, test } from 'vitest';
import { sentenceTokens } from '../../encoders/text/sentence-tokens.ts';
import { sentenceTransformer } from '../../encoders/text/sentence-transformer.ts';
import type { Media } from '../../src/contracts.ts';
import { componentSource, norm, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';
import { describeOutputProjector } from '../conformance/projector.ts';

const files = { model: 'tiny/sentence-encoder/model.onnx', tokenizer: 'tiny/sentence-encoder/tokenizer.json', tokenizerConfig: 'tiny/sentence-encoder/tokenizer_config.json' };
const encoder = { config: { width: 24 }, files, wrongConfig: { width: 23 } };
const conditioner = { config: { tokens: [16, 24], tokenScale: 2 }, files, wrongConfig: { tokens: [16, 23] } };

function textMedia(text: string): Media {
  return { id: text, modality: 'text', mediaType: 'text/plain', bytes: new TextEncoder().encode(text) };
}

describeEncoder(sentenceTransformer, {
  ...encoder,
  media: async () => [textMedia('a red apple'), textMedia('a green frog')],
  broken: async () => ({ ...textMedia(''), bytes: new Uint8Array([0x61, 0xff, 0xfe]) }),
});
describeOutputProjector(sentenceTokens, conditioner);

async function encode(text: string, maxTokens = 64) {
  const context = testContext();
  const source = componentSource({ ...encoder, config: { width: 24, maxTokens } });
  return using(sentenceTransformer.open(source), async (component) => ({ ...(await component.encode(textMedia(text), context)), warnings: context.warnings }));
}

async function project(text: string, config: object = {}) {
  const context = testContext();
  const source = componentSource({ ...conditioner, config: { ...conditioner.config, ...config } });
  const { tokens } = await using(sentenceTokens.open(source), async (component) => component.project({ type: 'prompt', text }, context));
  return { tokens: tokens!, warnings: context.warnings, row: (i: number) => tokens!.data.subarray(i * 24, (i + 1) * 24) };
}

describe('sentence-transformer', () => {
  test('gives the sentence vector first, then one token a word piece', async () => {
    const { tokens, joint } = await encode('red apple');
    expect(tokens.data.subarray(0, 24)).toEqual(joint?.data);
    const longer = await encode('red apple red apple');
    expect(longer.tokens.shape[0]! - 1).toBe((tokens.shape[0]! - 1) * 2);
  });

  test('reads a text that spells a token of the model as text', async () => {
    const { tokens } = await encode('[SEP]');
    expect(tokens.shape[0]).toBeGreaterThan(2);
  });

  test('takes an empty text', async () => {
    const { tokens, joint } = await encode('');
    expect(tokens.shape).toEqual([1, 24]);
    expect(norm(joint!.data)).toBeCloseTo(1, 5);
  });

  test('reads the first tokens of a text that is too long, with a warning', async () => {
    const short = await encode('red apple', 64);
    expect(short.warnings).toEqual([]);
    const long = await encode('red apple '.repeat(100), 10);
    expect(long.warnings).toEqual(['text_truncated']);
    expect(long.tokens.shape).toEqual([9, 24]);
  });
});

describe('sentence-tokens', () => {
  test('holds the embedding times sqrt(d), the states times the scale, zeros after the end', async () => {
    const text = 'red apple';
    const { joint, tokens } = await using(sentenceTransformer.open(componentSource(encoder)), async (component) => component.encode(textMedia(text), testContext()));
    const pieces = tokens.shape[0]! - 1;
    const { row, warnings } = await project(text);
    expect(norm(row(0))).toBeCloseTo(Math.sqrt(24), 4);
    row(0).forEach((value, i) => expect(value).toBeCloseTo(joint!.data[i]! * Math.sqrt(24), 5));
    for (let i = 1; i <= pieces; i++) row(i).forEach((value, axis) => expect(value).toBeCloseTo(tokens.data[i * 24 + axis]! * 2, 5));
    for (let i = pieces + 1; i < 16; i++) expect(new Set(row(i))).toEqual(new Set([0]));
    expect(warnings).toEqual([]);
  });

  test.each(['', ' \n\t'])('an empty prompt (%j) is all zeros', async (text) => {
    expect(new Set((await project(text)).tokens.data)).toEqual(new Set([0]));
  });

  test('keeps the first pieces of a long prompt, with a warning', async () => {
    const { row, warnings } = await project('red '.repeat(40));
    expect(warnings).toEqual(['prompt_truncated']);
    expect(norm(row(15))).toBeGreaterThan(0);
  });
});

describe('the tokenizer', () => {
  test('refuses a file that is no tokenizer, by name and before the graph is opened', async () => {
    const broken = { ...encoder, files: { ...files, tokenizer: 'README.md' } };
    await expect(sentenceTransformer.open(componentSource(broken))).rejects.toThrow('README.md cannot be read as JSON');
    const other = { ...encoder, files: { ...files, tokenizer: 'tiny/interfaces.json' } };
    await expect(sentenceTransformer.open(componentSource(other))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});
