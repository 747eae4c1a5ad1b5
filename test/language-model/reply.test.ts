import { afterEach, describe, expect, it } from 'vitest';
import type { SamplingOptions, Signal, Wants } from '../../src/contracts.ts';
import { createLanguageModel } from '../../src/language-model/causal-lm.ts';
import { buildPrompt } from '../../src/language-model/prompt.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { assistant, collect, config, context, fakeGraphs, format, id, medium, outline, script, tokenizer, user, WIDTH, type Behaviour, type Reply } from './fakes.ts';

const text = tokenizer.encode;
const IMG = [0, 1, 2, 3].map((i) => id(`[IMG${i}]`));
const AUD = [0, 1, 2, 3].map((i) => id(`[AUD${i}]`));
const END = id('<|im_end|>');
const M = (ordinal: number): number => id(`[M${ordinal}]`);
const conversation = [user('draw'), assistant('Here. ', medium(1)), user('make it green')];

async function reply(behaviour: Behaviour, wants: Wants = {}, options: SamplingOptions = {}, messages = conversation): Promise<Reply & { runs: [number, number][] }> {
  const graphs = fakeGraphs(behaviour, () => buildPrompt(messages, format.prompt, 1e4).positions.length);
  const model = createLanguageModel(config, format, graphs);
  const result = await collect(model, messages, wants, options, context());
  await model.dispose();
  expect(graphs.released).toBe(2);
  return { ...result, runs: graphs.runs };
}
const signals = ({ parts }: Reply): Signal[] => parts.filter((part) => typeof part !== 'string');

afterEach(() => expect(openSessionCount()).toBe(0));

describe('plain text', () => {
  it('comes in pieces and ends where the model ends', async () => {
    const result = await reply(script(text('The capital of France is Paris.')));
    expect(outline(result)).toEqual(['The capital of France is Paris.']);
    expect(result.deltas.length).toBeGreaterThan(1);
    expect(result.end).toEqual({ type: 'end', reason: 'stop', usage: { inputTokens: buildPrompt(conversation, format.prompt, 1e4).positions.length, outputTokens: text('The capital of France is Paris.').length } });
  });

  it('ends at the limit', async () => {
    const result = await reply(script(text('draw a red apple')), {}, { maxTokens: 2 });
    expect(outline(result)).toEqual(['draw a']);
    expect([result.end.reason, result.end.usage.outputTokens]).toEqual(['length', 2]);
  });

  it('is not cut inside a character', async () => {
    const result = await reply(script(text('a🐉')), {}, { maxTokens: 2 });
    expect(outline(result)).toEqual(['a']);
  });

  it('ends before a stop sequence that falls across tokens', async () => {
    const result = await reply(script(text('a b. User: c')), {}, { stop: ['. Us'] });
    expect(outline(result)).toEqual(['a b']);
    expect(result.end.reason).toBe('stop');
  });

  it('ends before a text of the model itself, whatever the caller names, also in text that is not shown', async () => {
    const ending = { ...config, stopTexts: ['\n###', '###'] };
    const said = async (words: string, wants: Wants, options: SamplingOptions): Promise<Reply> => {
      const model = createLanguageModel(ending, format, fakeGraphs(script(text(words)), () => buildPrompt(conversation, format.prompt, 1e4).positions.length));
      const result = await collect(model, conversation, wants, options, context());
      await model.dispose();
      return result;
    };
    for (const words of ['a red apple.\n### Human: more', 'a red apple.### Human: more']) {
      const result = await said(words, {}, { stop: ['more'] });
      expect(outline(result)).toEqual(['a red apple.']);
      expect(result.end.reason).toBe('stop');
    }
    expect(outline(await said('one ## two\n##', {}, {}))).toEqual(['one ## two\n##']);
    const silent = await said('a\n### Human: b c d e f', { image: 'required', text: 'forbidden' }, {});
    expect(outline(silent)).toEqual(['image()']);
    expect(silent.end.usage.outputTokens).toBeLessThan(text('a\n### Human: b').length + 4);
  });

  it('gives held text out where the reply ends', async () => {
    expect(outline(await reply(script(text('a b. U')), {}, { stop: ['. Us'] }))).toEqual(['a b. U']);
  });

  it('does not print control tokens that the model likes', async () => {
    for (const liked of ['<media>', '</media>', '[IMG2]', '[M9]', '<|im_start|>', '<repo_name>', '[VID0]']) {
      const result = await reply(script([...text('a'), id(liked)], text('b')), { image: 'allowed' }, { maxTokens: 4 });
      expect(outline(result).join('')).toMatch(/^ab/u);
    }
  });
});

