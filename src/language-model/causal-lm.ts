// The factory `causal-lm`: a decoder-only language model with embeddings in and hidden states out, with or without
// signal tokens. Binds files and config to the decode loop; knows no output by name.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ComponentSource, Context, Factory, LanguageModel, PromptMessage, SamplingOptions } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { openSession, requirePorts } from '../runtime/sessions.ts';
import { checkSchema, requireConfig } from '../schema.ts';
import { createCaptionModel } from './caption-model.ts';
import { createChatTemplate } from './chat-template.ts';
import { configSchema, samplingSchema, type LanguageModelConfig } from './config.ts';
import { KeyValueCache } from './key-value-cache.ts';
import { PrefixStore } from './prefix-store.ts';
import { buildPrompt, type Prompt, type PromptFormat } from './prompt.ts';
import { generateReply } from './reply.ts';
import { Sequence, type Graphs } from './sequence.ts';
import { SignalGrammar, type ControlTokens } from './signal-grammar.ts';
import { createTokenizer } from './tokenizer.ts';

/** Most of the context that is kept free for the reply when old turns are left out. */
const REPLY_SHARE = 1 / 4;

/**
 * Files: `model` and `embed` (graphs; see `Graphs`), `tokenizer` (tokenizer.json), `tokenizerConfig` (tokenizer_config.json)
 * and, where that holds no `chat_template`, `chatTemplate` (Jinja).
 */
export const causalLanguageModel: Factory<'language-model'> = {
  kind: 'language-model',
  name: 'causal-lm',
  config: configSchema,
  ports(config) {
    const { modelWidth, mediaTokens, mediaPlaces, mediaEmbeds, signals } = readConfig(config);
    const read = Object.entries(mediaEmbeds).filter(([modality]) => mediaTokens !== null || mediaPlaces[modality] !== undefined);
    return {
      in: Object.fromEntries(read.map(([modality, count]) => [`embeds/${modality}`, [count, modelWidth]])),
      out: Object.fromEntries(Object.entries(signals).map(([output, tokens]) => [`hidden/${output}`, [tokens.length, modelWidth]])),
    };
  },
  async open(source) {
    const config = readConfig(source.config);
    const format = await readFormat(source, config);
    const graphs = await openGraphs(source, config);
    return config.asks.length > 0 ? createAskingModel(config, format, graphs) : createLanguageModel(config, format, graphs);
  },
};

function readConfig(config: unknown): LanguageModelConfig {
  return requireConfig('causal-lm', checkSchema<LanguageModelConfig>(configSchema, config, 'config'));
}

/** What a conversation is written and read with: the prompt's format and the control tokens of replies. */
export interface ModelFormat {
  readonly prompt: PromptFormat;
  readonly stops: ReadonlySet<number>;
}

/** A language model over opened graphs, which it owns. */
export function createLanguageModel(config: LanguageModelConfig, format: ModelFormat, graphs: Graphs): LanguageModel {
  const prefixes = new PrefixStore(() => new KeyValueCache(config, graphs.model.inputs));
  const { groups, captions, references, tokenizer } = format.prompt;
  const outputs = [...groups.keys(), ...captions.keys()];
  /** Tokens of one request for an output. */
  const lengthOf = (output: string): number => (captions.has(output) ? config.maxCaption + 2 : (groups.get(output)?.length ?? 0));
  let disposed = false;

  return {
    options: samplingSchema(config.sampling),
    outputs,
    async *generate({ messages, wants, satisfies = {}, options: given }, context) {
      if (disposed) throw new AnymodalError('internal', 'language model: generate after dispose.');
      const options = withDefaults(given, config.sampling);
      const required = Object.keys(wants).filter((key) => wants[key] === 'required' && key !== 'text');
      const possible = outputs.filter((output) => (wants[output] ?? 'forbidden') !== 'forbidden' || satisfies[output] !== undefined);
      const longestGroup = Math.max(0, ...possible.map(lengthOf));
      // Every required group must fit behind the text, and one more that the text's last token may begin.
      const forGroups = (required.length + 1) * (longestGroup + references.length);
      const forReply = Math.min(options.maxTokens, Math.floor(config.contextLength * REPLY_SHARE));
      const prompt = buildPrompt(messages, format.prompt, config.contextLength - forGroups - forReply);
      warnOfLimits(prompt, messages, format.prompt, context);

      const shown = new Map(prompt.ordinals.map((ordinal) => [ordinal, references[ordinal - 1]!]));
      const control: ControlTokens = { groups, captions, references: shown, stops: format.stops, all: [...tokenizer.control.values()] };
      const grammar = new SignalGrammar(control, { wants, satisfies, maxSignals: config.maxSignals, maxCaption: config.maxCaption });
      const cache = prefixes.take(prompt.positions);
      try {
        const sequence = new Sequence(graphs, config, cache);
        yield* generateReply(
          sequence,
          {
            logits: await sequence.prefill(prompt.positions, context.signal),
            grammar,
            options,
            ends: config.stopTexts,
            room: config.contextLength - prompt.positions.length - forGroups,
            inputTokens: prompt.positions.length,
            prompt: latestUserText(messages),
            decode: tokenizer.decode,
          },
          context,
        );
      } finally {
        if (!disposed) prefixes.put(prompt.positions, cache);
      }
    },
    async dispose() {
      disposed = true;
      prefixes.clear();
      await Promise.all([graphs.model.release(), graphs.embed.release()]);
    },
  };
}

/** A language model without tokens for outputs, which asks for them in words. */
function createAskingModel(config: LanguageModelConfig, format: ModelFormat, graphs: Graphs): LanguageModel {
  return createCaptionModel({
    config,
    format: format.prompt,
    stops: format.stops,
    ends: config.stopTexts,
    createCache: () => new KeyValueCache(config, graphs.model.inputs),
    sequence: (cache) => new Sequence(graphs, config, cache),
    release: async () => {
      await Promise.all([graphs.model.release(), graphs.embed.release()]);
    },
  });
}

