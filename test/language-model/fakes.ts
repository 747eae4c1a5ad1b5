// A language model without weights for tests of the loop around it: the logits are a function of the tokens fed.
// Its cache rows hold the ids they stand for, so that a wrong position, a lost or a doubled row shows at once.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Context, LanguageModel, LanguageModelEnd, PromptMedia, PromptMessage, SamplingOptions, Signal, Tensor, Wants } from '../../src/contracts.ts';
import { createChatTemplate } from '../../src/language-model/chat-template.ts';
import type { LanguageModelConfig } from '../../src/language-model/config.ts';
import type { ModelFormat } from '../../src/language-model/causal-lm.ts';
import type { Graphs } from '../../src/language-model/sequence.ts';
import { createTokenizer, type TextTokenizer } from '../../src/language-model/tokenizer.ts';
import { createRandom } from '../../src/runtime/random.ts';
import type { RuntimeTensor, Session } from '../../src/runtime/sessions.ts';

export const WIDTH = 3;

const fixture: { tokenizer: object; settings: Record<string, unknown>; chatTemplate: string; strings: { text: string; ids: number[] }[] } = JSON.parse(
  readFileSync(new URL('smollm2.json', import.meta.url), 'utf8'),
);
export const { strings } = fixture;
export const tokenizer: TextTokenizer = createTokenizer(fixture.tokenizer, fixture.settings, 'tokenizer.json');

export const id = (spelling: string): number => tokenizer.control.get(spelling)!;
const group = (name: string): string[] => [0, 1, 2, 3].map((i) => `[${name}${i}]`);

export const config: LanguageModelConfig = {
  layers: 1,
  kvHeads: 1,
  headDim: 1,
  modelWidth: WIDTH,
  vocabulary: 49186,
  contextLength: 400,
  signals: { image: group('IMG'), audio: group('AUD') },
  captions: { speech: { begin: '[SPK0]', end: '[SPK1]' } },
  asks: [],
  maxSignals: 8,
  maxCaption: 12,
  references: Array.from({ length: 16 }, (_, i) => `[M${i + 1}]`),
  mediaTokens: { begin: '<media>', end: '</media>' },
  mediaPlaces: {},
  mediaEmbeds: { image: 9, video: 9, audio: 9 },
  textStart: null,
  stopTexts: [],
  systemPrompt: null,
  stopTokens: ['<|im_end|>', '<|endoftext|>'],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, maxTokens: 64, stop: [] },
};

export const format: ModelFormat = {
  prompt: {
    tokenizer,
    template: createChatTemplate(fixture.chatTemplate, fixture.settings, 'chat_template.jinja'),
    systemPrompt: 'You are anymodal. You answer with text and pictures.',
    modelWidth: WIDTH,
    mediaTokens: { begin: id('<media>'), end: id('</media>') },
    mediaPlaces: new Map(),
    mediaEmbeds: config.mediaEmbeds,
    textStart: null,
    references: config.references.map(id),
    groups: new Map(Object.entries(config.signals).map(([output, tokens]) => [output, tokens.map(id)])),
    captions: new Map(Object.entries(config.captions).map(([output, { begin, end }]) => [output, { begin: id(begin), end: id(end) }])),
  },
  stops: new Set([2, 0]),
};

/** Logits for what follows `reply`, the ids fed after the prompt. */
export type Behaviour = (reply: readonly number[]) => Float32Array;

/** Says these ids one after another, then ends; a masked wish is replaced by `otherwise`. */
export function script(ids: readonly number[], otherwise: readonly number[] = []): Behaviour {
  return (reply) => {
    const logits = new Float32Array(config.vocabulary);
    for (const control of tokenizer.control.values()) logits[control] = config.references.map(id).includes(control) ? -2 : -1;
    otherwise.forEach((each, i) => (logits[each] = 10 - i));
    logits[ids[reply.length] ?? id('<|im_end|>')] = 20;
    return logits;
  };
}

export interface FakeGraphs extends Graphs {
  /** Positions of every run of the model, as [first, count]. */
  readonly runs: [number, number][];
  released: number;
}