describe('chance', () => {
  it('comes from the generator that the caller gives, not from a fork of it', async () => {
    const graphs = fakeGraphs(script(text('a b')), () => buildPrompt(conversation, format.prompt, 1e4).positions.length);
    const model = createLanguageModel(config, format, graphs);
    let drawn = 0;
    let forked = 0;
    const generator = createRandom(3);
    const random = {
      ...generator,
      fork: (label: string) => ((forked += 1), generator.fork(label)),
      uniform: (count: number) => ((drawn += count), generator.uniform(count)),
    };
    await collect(model, conversation, {}, { temperature: 1 }, { ...context(), random });
    await model.dispose();
    expect(drawn).toBeGreaterThan(0);
    expect(forked).toBe(0);
  });
});

describe('signal groups', () => {
  it('keep their place among texts', async () => {
    const result = await reply(script([...text('one '), ...IMG, ...text(' two '), ...AUD, ...IMG, ...text(' three')]), { image: 'allowed', audio: 'allowed' });
    expect(outline(result)).toEqual(['one ', 'image()', ' two ', 'audio()', 'image()', ' three']);
    expect(result.end.usage.outputTokens).toBe(text('one ').length + text(' two ').length + text(' three').length + 12);
  });

  it('are completed by force in one run, with the states at their tokens', async () => {
    const prompt = buildPrompt(conversation, format.prompt, 1e4).positions.length;
    const result = await reply(script([...text('a'), IMG[0]!, ...text('zzz'), END]), { image: 'allowed' });
    const [signal] = signals(result);
    expect(result.runs.slice(-2)).toEqual([[prompt, 1], [prompt + 1, 4]]);
    expect(signal!.states!.hidden.shape).toEqual([4, WIDTH]);
    expect(Array.from(signal!.states!.hidden.data)).toEqual(IMG.flatMap((each, i) => [prompt + 1 + i, each, 2]));
    expect(Array.from(signal!.states!.embedded.data)).toEqual(IMG.flatMap((each) => [each, -each, 1]));
    expect(signal!.prompt).toBe('make it green');
  });

  it('are whole when the budget ends on or inside them', async () => {
    for (const maxTokens of [2, 3, 4, 5]) {
      const result = await reply(script([...text('a'), ...IMG, ...text(' b c d e f')]), { image: 'allowed' }, { maxTokens });
      expect(outline(result)).toEqual(['a', 'image()']);
      expect(signals(result)[0]!.states).not.toBeNull();
      expect(result.end.reason).toBe('length');
    }
  });

  it('give out text that a stop sequence held back before them', async () => {
    expect(outline(await reply(script([...text('a #'), ...IMG, ...text('# b')]), { image: 'allowed' }, { stop: ['##'] }))).toEqual(['a #', 'image()', '# b']);
  });

  it('end after the most that a reply may have', async () => {
    const result = await reply(script(Array.from({ length: 30 }, () => IMG).flat(), text('x')), { image: 'allowed' });
    expect(signals(result)).toHaveLength(config.maxSignals);
  });
});

