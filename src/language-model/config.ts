// What bundle.json says about a causal language model: sizes of the graphs, names of its control tokens, defaults.
// Knows no graph and no tokenizer.

import type { JsonSchema, SamplingOptions } from '../contracts.ts';

export interface LanguageModelConfig {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly modelWidth: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  readonly signals: Readonly<Record<string, readonly string[]>>;
  readonly captions: Readonly<Record<string, { readonly begin: string; readonly end: string }>>;
  readonly asks: readonly string[];
  readonly maxSignals: number;
  readonly maxCaption: number;
  readonly references: readonly string[];
  readonly mediaTokens: { readonly begin: string; readonly end: string } | null;
  readonly mediaPlaces: Readonly<Record<string, { readonly mark: string; readonly before: string; readonly after: string }>>;
  readonly mediaEmbeds: Readonly<Record<string, number>>;
  readonly textStart: string | null;
  readonly stopTexts: readonly string[];
  readonly systemPrompt: string | null;
  readonly stopTokens: readonly string[];
  readonly sampling: Required<SamplingOptions>;
}

const count = (description: string): JsonSchema => ({ type: 'integer', minimum: 1, description });
const token: JsonSchema = { type: 'string', minLength: 1 };

/** Schema of `SamplingOptions` with the given defaults. */
export function samplingSchema(defaults: Required<SamplingOptions>): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      temperature: { type: 'number', minimum: 0, maximum: 5, default: defaults.temperature, description: 'Divides the logits; 0 always takes the most likely token.' },
      topK: { type: 'integer', minimum: 0, default: defaults.topK, description: 'Draw from the k most likely tokens; 0 is off.' },
      topP: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: defaults.topP, description: 'Draw from the fewest tokens that hold this share of the probability; 1 is off.' },
      minP: { type: 'number', minimum: 0, maximum: 1, default: defaults.minP, description: 'Drop tokens less likely than this share of the most likely one; 0 is off.' },
      repetitionPenalty: { type: 'number', minimum: 0.1, maximum: 10, default: defaults.repetitionPenalty, description: 'Makes tokens that this reply has used less likely; 1 is off.' },
      maxTokens: { type: 'integer', minimum: 1, default: defaults.maxTokens, description: 'Most tokens of a reply; a signal group or a caption that has begun is completed beyond it.' },
      stop: { type: 'array', items: { type: 'string', minLength: 1 }, maxItems: 16, default: defaults.stop, description: 'The reply ends before any of these texts.' },
    },
  };
}

const samplingDefaults: Required<SamplingOptions> = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, maxTokens: 256, stop: [] };

/** Schema of the component's `config` in bundle.json. */
export const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['layers', 'kvHeads', 'headDim', 'modelWidth', 'vocabulary', 'contextLength', 'stopTokens'],
  properties: {
    layers: count('Layers, each with one key and one value cache.'),
    kvHeads: count('Heads of keys and values a layer.'),
    headDim: count('Width of one head.'),
    modelWidth: count('Width of embeddings and hidden states.'),
    vocabulary: count('Number of logits, added tokens included.'),
    contextLength: count('Most positions of prompt and reply together.'),
    signals: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'array', items: token, minItems: 1 },
      description: 'Per output the tokens of its signal group, in order.',
    },
    captions: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'object', additionalProperties: false, required: ['begin', 'end'], properties: { begin: token, end: token } },
      description: 'Per output that the model writes the words for: the tokens before and after them.',
    },
    asks: { type: 'array', items: token, default: [], description: 'Outputs that a model without tokens for them is told of and asks for in words (caption-protocol.ts).' },
    maxSignals: { ...count('Most signal groups and captions in one reply; required ones count and always come.'), default: 8 },
    maxCaption: { ...count('Most tokens of a caption; one that has not ended by then is ended.'), default: 128 },
    references: { type: 'array', items: token, default: [], description: 'Token that names the first medium of a conversation, the second, and so on.' },
    mediaTokens: {
      type: ['object', 'null'],
      default: null,
      additionalProperties: false,
      required: ['begin', 'end'],
      properties: { begin: token, end: token },
      description: 'Tokens before and after the embeddings of a medium, which stands where the conversation has it; null where the chat template places media, or the model reads none.',
    },
    mediaPlaces: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'object', additionalProperties: false, required: ['mark'], properties: { mark: token, before: { type: 'string', default: '' }, after: { type: 'string', default: '' } } },
      description: 'Per modality that the chat template places itself: what it writes for a medium, and text or tokens before and after the embeddings that come in its stead. The template is then given the parts of a message.',
    },
    textStart: { type: ['string', 'null'], default: null, description: 'Token before each stretch of text of a prompt; null where there is none.' },
    stopTexts: { type: 'array', items: token, default: [], description: 'Texts that end a reply and do not belong to it, beside those that the caller names.' },
    mediaEmbeds: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'integer', minimum: 1 },
      description: 'Per modality that the model reads: how many embeddings one medium has.',
    },
    systemPrompt: { type: ['string', 'null'], default: null, description: 'System message of conversations that bring none; null leaves it to the chat template.' },
    stopTokens: { type: 'array', items: token, minItems: 1, description: 'Tokens that end a reply.' },
    sampling: { ...samplingSchema(samplingDefaults), default: {}, description: 'Defaults of text generation.' },
  },
};
