// An embedding model of the AI SDK over the embeddings route.
// Specification v4 of @ai-sdk/provider.

import type { EmbeddingModelV4 } from '@ai-sdk/provider';
import { callForJson, given, passedThrough, warningsOf, type Settings } from './call.ts';

export function createEmbeddingModel(settings: Settings, provider: string, modelId: string): EmbeddingModelV4 {
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    maxEmbeddingsPerCall: 256,
    supportsParallelCalls: true,
    doEmbed: async ({ values, dimensions, abortSignal, providerOptions, headers }) => {
      const json = { model: modelId, input: values, ...given({ dimensions }), ...passedThrough(providerOptions) };
      const { body, headers: responseHeaders } = await callForJson(settings, '/v1/embeddings', { json, signal: abortSignal, headers });
      const embeddings = body.at('data').list.map((item) => item.at('embedding').list.flatMap(({ number }) => (number === null ? [] : [number])));
      const tokens = body.at('usage').at('prompt_tokens').number;
      return { embeddings, warnings: warningsOf(body), ...(tokens !== null && { usage: { tokens } }), response: { headers: responseHeaders } };
    },
  };
}
