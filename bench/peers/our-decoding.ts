// A contender of `run.ts`: this program's language model, and its graph alone. Usage: node our-decoding.ts BUNDLE.

import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { LanguageModel, LanguageModelEnd, PromptMessage } from '../../src/contracts.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { bareToken } from '../bare-token.ts';
import { answer } from './contender.ts';

/** Tokens of a unit, around the context that is asked for. */
const TOKENS = 32;

const opened = await openBundle(process.argv[2]!, [...encoders, ...projectors, ...decoders, ...languageModels]);
const name = opened.bundle.languageModel!;
const { factory, source } = opened.component(name, 'cpu');
if (factory.kind !== 'language-model') throw new Error(`${name} is no language model`);
const model = await factory.open(source);
const prompts = new Map<number, PromptMessage[]>();
const graphs = new Map<number, Awaited<ReturnType<typeof bareToken>>>();

await answer(async ({ what, context = 64 }) => (what === 'bare' ? bare(context) : decoding(context)));

/** Milliseconds a token of a reply, from its first text to its end. */
async function decoding(context: number): Promise<number> {
  let messages = prompts.get(context);
  if (messages === undefined) prompts.set(context, (messages = await promptOf(context - TOKENS / 2)));
  const { end, milliseconds } = await reply(messages, TOKENS);
  const { outputTokens } = end.usage;
  if (outputTokens < TOKENS / 2) throw new Error(`a reply of ${outputTokens} tokens is too short to measure`);
  return milliseconds / (outputTokens - 1);
}

async function reply(messages: readonly PromptMessage[], maxTokens: number): Promise<{ end: LanguageModelEnd; milliseconds: number }> {
  const random = createRandom(0);
  let start: number | null = null;
  const generated: ReturnType<LanguageModel['generate']> = model.generate({ messages, wants: {}, options: { maxTokens, temperature: 0 } }, { signal: new AbortController().signal, random, warn: () => undefined });
  for await (const event of generated) {
    if (event.type === 'end') return { end: event, milliseconds: performance.now() - (start ?? performance.now()) };
    start ??= performance.now();
  }
  throw new Error('a reply has no end');
}

function ask(sentences: number): PromptMessage[] {
  return [{ role: 'user', parts: [{ type: 'text', text: `${'The dragon flew over the hills. '.repeat(sentences)}Write a long story about it, with many words.` }] }];
}

/** A conversation of about so many positions that invites a long reply. */
async function promptOf(length: number): Promise<PromptMessage[]> {
  const count = async (sentences: number): Promise<number> => (await reply(ask(sentences), 1)).end.usage.inputTokens;
  const [without, withSome] = [await count(0), await count(8)];
  return ask(Math.max(0, Math.round((8 * (length - without)) / (withSome - without))));
}

/** Milliseconds of a run of the graph alone. */
async function bare(context: number): Promise<number> {
  let graph = graphs.get(context);
  if (graph === undefined) graphs.set(context, (graph = await bareToken(source, context)));
  const start = performance.now();
  for (let token = 0; token < TOKENS; token += 1) await graph.run();
  return (performance.now() - start) / TOKENS;
}
