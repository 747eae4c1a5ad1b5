// Language models in transformers.js' layout and as our exporter writes them, against what transformers computes with the same random weights.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { LanguageModel, PromptMessage, Signal, Wants } from '../../src/contracts.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { ConcatenatedCache } from '../../src/language-model/concatenated-cache.ts';
import { ConcatenatedSequence, portsOf } from '../../src/language-model/concatenated-sequence.ts';
import { factories } from '../../src/language-model/index.ts';
import { KeyValueCache } from '../../src/language-model/key-value-cache.ts';
import { Sequence } from '../../src/language-model/sequence.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openSession, openSessionCount, type Session } from '../../src/runtime/sessions.ts';
import { floatTensor, int64Tensor } from '../../src/runtime/tensors.ts';

const fixtures = fileURLToPath(new URL('../fixtures/language-models', import.meta.url));
const sizes = { layers: 2, kvHeads: 2, headDim: 8, modelWidth: 32 };
const plainText: Wants = { text: 'required' };

interface Case {
  readonly ids: number[];
  readonly cached: number;
  readonly logits: Float32Array[];
  readonly hidden: Float32Array[];
  readonly text: string;
  readonly prompt: number[];
}

function rows({ shape, data }: { shape: [number, number]; data: string }): Float32Array[] {
  const all = new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
  return Array.from({ length: shape[0] }, (_, row) => all.subarray(row * shape[1], (row + 1) * shape[1]));
}

async function referenceOf(name: string): Promise<Case> {
  const content = JSON.parse(await readFile(join(fixtures, `${name}.json`), 'utf8'));
  return { ...content, logits: rows(content.logits), hidden: rows(content.hidden) };
}

const everyThird = (logits: Float32Array): Float32Array => logits.filter((_, i) => i % 3 === 0);
const farthest = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)), Math.abs(a.length - b.length));
const best = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));
const signal = new AbortController().signal;

