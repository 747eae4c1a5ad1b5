// A speech model of the AI SDK over the speech route.
// Specification v4 of @ai-sdk/provider.

import type { SpeechModelV4 } from '@ai-sdk/provider';
import { call, given, passedThrough, type Settings } from './call.ts';

export function createSpeechModel(settings: Settings, provider: string, modelId: string): SpeechModelV4 {
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    doGenerate: async ({ text, voice, outputFormat, instructions, speed, language, providerOptions, abortSignal, headers }) => {
      const json = { model: modelId, input: text, ...given({ voice, response_format: outputFormat, instructions, speed }), ...passedThrough(providerOptions) };
      const response = await call(settings, '/v1/audio/speech', { json, signal: abortSignal, headers });
      const codes = response.headers.get('x-anymodal-warnings')?.split(',').map((code) => code.trim()) ?? [];
      return {
        audio: new Uint8Array(await response.arrayBuffer()),
        warnings: [...(language === undefined ? [] : [{ type: 'unsupported' as const, feature: 'language' }]), ...codes.map((message) => ({ type: 'other' as const, message }))],
        request: { body: json },
        response: { timestamp: new Date(), modelId, headers: Object.fromEntries(response.headers) },
      };
    },
  };
}
