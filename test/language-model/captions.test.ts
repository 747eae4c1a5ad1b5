// Words that the model writes for an output between two tokens, and outputs that do for another.

import { afterEach, describe, expect, it } from 'vitest';
import type { SamplingOptions, Signal, Wants } from '../../src/contracts.ts';
import { createLanguageModel } from '../../src/language-model/causal-lm.ts';
import { buildPrompt } from '../../src/language-model/prompt.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { collect, config, context, fakeGraphs, format, id, medium, outline, script, tokenizer, user, type Behaviour, type Reply } from './fakes.ts';

const text = tokenizer.encode;
const IMG = [0, 1, 2, 3].map((i) => id(`[IMG${i}]`));
const AUD = [0, 1, 2, 3].map((i) => id(`[AUD${i}]`));
const [SAY, SAID, END] = [id('[SPK0]'), id('[SPK1]'), id('<|im_end|>')];
const M = (ordinal: number): number => id(`[M${ordinal}]`);
const say = (words: string): number[] => [SAY, ...text(words), SAID];
const conversation = [user(medium(1), 'say something')];
const speech: Wants = { speech: 'allowed', image: 'allowed', audio: 'allowed' };
const satisfies = { speech: 'audio' };

async function reply(behaviour: Behaviour, wants: Wants = speech, options: SamplingOptions = {}, does: Readonly<Record<string, string>> = {}): Promise<Reply & { runs: [number, number][] }> {
  const graphs = fakeGraphs(behaviour, () => buildPrompt(conversation, format.prompt, 1e4).positions.length);
  const model = createLanguageModel(config, format, graphs);
  const result = await collect(model, conversation, wants, options, context(), does);
  await model.dispose();
  return { ...result, runs: graphs.runs };
}
const words = ({ parts }: Reply): string[] => parts.filter((part): part is Signal => typeof part !== 'string' && part.states === null).map(({ prompt }) => prompt);

afterEach(() => expect(openSessionCount()).toBe(0));

