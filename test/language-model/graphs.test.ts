// The factory over the tiny graphs with random weights: files, cache and chunks with the real runtime.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { ComponentSource, LanguageModel, PromptMessage, Signal } from '../../src/contracts.ts';
import { KeyValueCache } from '../../src/language-model/key-value-cache.ts';
import { factories } from '../../src/language-model/index.ts';
import { Sequence } from '../../src/language-model/sequence.ts';
import { openSession, openSessionCount } from '../../src/runtime/sessions.ts';
import { assistant, collect, config as scripted, context, user, type Reply } from './fakes.ts';

const folder = fileURLToPath(new URL('../fixtures/tiny/language-model', import.meta.url));
const files: Readonly<Record<string, string>> = { model: 'model.onnx', embed: 'embed.onnx', tokenizer: 'tokenizer.json', tokenizerConfig: 'tokenizer_config.json' };
const config = { ...scripted, layers: 2, kvHeads: 1, headDim: 8, modelWidth: 32, vocabulary: 394, contextLength: 512 };
const factory = factories.find((each) => each.kind === 'language-model')!;
const source = (more: Record<string, unknown> = {}, paths: Record<string, string> = {}): ComponentSource => ({
  name: 'language-model',
  config: { ...config, ...more },
  path: (file) => paths[file] ?? join(folder, files[file]!),
  device: 'cpu',
});

afterEach(() => expect(openSessionCount()).toBe(0));

async function using<T>(use: (model: LanguageModel) => Promise<T>): Promise<T> {
  const model = await factory.open(source());
  try {
    return await use(model);
  } finally {
    await model.dispose();
    await model.dispose();
  }
}

const image = (ordinal: number): PromptMessage['parts'][number] => ({ type: 'media', ordinal, modality: 'image', embeds: { shape: [9, 32], data: Float32Array.from({ length: 288 }, (_, i) => Math.sin(i * ordinal)) } });
const ask = (model: LanguageModel, messages: readonly PromptMessage[], seed: number): Promise<Reply> =>
  collect(model, messages, { image: 'required' }, { temperature: 1, maxTokens: 24 }, context(seed));
const long = [user('a red apple and a green house '.repeat(6), image(1), ' what is this?'), assistant('A house. ', image(2)), user('make it blue '.repeat(8))];

describe('causal-lm', () => {
  it('declares its ports and options', async () => {
    const read = Object.entries(config.mediaEmbeds).map(([modality, count]) => [`embeds/${modality}`, [count, 32]]);
    const signals = Object.entries(config.signals).map(([output, tokens]) => [`hidden/${output}`, [tokens.length, 32]]);
    expect(factory.ports(config)).toEqual({ in: Object.fromEntries(read), out: Object.fromEntries(signals) });
    expect([read.length, signals.length]).toEqual([3, 2]);
    await using(async (model) => {
      expect(model.outputs).toEqual(['image', 'audio', 'speech']);
      expect(model.options).toMatchObject({ properties: { temperature: { default: 0 }, maxTokens: { default: 64 } } });
    });
  });

  it('reads no media and makes none unless its config says so', () => {
    const { layers, kvHeads, headDim, modelWidth, vocabulary, contextLength, stopTokens } = config;
    expect(factory.ports({ layers, kvHeads, headDim, modelWidth, vocabulary, contextLength, stopTokens })).toEqual({ in: {}, out: {} });
  });

  it('gives the same whatever was asked before', async () => {
    const fresh = await using((model) => ask(model, long, 7));
    const warm = await using(async (model) => {
      await ask(model, long.slice(0, 1), 3);
      await ask(model, long, 4);
      return ask(model, long, 7);
    });
    expect(warm).toEqual(fresh);
    const signals = fresh.parts.filter((part): part is Signal => typeof part !== 'string');
    expect(signals[0]!.states!.hidden.shape).toEqual([4, 32]);
    expect(fresh.deltas.join('').length).toBeGreaterThan(0);
  });

  it('gives other replies for other seeds and other media', async () => {
    await using(async (model) => {
      expect((await ask(model, long, 1)).deltas).not.toEqual((await ask(model, long, 2)).deltas);
      expect((await ask(model, [user('hi', image(1))], 1)).deltas).not.toEqual((await ask(model, [user('hi', image(2))], 1)).deltas);
    });
  });

  it('computes the same in chunks, token by token and at once', async () => {
    const [model, embed] = [await openSession(join(folder, 'model.onnx'), { device: 'cpu' }), await openSession(join(folder, 'embed.onnx'), { device: 'cpu' })];
    try {
      const ids = Array.from({ length: 150 }, (_, i) => (i * 37) % 350);
      const start = (): Sequence => new Sequence({ model, embed }, config, new KeyValueCache(config, model.inputs));
      const chunks = await start().prefill(ids, new AbortController().signal);
      const once = (await start().group(ids)).logits;
      const steps = start();
      let last: Float32Array = new Float32Array(0);
      for (const each of ids) last = await steps.step(each);
      expect(steps.length).toBe(150);
      for (const logits of [once, last]) logits.forEach((value, i) => expect(value).toBeCloseTo(chunks[i]!, 4));
    } finally {
      await Promise.all([model.release(), embed.release()]);
    }
  });

  it('says what is wrong with its files and leaves nothing open', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'anymodal-'));
    try {
      const broken = join(temporary, 'tokenizer.json');
      await writeFile(broken, '{');
      await expect(factory.open(source({}, { tokenizer: broken }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('tokenizer.json') });
    } finally {
      await rm(temporary, { recursive: true });
    }
    await expect(factory.open(source({ stopTokens: ['<|end|>'] }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('<|end|> is no added token') });
    const spoken = { begin: '[SPK0]', end: '[SPK1]' };
    await expect(factory.open(source({ captions: { speech: { ...spoken, end: '[SPK9]' } } }))).rejects.toThrow(/\[SPK9\] is no added token/);
    await expect(factory.open(source({ captions: { speech: spoken, song: spoken } }))).rejects.toThrow(/\[SPK0\] stands for two things; \[SPK1\] stands for two things/);
    await expect(factory.open(source({ captions: { image: spoken } }))).rejects.toThrow(/image has a signal group and a caption/);
    await expect(factory.open(source({ vocabulary: 100 }))).rejects.toThrow(/the vocabulary ends before 100/);
    await expect(factory.open(source({ layers: 3 }))).rejects.toThrow(/past_key\.2/);
    await expect(factory.open(source({ layers: 0 }))).rejects.toThrow(/config\.layers: got 0, expected an integer of 1 or more/);
    await expect(factory.open(source({}, { embed: join(folder, 'model.onnx') }))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});
