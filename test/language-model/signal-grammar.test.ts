// Random wishes of a model against every rule that a reply must keep.

import { describe, expect, it } from 'vitest';
import type { PromptMessage, Signal, Wants } from '../../src/contracts.ts';
import { createLanguageModel } from '../../src/language-model/causal-lm.ts';
import { buildPrompt } from '../../src/language-model/prompt.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { collect, config, context, fakeGraphs, format, id, medium, tokenizer, user, type Behaviour, type Reply } from './fakes.ts';

const control = [...tokenizer.control.values()];
const ordinary = ['draw', ' a', ' red', ' apple', '.', '\n', '🐉', '🐉 é', ' #', '##', ' User:', 'A'].flatMap((text) => tokenizer.encode(text));
const decided = ['required', 'allowed', 'forbidden'] as const;

/** A source of small random numbers. */
function dice(seed: number): (sides: number) => number {
  const random = createRandom(seed);
  return (sides) => Math.floor(random.uniform(1)[0]! * sides);
}

/** Wishes anything at any time, control tokens more often than not; the same for the same history. */
function wild(seed: number): Behaviour {
  return (reply) => {
    const roll = dice(seed * 1000 + reply.length);
    const logits = new Float32Array(config.vocabulary).fill(-100);
    for (const each of control) logits[each] = roll(40);
    for (const each of ordinary) logits[each] = roll(38);
    logits[2] = roll(3) === 0 ? 39 : 0;
    return logits;
  };
}

function shuffled<T>(items: readonly T[], roll: (sides: number) => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(roll(left.length), 1)[0]!);
}

const does = (output: string, required: string | undefined, wants: Wants, satisfies: Readonly<Record<string, string>>): boolean =>
  output === required || (satisfies[output] === required && wants[output] !== 'required');

function checkReply(reply: Reply, wants: Wants, satisfies: Readonly<Record<string, string>>, media: number, fed: readonly number[], stopped: boolean): void {
  const names = reply.parts.map((part) => (typeof part === 'string' ? 'text' : part.output));
  const signals = reply.parts.filter((part): part is Signal => typeof part !== 'string');
  const text = reply.deltas.join('');

  for (const spelling of tokenizer.control.keys()) expect(text).not.toContain(spelling);
  expect(text).not.toMatch(/\p{Cs}/u);

  const required = Object.keys(wants).filter((key) => wants[key] === 'required');
  const outputs = required.filter((key) => key !== 'text');
  const made = signals.map((signal) => signal.output);
  expect(made.length).toBeGreaterThanOrEqual(outputs.length);
  expect(made.slice(0, outputs.length).filter((output, i) => !does(output, outputs[i], wants, satisfies))).toEqual([]);
  for (const output of made.slice(outputs.length)) expect(wants[output]).toBe('allowed');
  if (wants['text'] === 'forbidden') expect(names).not.toContain('text');
  if (wants['text'] === 'required' && reply.end.reason === 'stop' && !stopped) expect(text.trim()).not.toBe('');
  const before = required.slice(0, required.indexOf('text')).filter((key) => key !== 'text');
  if (required.includes('text') && names.includes('text')) expect(before.filter((key) => !names.slice(0, names.indexOf('text')).some((output) => does(output, key, wants, satisfies)))).toEqual([]);

  // What was fed holds each group whole and in order, the references right before it, and nothing else that is special.
  const marks = fed.filter((each) => control.includes(each));
  const dropped = marks.filter((each) => format.prompt.references.includes(each)).length - signals.flatMap((signal) => signal.references).length;
  expect(dropped > 0).toBe(reply.warnings.includes('reference_dropped'));
  let from = 0;
  const captions: number[] = [];
  for (const { output, references, states, prompt } of signals) {
    const caption = format.prompt.captions.get(output);
    const at = fed.indexOf(caption?.begin ?? format.prompt.groups.get(output)![0]!, from);
    // The last token of a reply is not fed.
    const end = caption === undefined || !fed.includes(caption.end, at) ? fed.length : fed.indexOf(caption.end, at);
    const group = caption === undefined ? format.prompt.groups.get(output)! : fed.slice(at, end + 1);
    expect(fed.slice(at - references.length, at + group.length)).toEqual([...references.map((ordinal) => format.prompt.references[ordinal - 1]!), ...group]);
    if (caption === undefined) expect(Array.from(states!.hidden.data).filter((_, i) => i % 3 === 1)).toEqual(group);
    else {
      const words = fed.slice(at + 1, end);
      expect(words.filter((each) => control.includes(each))).toEqual([]);
      expect(words.length).toBeLessThanOrEqual(config.maxCaption);
      expect([states, prompt]).toEqual([null, tokenizer.decode(words).replace(/\uFFFD+$/u, '').trim() || 'draw']);
      captions.push(...group.filter((each) => control.includes(each)));
    }
    expect(new Set(references).size).toBe(references.length);
    for (const ordinal of references) expect(ordinal).toBeLessThanOrEqual(media);
    from = at + group.length;
  }
  const groupTokens = marks.filter((each) => [...format.prompt.groups.values()].flat().includes(each));
  expect(groupTokens).toEqual(made.flatMap((output) => format.prompt.groups.get(output) ?? []));
  expect(marks.filter((each) => [id('[SPK0]'), id('[SPK1]')].includes(each))).toEqual(captions);
}

describe('whatever a model wishes', () => {
  it('a reply keeps its order, its groups whole and its tokens hidden', async () => {
    let groups = 0;
    for (let seed = 0; seed < 400; seed += 1) {
      const roll = dice(seed);
      const wants: Wants = Object.fromEntries(shuffled(['image', 'audio', 'speech', 'text'], roll).slice(roll(4)).map((key) => [key, decided[roll(3)]!]));
      const satisfies = roll(2) === 0 ? {} : { speech: 'audio' };
      const media = roll(4);
      const messages: PromptMessage[] = [user('draw ', ...Array.from({ length: media }, (_, i) => medium(i + 1)))];
      const promptLength = buildPrompt(messages, format.prompt, 1e4).positions.length;
      const fed: number[] = [];
      const behaviour = wild(seed);
      const graphs = fakeGraphs((reply) => {
        fed.splice(0, fed.length, ...reply);
        return behaviour(reply);
      }, () => promptLength);
      const model = createLanguageModel(config, format, graphs);
      const options = { maxTokens: 1 + roll(40), temperature: roll(2), stop: roll(2) === 0 ? [] : ['##', 'red apple', '.'] };
      const reply = await collect(model, messages, wants, options, context(seed), satisfies);
      checkReply(reply, wants, satisfies, media, fed, options.stop.length > 0);
      groups += reply.parts.filter((part) => typeof part !== 'string').length;
      for (const stop of options.stop) for (const part of reply.parts) if (typeof part === 'string') expect(part).not.toContain(stop);
      await model.dispose();
    }
    expect(groups).toBeGreaterThan(200);
  });
});