/** Reads tokenizer and chat template and finds the control tokens that the config names. Throws `bundle_invalid`. */
async function readFormat(source: ComponentSource, config: LanguageModelConfig): Promise<ModelFormat> {
  const file = source.path('tokenizer');
  const settings = await readJson(source.path('tokenizerConfig'));
  const tokenizer = createTokenizer(await readJson(file), settings, basename(file));
  const inSettings = settings['chat_template'];
  const template = typeof inSettings === 'string' ? inSettings : await readFile(source.path('chatTemplate'), 'utf8');

  const faults: string[] = [];
  const id = (token: string): number => {
    const found = tokenizer.control.get(token);
    if (found === undefined) faults.push(`${token} is no added token`);
    else if (found >= config.vocabulary) faults.push(`${token} has the id ${found}, the vocabulary ends before ${config.vocabulary}`);
    return found ?? 0;
  };
  const format: ModelFormat = {
    prompt: {
      tokenizer,
      template: createChatTemplate(template, settings, source.name),
      systemPrompt: config.systemPrompt,
      modelWidth: config.modelWidth,
      mediaTokens: config.mediaTokens === null ? null : { begin: id(config.mediaTokens.begin), end: id(config.mediaTokens.end) },
      mediaPlaces: new Map(Object.entries(config.mediaPlaces).map(([modality, { mark, before, after }]) => [modality, { mark, before: tokenizer.splitControl(before), after: tokenizer.splitControl(after) }])),
      mediaEmbeds: config.mediaEmbeds,
      textStart: config.textStart === null ? null : id(config.textStart),
      references: config.references.map(id),
      groups: new Map(Object.entries(config.signals).map(([output, tokens]) => [output, tokens.map(id)])),
      captions: new Map(Object.entries(config.captions).map(([output, { begin, end }]) => [output, { begin: id(begin), end: id(end) }])),
    },
    stops: new Set(config.stopTokens.map(id)),
  };
  const firsts = [...Object.values(config.signals).map(([first]) => first), ...Object.values(config.captions).flatMap(({ begin, end }) => [begin, end])];
  for (const token of new Set(firsts.filter((each, i) => firsts.indexOf(each) !== i))) faults.push(`${token} stands for two things`);
  if (config.asks.length > 0 && outputsOf(config).length > 0) faults.push(`asks is for models without signals and captions, and there are some for ${outputsOf(config).join(', ')}`);
  for (const output of Object.keys(config.captions)) if (output in config.signals) faults.push(`${output} has a signal group and a caption, of which the model has one`);
  for (const modality of Object.keys(config.mediaPlaces)) if (config.mediaEmbeds[modality] === undefined) faults.push(`mediaPlaces has ${modality}, of which mediaEmbeds tells no number`);
  if (config.mediaTokens !== null && Object.keys(config.mediaPlaces).length > 0) faults.push('mediaTokens and mediaPlaces exclude each other');
  if (faults.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: ${faults.join('; ')} in ${basename(file)}. Correct the config or export the tokenizer again.`);
  return format;
}

function outputsOf({ signals, captions }: LanguageModelConfig): string[] {
  return [...Object.keys(signals), ...Object.keys(captions)];
}

async function openGraphs(source: ComponentSource, config: LanguageModelConfig): Promise<Graphs> {
  const [modelPath, embedPath] = [source.path('model'), source.path('embed')];
  const slices = (kind: 'past' | 'new'): [string, string][] =>
    Array.from({ length: config.layers }, (_, layer) => [`${kind}_key.${layer}`, `${kind}_value.${layer}`]).flat().map((name) => [name, 'float32']);
  const model = await openSession(modelPath, { device: source.device });
  try {
    requirePorts(model, modelPath, {
      inputs: { inputs_embeds: 'float32', position_ids: 'int64', ...Object.fromEntries(slices('past')) },
      outputs: { logits: 'float32', hidden: 'float32', ...Object.fromEntries(slices('new')) },
    });
    // A table look-up; a second pool of threads would only wait.
    const embed = await openSession(embedPath, { device: source.device, threads: 1 });
    try {
      requirePorts(embed, embedPath, { inputs: { input_ids: 'int64' }, outputs: { embeds: 'float32' } });
    } catch (error) {
      await embed.release();
      throw error;
    }
    return { model, embed };
  } catch (error) {
    await model.release();
    throw error;
  }
}

async function readJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    return { ...(typeof content === 'object' ? content : null) };
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${basename(path)}: not a JSON file that can be read. Export it again.`, { cause: error });
  }
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

function warnOfLimits(prompt: Prompt, messages: readonly PromptMessage[], { references }: PromptFormat, context: Context): void {
  if (prompt.dropped > 0) {
    context.warn('context_truncated', `language model: the conversation is longer than its context; the ${prompt.dropped} oldest of ${messages.length} messages were left out.`);
  }
  const media = messages.flatMap((message) => message.parts).filter((part) => part.type === 'media');
  if (references.length > 0 && media.some((medium) => medium.ordinal > references.length)) {
    context.warn('reference_unavailable', `language model: it can point at the first ${references.length} media of a conversation only; it sees later ones but cannot edit or follow them.`);
  }
}

/** Words of the last user message, its texts joined where media stood between them. */
function latestUserText(messages: readonly PromptMessage[]): string {
  const parts = messages.findLast((message) => message.role === 'user')?.parts ?? [];
  return parts.flatMap((part) => (part.type === 'text' && part.text.trim() !== '' ? [part.text.trim()] : [])).join(' ');
}