describe('a caption', () => {
  it('is no text of the reply, which goes on around it', async () => {
    const result = await reply(script([...text('Listen: '), ...say('good morning'), ...text(' and look: '), ...IMG, ...text(' Nice.')]));
    expect(outline(result)).toEqual(['Listen: ', 'speech()', ' and look: ', 'image()', ' Nice.']);
    expect(words(result)).toEqual(['good morning']);
    expect(result.deltas.join('')).not.toContain('morning');
    expect(result.end.usage.outputTokens).toBe(text('Listen: ').length + 2 + text('good morning').length + text(' and look: ').length + 4 + text(' Nice.').length);
    expect([result.end.reason, result.warnings]).toEqual(['stop', []]);
  });

  it('takes references, masked to media that the prompt shows', async () => {
    expect(outline(await reply(script([...text('a '), M(1), ...say('hi')])))).toEqual(['a ', 'speech(1)']);
    expect(outline(await reply(script([M(2), ...say('hi')], [SAY])))[0]).toBe('speech()');
  });

  it('holds words alone: no other token of meaning comes in it', async () => {
    for (const liked of [IMG[0]!, M(1), SAY, id('[SPK2]'), id('<media>'), id('<|im_start|>')]) {
      const result = await reply(script([SAY, ...text('good'), liked, SAID], text('A')));
      expect([outline(result), words(result)]).toEqual([['speech()'], ['goodA']]);
    }
  });

  it('ends where the model would end its reply', async () => {
    const result = await reply(script([SAY, ...text('good'), END, END]));
    expect([outline(result), words(result), result.warnings, result.end.reason]).toEqual([['speech()'], ['good'], [], 'stop']);
  });

  it('is closed at its limit, with a warning, and the reply goes on', async () => {
    const result = await reply(script([SAY, ...text(' red'.repeat(config.maxCaption)), END, ...text(' done')]), speech);
    expect(words(result)).toEqual([' red'.repeat(config.maxCaption).trim()]);
    expect(result.warnings).toEqual(['caption_cut']);
    expect(outline(result)).toEqual(['speech()', ' done']);
  });

  it('is not cut by the budget of the reply', async () => {
    const result = await reply(script([...text('a'), ...say('good morning to you'), ...text(' more text')]), speech, { maxTokens: 2 });
    expect([outline(result), words(result), result.end.reason]).toEqual([['a', 'speech()'], ['good morning to you'], 'length']);
  });

  it('without words takes those of the request, with a warning', async () => {
    for (const empty of [[SAY, SAID], say(' '), [SAY, END]]) {
      const result = await reply(script(empty));
      expect([words(result), result.warnings]).toEqual([['say something'], ['caption_empty']]);
    }
  });

  it('is not cut by stop sequences, which hold in the text around it', async () => {
    const result = await reply(script([...text('a #'), ...say('one ## two'), ...text('# b ## c')]), speech, { stop: ['##'] });
    expect([outline(result), words(result)]).toEqual([['a #', 'speech()', '# b '], ['one ## two']]);
  });

  it('may say a word as often as it likes, whatever the penalty for repetition in texts', async () => {
    const result = await reply(script([...text('red'), ...say('red red red')], text(' x')), speech, { repetitionPenalty: 10, maxTokens: 30 });
    expect(words(result)).toEqual(['red red red']);
  });

  it('ends within a whole character', async () => {
    const dragon = text('🐉');
    expect(dragon.length).toBeGreaterThan(1);
    expect(words(await reply(script([SAY, ...text('a'), ...dragon.slice(0, -1), SAID])))).toEqual(['a']);
  });

  it('is forbidden where its output is, and required where it is', async () => {
    expect(outline(await reply(script([SAY], text('b')), { image: 'allowed' }, { maxTokens: 2 }))).toEqual(['b']);
    const required = await reply(script([END], [SAID]), { speech: 'required', text: 'forbidden' });
    expect([outline(required), required.warnings]).toEqual([['speech()'], ['caption_empty']]);
    expect(words(await reply(script([...text('Sure.'), ...say('hello')]), { speech: 'required', text: 'forbidden' }))).toEqual(['hello']);
  });

  it('is finished before the reply ends, even when nothing else is wanted', async () => {
    const result = await reply(script(say('hello there')), { speech: 'required', text: 'forbidden' });
    expect([outline(result), words(result), result.end]).toEqual([['speech()'], ['hello there'], expect.objectContaining({ reason: 'stop' })]);
  });
});

describe('an output that does for another', () => {
  it('meets what is required, as the output itself does', async () => {
    const wants: Wants = { audio: 'required', text: 'forbidden', speech: 'forbidden' };
    expect(outline(await reply(script(say('hi')), wants, {}, satisfies))).toEqual(['speech()']);
    expect(outline(await reply(script(AUD), wants, {}, satisfies))).toEqual(['audio()']);
    expect(outline(await reply(script([SAY, END], AUD.slice(0, 1)), wants))).toEqual(['audio()']);
  });

  it('is not made beside it', async () => {
    const wants: Wants = { audio: 'required', image: 'required', text: 'forbidden', speech: 'forbidden' };
    expect(outline(await reply(script([...say('hi'), ...AUD, ...say('again')], IMG.slice(0, 1)), wants, {}, satisfies))).toEqual(['speech()', 'image()']);
  });

  it('does for none where it is required itself', async () => {
    const wants: Wants = { audio: 'required', speech: 'required', text: 'forbidden' };
    expect(outline(await reply(script([...say('hi'), END], [AUD[0]!, SAY, SAID]), wants, {}, satisfies))).toEqual(['audio()', 'speech()']);
  });

  it('makes an output possible that the model has no tokens for', async () => {
    expect(outline(await reply(script(say('hi')), { song: 'required', text: 'forbidden' }, {}, { speech: 'song' }))).toEqual(['speech()']);
    await expect(reply(script([]), { song: 'required' }, {}, satisfies)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('only image, audio, speech') });
  });
});