describe('wants', () => {
  it('forbids outputs that are forbidden or not named', async () => {
    for (const wants of [{ image: 'forbidden' }, {}] as Wants[]) {
      expect(outline(await reply(script([...text('a'), ...IMG], text('b')), wants, { maxTokens: 3 }))).toEqual(['abb']);
    }
  });

  it('makes a required output before the model may end, and lets it go on', async () => {
    const result = await reply(script([...text('a'), END], text('x')), { image: 'required' });
    expect(outline(result)).toEqual(['a', 'image()']);
    expect(result.end.reason).toBe('stop');
  });

  it('makes required outputs in the order of their keys, others not meanwhile, and each once', async () => {
    const wants: Wants = { audio: 'required', image: 'required' };
    expect(outline(await reply(script([...IMG, END], AUD.slice(0, 1)), wants))).toEqual(['audio()', 'image()']);
    expect(outline(await reply(script([END]), wants))).toEqual(['audio()', 'image()']);
    expect(outline(await reply(script([...text('a'), ...AUD, ...AUD], text('b')), wants))).toEqual(['a', 'audio()', 'bbbb', 'image()']);
    expect(outline(await reply(script([...AUD, ...IMG, ...IMG], text('b')), { ...wants, text: 'allowed' }))).toEqual(['audio()', 'image()', 'bbbb']);
  });

  it('allows allowed ones again once the required ones are made', async () => {
    expect(outline(await reply(script([...AUD, ...IMG, ...AUD], text('b')), { image: 'required', audio: 'allowed' }))).toEqual(['bbbb', 'image()', 'audio()']);
  });

  it('makes required outputs also when the budget or a stop sequence ends the text', async () => {
    const wants: Wants = { image: 'required', audio: 'required' };
    const cut = await reply(script(text('draw a red apple')), wants, { maxTokens: 2 });
    expect(outline(cut)).toEqual(['draw a', 'image()', 'audio()']);
    expect(cut.end.reason).toBe('length');
    const stopped = await reply(script(text('draw a red apple')), wants, { stop: [' red'] });
    expect(outline(stopped)).toEqual(['draw a', 'image()', 'audio()']);
    expect(stopped.end.reason).toBe('stop');
    const silent = await reply(script([...text('draw a red'), ...text(' apple'.repeat(20))]), { image: 'required' }, { stop: [' red'] });
    expect(outline(silent)).toEqual(['draw a', 'image()']);
  });

  it('lets the model think in text that nobody asked for, and ends with the last output', async () => {
    const result = await reply(script([...text('Sure. '), ...IMG, ...text(' There!')]), { image: 'required', text: 'forbidden' });
    expect(outline(result)).toEqual(['image()']);
    expect(result.end).toMatchObject({ reason: 'stop', usage: { outputTokens: text('Sure. ').length + 4 } });
    expect(outline(await reply(script(text('hello')), { text: 'forbidden' }))).toEqual([]);
  });

  it('does not end without a required text', async () => {
    expect(outline(await reply(script([END, END], text('b')), { text: 'required' }, { maxTokens: 1 }))).toEqual(['b']);
    expect(outline(await reply(script([...text('a'), ...IMG, END], text('b')), { image: 'required', text: 'required' }))).toEqual(['image()', 'b']);
    expect(outline(await reply(script([...IMG, END], text('b')), { text: 'required', image: 'required' }))).toEqual(['bbbb', 'image()']);
  });

  it('refuses a required output without signal tokens', async () => {
    await expect(reply(script([]), { video: 'required' })).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('only image, audio') });
  });
});