async function withModel<T>(folder: string, use: (model: LanguageModel) => Promise<T>, config: object = {}): Promise<T> {
  const opened = await openBundle(join(fixtures, folder), factories);
  const { factory, source } = opened.component('language-model', 'cpu');
  if (factory.kind !== 'language-model') throw new Error('no language model');
  const model = await factory.open({ ...source, config: { ...source.config, ...config } });
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

async function replyOf(model: LanguageModel, messages: readonly PromptMessage[], wants: Wants, maxTokens = 8): Promise<{ text: string; signals: Signal[]; inputTokens: number }> {
  let text = '';
  const signals: Signal[] = [];
  let inputTokens = 0;
  for await (const event of model.generate({ messages, wants, options: { maxTokens, temperature: 0, repetitionPenalty: 1 } }, { signal, random: createRandom(0), warn: () => undefined })) {
    if (event.type === 'text-delta') text += event.text;
    else if (event.type === 'signal') signals.push(event);
    else ({ inputTokens } = event.usage);
  }
  return { text, signals, inputTokens };
}

const asked = (text: string): PromptMessage => ({ role: 'user', parts: [{ type: 'text', text }] });

afterEach(() => expect(openSessionCount()).toBe(0));

describe.each(['llama', 'qwen2', 'qwen3'])('%s', (name) => {
  const graph = name === 'qwen2' ? 'onnx/model_fp16.onnx' : 'onnx/model.onnx';
  const within = name === 'qwen2' ? 0.05 : 1e-3;

  it('as a repository computes what transformers does', async () => {
    const { ids, cached, logits } = await referenceOf(name);
    const path = join(fixtures, `${name}-repository`, graph);
    const model = await openSession(path, { device: 'cpu' });
    try {
      const graphs = { model, embed: null, ...portsOf(model, path, sizes) };
      const sequence = new ConcatenatedSequence(graphs, new ConcatenatedCache(graphs.cache));
      const found = [await sequence.prefill(ids.slice(0, cached), signal)];
      for (const id of ids.slice(cached)) found.push(await sequence.step(id));
      found.forEach((row, i) => {
        expect(farthest(everyThird(row), logits[i]!)).toBeLessThan(within);
        expect(best(everyThird(row))).toBe(best(logits[i]!));
      });
    } finally {
      await model.release();
    }
  });

  it('as a bundle computes what transformers does, hidden states too', async () => {
    const { ids, cached, logits, hidden } = await referenceOf(name);
    const config = JSON.parse(await readFile(join(fixtures, name, 'bundle.json'), 'utf8')).components['language-model'].config;
    const open = async (file: string): Promise<Session> => openSession(join(fixtures, name, 'language-model', file), { device: 'cpu' });
    const graphs = { model: await open('model.onnx'), embed: await open('embed.onnx') };
    try {
      const sequence = new Sequence(graphs, config, new KeyValueCache(config, graphs.model.inputs));
      const found = [await sequence.prefill(ids.slice(0, cached), signal)];
      for (const id of ids.slice(cached)) found.push(await sequence.step(id));
      found.forEach((row, i) => {
        expect(farthest(everyThird(row), logits[i]!)).toBeLessThan(1e-3);
        expect(best(everyThird(row))).toBe(best(logits[i]!));
      });
      const all = new Sequence(graphs, config, new KeyValueCache(config, graphs.model.inputs));
      await all.prefill(ids.slice(0, cached - 1), signal);
      const { hidden: states, embedded } = await all.group(ids.slice(cached - 1));
      expect(farthest(states.data, Float32Array.from(hidden.flatMap((row) => [...row])))).toBeLessThan(1e-3);
      const looked = floatTensor((await graphs.embed.run({ input_ids: int64Tensor([1, ids.length - cached + 1], ids.slice(cached - 1)) }))['embeds'], 'embeds');
      expect(looked.data).toEqual(embedded.data);
    } finally {
      await Promise.all([graphs.model.release(), graphs.embed.release()]);
    }
  });

  it.each(['-repository', ''])('answers as transformers does (%s)', async (kind) => {
    const { text, prompt } = await referenceOf(name);
    const messages = [asked('what is in the picture?')];
    const given = await withModel(`${name}${kind}`, async (model) => {
      const first = await replyOf(model, messages, plainText);
      // With what is cached of the prompt the answer is the same.
      expect(await replyOf(model, messages, plainText)).toEqual(first);
      return first;
    });
    expect(given.inputTokens).toBe(prompt.length);
    expect(given.text.trim()).toBe(text.trim());
  });
});

describe('what is required', () => {
  it.each(['llama-repository', 'qwen3'])('comes from a model that would never ask for it (%s)', async (folder) => {
    const { signals, text } = await withModel(folder, async (model) => {
      expect([model.outputs, model.unseen]).toEqual([['image', 'audio'], true]);
      return replyOf(model, [asked('a cat')], { image: 'required', audio: 'required', text: 'forbidden' }, 4);
    }, { asks: ['image', 'audio'], maxCaption: 6 });
    expect(signals.map(({ output, states }) => [output, states])).toEqual([['image', null], ['audio', null]]);
    expect(text).toBe('');
    for (const { prompt } of signals) expect(prompt).toMatch(/^[^<>\n]+$/);
  });

  it('text comes before it where text is asked for first', async () => {
    const { signals, text } = await withModel('qwen3-repository', async (model) => replyOf(model, [asked('a cat')], { text: 'required', image: 'required' }, 4), { asks: ['image'], maxCaption: 6 });
    expect(text.trim()).not.toBe('');
    expect(signals).toHaveLength(1);
  });

  it('media are told of that the model does not see', async () => {
    const picture = { type: 'media' as const, ordinal: 1, modality: 'image', embeds: null };
    const { signals } = await withModel('qwen3', async (model) => replyOf(model, [{ role: 'user', parts: [picture, { type: 'text', text: 'make it green' }] }], { image: 'required', text: 'forbidden' }, 4), { asks: ['image'], maxCaption: 6 });
    expect(signals[0]?.references).toEqual([1]);
  });
});
