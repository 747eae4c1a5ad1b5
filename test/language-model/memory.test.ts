// What is kept between tokens and between turns, and what is left out where the context ends.

import { afterEach, describe, expect, it } from 'vitest';
import { createLanguageModel } from '../../src/language-model/causal-lm.ts';
import { KeyValueCache } from '../../src/language-model/key-value-cache.ts';
import { buildPrompt } from '../../src/language-model/prompt.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { assistant, collect, config, context, fakeGraphs, format, medium, outline, script, tokenizer, user, WIDTH } from './fakes.ts';

const text = tokenizer.encode;
const conversation = [user('draw'), assistant('Here. ', medium(1)), user('make it green')];
const rows = (from: number, count: number, factor: number): { shape: number[]; data: Float32Array } => ({
  shape: [1, count, 2, 1],
  data: Float32Array.from({ length: 2 * count }, (_, i) => factor * (2 * from + i)),
});

afterEach(() => expect(openSessionCount()).toBe(0));

describe('long conversations', () => {
  it('lose old turns with a warning', async () => {
    const messages = [user(' red'.repeat(200)), assistant('yes'), user(' red'.repeat(200)), assistant('no'), user('last')];
    const graphs = fakeGraphs(script(text('ok')), () => 1e6);
    const model = createLanguageModel(config, format, graphs);
    const result = await collect(model, messages, {}, { maxTokens: 3 }, context());
    expect(result.warnings).toEqual(['context_truncated']);
    await expect(collect(model, [user(' red'.repeat(500))], {}, {}, context())).rejects.toMatchObject({ code: 'bad_input' });
    await model.dispose();
  });

  it('never exceed the context, required groups included', async () => {
    const messages = [user(' red'.repeat(150))];
    const small = { ...config, contextLength: 260 };
    const graphs = fakeGraphs(script(text(' red'.repeat(300)), []), () => buildPrompt(messages, format.prompt, 1e4).positions.length);
    const model = createLanguageModel(small, { ...format, prompt: { ...format.prompt, references: format.prompt.references.slice(0, 1) } }, graphs);
    const result = await collect(model, messages, { image: 'required', audio: 'required' }, { maxTokens: 1000 }, context());
    expect(outline(result).slice(1)).toEqual(['image()', 'audio()']);
    expect(Math.max(...graphs.runs.map(([start, count]) => start + count))).toBeLessThanOrEqual(260);
    await model.dispose();
  });
});

/** What a head has at a position, of width 3. */
const held = (head: number, position: number, i: number): number => head * 1e4 + position * 3 + i;

/** What a graph gives for `count` positions from `from` on. */
const slice = (from: number, count: number, sign: number): Float32Array =>
  Float32Array.from({ length: 6 * count }, (_, at) => {
    const [head, rest] = [Math.floor(at / (3 * count)), at % (3 * count)];
    return sign * held(head, from + Math.floor(rest / 3), rest % 3);
  });

