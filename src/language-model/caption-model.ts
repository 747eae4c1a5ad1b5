// A language model that asks for outputs in words: binds the text protocol, the prompt and the decode loop to a sequence of tokens.
// Knows no graph and no file; knows no output by name.

import type { LanguageModel, PromptMessage, SamplingOptions } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { generateCaptions, type TokenSequence } from './caption-loop.ts';
import { captionConversation, offeredOutputs, type CaptionTask } from './caption-protocol.ts';
import { samplingSchema } from './config.ts';
import { PrefixStore, type PrefixCache } from './prefix-store.ts';
import { buildPrompt, type PromptFormat } from './prompt.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Most of the context that is kept free for the reply when old turns are left out. */
const REPLY_SHARE = 1 / 4;

/** What is written down about such a model. */
export interface CaptionConfig {
  readonly contextLength: number;
  readonly systemPrompt: string | null;
  /** Outputs that it is told of. */
  readonly asks: readonly string[];
  readonly maxCaption: number;
  readonly sampling: Required<SamplingOptions>;
}

export interface CaptionParts<C extends PrefixCache> {
  readonly config: CaptionConfig;
  /** Its system prompt is not used; the config's is. */
  readonly format: PromptFormat;
  readonly stops: ReadonlySet<number>;
  /** Texts that end a reply, beside those that the caller names. */
  readonly ends?: readonly string[];
  readonly createCache: () => C;
  /** A sequence that continues a cache. */
  readonly sequence: (cache: C) => TokenSequence;
  /** Releases the graphs. */
  readonly release: () => Promise<void>;
}

/** A language model over opened graphs, which it owns. */
export function createCaptionModel<C extends PrefixCache>({ config, format, stops, ends = [], createCache, sequence, release }: CaptionParts<C>): LanguageModel {
  const prefixes = new PrefixStore(createCache);
  const { tokenizer } = format;
  const takesSystem = acceptsSystem(format);
  let disposed = false;

  return {
    options: samplingSchema(config.sampling),
    outputs: config.asks,
    unseen: true,
    async *generate({ messages, wants, satisfies = {}, options: given }, context) {
      if (disposed) throw new AnymodalError('internal', 'language model: generate after dispose.');
      const options = withDefaults(given, config.sampling);
      const task: CaptionTask = { outputs: config.asks, wants, satisfies, messages };
      const told = captionConversation(task, config.systemPrompt, ({ embeds }) => embeds !== null);
      const forRequests = offeredOutputs(task).length === 0 ? 0 : (Object.values(wants).filter((want) => want === 'required').length + 1) * (config.maxCaption + 16);
      const forReply = Math.min(options.maxTokens, Math.floor(config.contextLength * REPLY_SHARE));
      const prompt = buildPrompt(takesSystem ? told : withoutSystem(told), { ...format, systemPrompt: null }, config.contextLength - forRequests - forReply);
      if (prompt.dropped > 0) {
        context.warn('context_truncated', `language model: the conversation is longer than its context; the ${prompt.dropped} oldest of ${messages.length} messages were left out.`);
      }
      const cache = prefixes.take(prompt.positions);
      try {
        yield* generateCaptions(
          sequence(cache),
          {
            task,
            prompt: prompt.positions,
            options: { ...options, stop: [...options.stop, ...ends] },
            room: config.contextLength - prompt.positions.length - forRequests,
            maxCaption: config.maxCaption,
            stops,
            barred: barredTokens(tokenizer, stops),
            encode: tokenizer.encode,
            decode: tokenizer.decode,
          },
          context,
        );
      } finally {
        if (!disposed) prefixes.put(prompt.positions, cache);
      }
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      prefixes.clear();
      await release();
    },
  };
}

/** Control tokens that no reply holds. */
function barredTokens(tokenizer: TextTokenizer, stops: ReadonlySet<number>): number[] {
  return [...tokenizer.control.values()].filter((id) => !stops.has(id) && !tokenizer.ordinary.has(id));
}

/** Whether the chat template takes a system message; some refuse it. */
function acceptsSystem({ template, mediaPlaces }: PromptFormat): boolean {
  try {
    if (mediaPlaces.size > 0) template.renderParts([{ role: 'system', parts: ['text'] }, { role: 'user', parts: ['text'] }]);
    else template.render(['system', 'user']);
    return true;
  } catch {
    return false;
  }
}

/** What the system message says, at the beginning of the first question. */
function withoutSystem(messages: readonly PromptMessage[]): PromptMessage[] {
  const said = messages.filter(({ role }) => role === 'system').flatMap(({ parts }) => parts);
  const others = messages.filter(({ role }) => role !== 'system');
  const first = others.findIndex(({ role }) => role === 'user');
  return said.length === 0 ? others : others.map((message, at) => (at === first ? { ...message, parts: [...said, { type: 'text', text: '\n\n' }, ...message.parts] } : message));
}

function withDefaults(given: SamplingOptions, defaults: Required<SamplingOptions>): Required<SamplingOptions> {
  return {
    temperature: given.temperature ?? defaults.temperature,
    topK: given.topK ?? defaults.topK,
    topP: given.topP ?? defaults.topP,
    minP: given.minP ?? defaults.minP,
    repetitionPenalty: given.repetitionPenalty ?? defaults.repetitionPenalty,
    maxTokens: given.maxTokens ?? defaults.maxTokens,
    stop: given.stop ?? defaults.stop,
  };
}