export function fakeGraphs(behaviour: Behaviour, promptLength: () => number): FakeGraphs {
  const runs: [number, number][] = [];
  const graphs: FakeGraphs = {
    runs,
    released: 0,
    embed: session(async ({ input_ids }) => {
      const ids = Array.from(input_ids!.data, Number);
      return { embeds: { shape: [1, ids.length, WIDTH], data: Float32Array.from(ids.flatMap((each) => [each, -each, 1])) } };
    }),
    model: session(async ({ inputs_embeds, position_ids, ...past }, fetch) => {
      const fed = Array.from(inputs_embeds!.data, Number).filter((_, i) => i % WIDTH === 0);
      const before = Array.from(past['past_key.0']!.data, Number);
      expect(past['past_key.0']!.shape).toEqual([1, before.length, 1, 1]);
      expect(Array.from(past['past_value.0']!.data, Number)).toEqual(before.map((each) => -each));
      expect(Array.from(position_ids!.data, Number)).toEqual(fed.map((_, i) => before.length + i));
      runs.push([before.length, fed.length]);
      const reply = [...before, ...fed].slice(promptLength());
      const results: Record<string, RuntimeTensor> = {
        logits: { shape: [1, 1, config.vocabulary], data: behaviour(reply) },
        hidden: { shape: [1, fed.length, WIDTH], data: Float32Array.from(fed.flatMap((each, i) => [before.length + i, each, 2])) },
        'new_key.0': { shape: [1, fed.length, 1, 1], data: Float32Array.from(fed) },
        'new_value.0': { shape: [1, fed.length, 1, 1], data: Float32Array.from(fed, (each) => -each) },
      };
      return Object.fromEntries((fetch ?? Object.keys(results)).map((name) => [name, results[name]!]));
    }),
  };
  function session(run: Session['run']): Session {
    return { inputs: [], outputs: [], run, release: async () => void (graphs.released += 1) };
  }
  return graphs;
}

export interface Reply {
  /** Texts and signals in order; neighbouring texts joined. */
  readonly parts: (string | Signal)[];
  readonly deltas: string[];
  readonly end: LanguageModelEnd;
  readonly warnings: string[];
}

export function context(seed = 0, signal: AbortSignal = new AbortController().signal): Context & { warnings: string[] } {
  const warnings: string[] = [];
  return { signal, random: createRandom(seed), warn: (code) => void warnings.push(code), warnings };
}

type Part = PromptMessage['parts'][number] | string;

export const user = (...parts: Part[]): PromptMessage => message('user', parts);
export const assistant = (...parts: Part[]): PromptMessage => message('assistant', parts);
export function message(role: PromptMessage['role'], parts: readonly Part[]): PromptMessage {
  return { role, parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : part)) };
}

interface Read {
  readonly embeds: Tensor;
}

/** A medium of nine embeddings whose first values are negative, so that the fake model tells them from ids. */
export function medium(ordinal: number, more: Partial<PromptMedia & Read> = {}): PromptMedia & Read {
  const data = Float32Array.from({ length: 9 * WIDTH }, (_, i) => -1000 * ordinal - i);
  return { type: 'media', ordinal, modality: 'image', embeds: { shape: [9, WIDTH], data }, ...more };
}

export async function collect(model: LanguageModel, messages: readonly PromptMessage[], wants: Wants, options: SamplingOptions, given: ReturnType<typeof context>, satisfies: Readonly<Record<string, string>> = {}): Promise<Reply> {
  const parts: (string | Signal)[] = [];
  const deltas: string[] = [];
  let end: LanguageModelEnd | null = null;
  for await (const event of model.generate({ messages, wants, satisfies, options }, given)) {
    expect(end).toBeNull();
    if (event.type === 'end') end = event;
    else if (event.type === 'signal') parts.push(event);
    else {
      deltas.push(event.text);
      const last = parts.at(-1);
      if (typeof last === 'string') parts[parts.length - 1] = last + event.text;
      else parts.push(event.text);
    }
  }
  return { parts, deltas, end: end!, warnings: given.warnings };
}

/** `text`, `image(references)` and so on, in order. */
export const outline = ({ parts }: Reply): string[] => parts.map((part) => (typeof part === 'string' ? part : `${part.output}(${part.references.join()})`));
