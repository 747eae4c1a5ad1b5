// What bundle.json says about a language model behind a server with OpenAI's chat completions, and the body of a request as its options say.
// Knows no conversation.

import type { JsonSchema, SamplingOptions } from '../../src/contracts.ts';
import { samplingSchema } from '../../src/language-model/config.ts';
import { serverSchema, type ServerConfig } from '../server/settings.ts';

export interface ChatConfig extends ServerConfig {
  /** As the server calls it. */
  readonly model: string;
  /** Outputs of the bundle that it can ask for. */
  readonly outputs: readonly string[];
  /** How it asks for them: by calls of tools, or by tags in its text. */
  readonly requests: 'tools' | 'text';
  /** Modalities that the server is given as they are; of others the model knows that they are there. */
  readonly reads: readonly string[];
  readonly systemPrompt: string | null;
  /** Name of the field for the most tokens of a reply. */
  readonly limitField: 'max_tokens' | 'max_completion_tokens';
  /** Whether the server takes what OpenAI's own has not: top_k, min_p, repetition penalties. */
  readonly moreSampling: boolean;
  /** Fields that go into every request as they are. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly sampling: Required<SamplingOptions>;
}

const sampling: Required<SamplingOptions> = { temperature: 0.7, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, maxTokens: 1024, stop: [] };

export const chatSchema: JsonSchema = serverSchema(
  {
    model: { type: 'string', minLength: 1, description: 'Name of the model at the server.' },
    outputs: { type: 'array', items: { type: 'string', pattern: '^[a-z][a-z0-9-]*$' }, default: [], description: 'Outputs of the bundle that it can ask for.' },
    requests: { enum: ['tools', 'text'], default: 'tools', description: 'By calls of tools, or by tags in its text for models without tools.' },
    reads: { type: 'array', items: { enum: ['image', 'audio', 'video'] }, default: [], description: 'Modalities that the server is given as they are.' },
    systemPrompt: { type: ['string', 'null'], default: null, description: 'System message of conversations that bring none.' },
    limitField: { enum: ['max_tokens', 'max_completion_tokens'], default: 'max_tokens', description: 'Field for the most tokens of a reply.' },
    moreSampling: { type: 'boolean', default: true, description: 'Whether the server takes top_k, min_p and repetition penalties.' },
    body: { type: 'object', default: {}, description: 'Fields that go into every request as they are.' },
    sampling: { ...samplingSchema(sampling), default: {}, description: 'Defaults of text generation.' },
  },
  ['model'],
);

/** Options of text that the server can honour. */
export function chatOptions({ sampling: defaults, moreSampling }: ChatConfig): JsonSchema {
  const schema = samplingSchema(defaults);
  if (moreSampling) return schema;
  const properties: object = schema['properties'] ?? {};
  return { ...schema, properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !['topK', 'minP', 'repetitionPenalty'].includes(name))) };
}

/** The fields of a request that say how to write. Seeds of servers have 31 bits. */
export function samplingFields({ model, sampling: defaults, moreSampling, limitField, body }: ChatConfig, given: SamplingOptions, seed: number): Record<string, unknown> {
  const options = { ...defaults, ...given };
  return {
    ...body,
    model,
    temperature: options.temperature,
    seed: seed % 2 ** 31,
    [limitField]: options.maxTokens,
    ...(options.topP < 1 && { top_p: options.topP }),
    ...(options.stop.length > 0 && { stop: options.stop }),
    ...(moreSampling && options.topK > 0 && { top_k: options.topK }),
    ...(moreSampling && options.minP > 0 && { min_p: options.minP }),
    // llama.cpp and Ollama have the first name, vLLM the second.
    ...(moreSampling && options.repetitionPenalty !== 1 && { repeat_penalty: options.repetitionPenalty, repetition_penalty: options.repetitionPenalty }),
  };
}