describe('references', () => {
  const two = [user(medium(1), medium(2), 'combine')];

  it('belong to the group that follows', async () => {
    const result = await reply(script([...text('a '), M(2), M(1), ...IMG, ...text(' b '), ...IMG]), { image: 'allowed' }, {}, two);
    expect(outline(result)).toEqual(['a ', 'image(2,1)', ' b ', 'image()']);
    expect(result.warnings).toEqual([]);
  });

  it('are masked to media that the prompt shows, each once a group', async () => {
    expect(outline(await reply(script([M(3), ...IMG], text('x')), { image: 'allowed' }, {}, two))[0]).toBe('x');
    expect(outline(await reply(script([M(1), M(1), ...IMG], [IMG[0]!]), { image: 'allowed' }, { maxTokens: 3 }, two))).toEqual(['image(1)']);
  });

  it('are dropped with a warning where no group follows', async () => {
    const inText = await reply(script([...text('draw'), M(1), ...text(' here')]), { image: 'allowed' });
    expect([outline(inText), inText.warnings]).toEqual([['draw here'], ['reference_dropped']]);
    const atEnd = await reply(script([...text('draw'), M(1)]), { image: 'allowed' });
    expect([outline(atEnd), atEnd.warnings]).toEqual([['draw'], ['reference_dropped']]);
    const atLimit = await reply(script([...text('draw'), M(1), ...text(' more')]), { image: 'allowed' }, { maxTokens: 2 });
    expect([outline(atLimit), atLimit.warnings, atLimit.end.reason]).toEqual([['draw'], ['reference_dropped'], 'length']);
  });

  it('are not taken where no group may follow', async () => {
    const result = await reply(script([...text('draw'), M(1), ...IMG], text('x')), {}, { maxTokens: 3 });
    expect([outline(result), result.warnings]).toEqual([['drawxx'], []]);
  });

  it('keep their group when the budget ends between', async () => {
    expect(outline(await reply(script([...text('a'), M(1), ...IMG]), { image: 'allowed' }, { maxTokens: 2 }))).toEqual(['a', 'image(1)']);
  });

  it('may be chosen for a group that is begun by force', async () => {
    expect(outline(await reply(script([...text('a'), END], [M(1), IMG[0]!]), { image: 'required' }))).toEqual(['a', 'image(1)']);
  });
});

it('a repetition penalty is for text: signals, references and ends keep their likelihood', async () => {
  const options: SamplingOptions = { repetitionPenalty: 10, maxTokens: 20 };
  const again = await reply(script([M(1), ...IMG, M(1), ...IMG], text('x')), { image: 'allowed' }, options);
  expect([outline(again), again.end.reason]).toEqual([['image(1)', 'image(1)'], 'stop']);
  expect(outline(await reply(script(text('red red red'), text('x')), {}, options))).not.toEqual(['red red red']);
});

describe('cancel', () => {
  it('is noticed before each token', async () => {
    const abort = new AbortController();
    const graphs = fakeGraphs(script(text('draw a red apple')), () => buildPrompt(conversation, format.prompt, 1e4).positions.length);
    const model = createLanguageModel(config, format, graphs);
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      for await (const event of model.generate({ messages: conversation, wants: {}, options: {} }, context(0, abort.signal))) {
        if (event.type === 'text-delta') seen.push(event.text);
        abort.abort();
      }
    };
    const before = graphs.runs.length;
    await expect(run()).rejects.toMatchObject({ code: 'aborted' });
    expect(seen).toHaveLength(1);
    const prompt = buildPrompt(conversation, format.prompt, 1e4).positions.length;
    expect(graphs.runs.slice(before).filter(([start]) => start >= prompt)).toEqual([]);
    await model.dispose();
  });

  it('is noticed between the chunks of a long prompt', async () => {
    const abort = new AbortController();
    const long = [user(' red'.repeat(200))];
    const graphs = fakeGraphs(() => (abort.abort(), new Float32Array(config.vocabulary)), () => {
      abort.abort();
      return 0;
    });
    const model = createLanguageModel(config, format, graphs);
    await expect(collect(model, long, {}, {}, context(0, abort.signal))).rejects.toMatchObject({ code: 'aborted' });
    expect(graphs.runs).toEqual([[0, 64]]);
    await model.dispose();
  });
});