describe('the cache', () => {
  it('keeps its rows when it grows', () => {
    const cache = new KeyValueCache({ layers: 2, kvHeads: 2, headDim: 1 });
    while (cache.length < 1500) {
      const [from, count] = [cache.length, 1 + (cache.length % 67)];
      cache.append(Object.fromEntries([0, 1].flatMap((layer) => [[`new_key.${layer}`, rows(from, count, 1 + layer)], [`new_value.${layer}`, rows(from, count, -1 - layer)]])), count);
    }
    cache.truncate(1400);
    const feeds = cache.feeds();
    expect(Object.keys(feeds)).toEqual(['past_key.0', 'past_value.0', 'past_key.1', 'past_value.1']);
    for (const [i, factor] of [1, -1, 2, -2].entries()) {
      const { shape, data } = Object.values(feeds)[i]!;
      expect(shape).toEqual([1, 1400, 2, 1]);
      expect(Array.from(data, Number).every((value, at) => value === factor * at)).toBe(true);
    }
  });

  it('with heads first feeds room for more, as much as its length alone tells', () => {
    const inputs = [{ name: 'past_key.0', type: 'float32', shape: [2, 1, 't', 3] }, { name: 'past_value.0', type: 'float32', shape: [2, 1, 't', 3] }];
    const made = (counts: readonly number[]): KeyValueCache => {
      const cache = new KeyValueCache({ layers: 1, kvHeads: 2, headDim: 3 }, inputs);
      for (const count of counts) {
        const from = cache.length;
        cache.append({ 'new_key.0': { shape: [], data: slice(from, count, 1) }, 'new_value.0': { shape: [], data: slice(from, count, -1) } }, count);
      }
      return cache;
    };
    const cut = made([64, 64, 40, 1]);
    cut.truncate(65);
    for (const [cache, length] of [[made([]), 0], [made([64]), 64], [made([64, 1]), 65], [cut, 65], [made([70, 1, 60, 1, 1]), 133]] as const) {
      expect(cache.length).toBe(length);
      const room = Math.max(64, Math.ceil(length / 64) * 64);
      const { 'past_key.0': key, 'past_value.0': values } = cache.feeds();
      expect([key!.shape, values!.shape]).toEqual([[2, 1, room, 3], [2, 1, room, 3]]);
      for (let head = 0; head < 2; head += 1) {
        for (let position = 0; position < length; position += 1) {
          for (let i = 0; i < 3; i += 1) {
            expect(key!.data[(head * room + position) * 3 + i]).toBe(held(head, position, i));
            expect(values!.data[(head * room + position) * 3 + i]).toBe(-held(head, position, i));
          }
        }
      }
    }
    expect(() => new KeyValueCache({ layers: 1, kvHeads: 1, headDim: 3 }, inputs)).toThrow(/past_key\.0: got \[2, 1, t, 3\], expected \[1, t, 1, 3\]/);
    expect(() => made([2]).append({ 'new_key.0': { shape: [], data: new Float32Array(6) } }, 2)).toThrow(/new_key\.0: got 6 values, expected 12/);
  });
});

describe('the next turn', () => {
  it('feeds only what is new, in whole chunks', async () => {
    const first = [user(' red'.repeat(150))];
    const graphs = fakeGraphs(script(text('ok')), () => 1e6);
    const model = createLanguageModel(config, format, graphs);
    const options = { maxTokens: 1 };
    await collect(model, first, {}, options, context());
    graphs.runs.length = 0;
    await collect(model, [...first, assistant('ok'), user('again')], {}, options, context());
    expect(graphs.runs[0]).toEqual([128, 64]);
    graphs.runs.length = 0;
    await collect(model, [user(' apple'.repeat(150))], {}, options, context());
    expect(graphs.runs[0]).toEqual([0, 64]);
    await model.dispose();
  });

  it('compares media by their embeddings', async () => {
    const graphs = fakeGraphs(script(text('ok')), () => 1e6);
    const model = createLanguageModel(config, format, graphs);
    const ask = async (values: number): Promise<[number, number]> => {
      graphs.runs.length = 0;
      const shown = medium(1, { embeds: { shape: [9, WIDTH], data: new Float32Array(9 * WIDTH).fill(values) } });
      await collect(model, [user(shown, ' red'.repeat(100))], {}, { maxTokens: 1 }, context());
      return graphs.runs[0]!;
    };
    expect(await ask(-1)).toEqual([0, 64]);
    expect((await ask(-1))[0]).toBe(128);
    expect(await ask(-2)).toEqual([0, 64]);
    await model.dispose();
  });

  it('does not disturb a reply under way', async () => {
    const graphs = fakeGraphs(script(text('draw a red')), () => buildPrompt(conversation, format.prompt, 1e4).positions.length);
    const model = createLanguageModel(config, format, graphs);
    const [a, b] = await Promise.all([collect(model, conversation, {}, {}, context()), collect(model, conversation, {}, {}, context())]);
    expect([outline(a), outline(b)]).toEqual([['draw a red'], ['draw a red']]);
    await model.dispose();
  });
});
