// `anymodal/ai-sdk`: a provider for the AI SDK, to a server of anymodal.
// Imports no native code.

import { NoSuchModelError, type EmbeddingModelV4, type Experimental_VideoModelV4, type ImageModelV4, type LanguageModelV4, type ProviderV4, type SpeechModelV4 } from '@ai-sdk/provider';
import type { Settings } from './call.ts';
import { createEmbeddingModel } from './embedding-model.ts';
import { createImageModel } from './image-model.ts';
import { createLanguageModel } from './language-model.ts';
import { createSpeechModel } from './speech-model.ts';
import { createVideoModel } from './video-model.ts';

export interface AnymodalProviderSettings {
  /** Address of the server; `http://127.0.0.1:8080` if absent. */
  readonly baseURL?: string;
  readonly apiKey?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
}

/** Models by id, such as `nano`. Called as a function it gives a language model. */
export interface AnymodalProvider extends ProviderV4 {
  (modelId: string): LanguageModelV4;
  languageModel(modelId: string): LanguageModelV4;
  imageModel(modelId: string): ImageModelV4;
  image(modelId: string): ImageModelV4;
  videoModel(modelId: string): Experimental_VideoModelV4;
  video(modelId: string): Experimental_VideoModelV4;
  speechModel(modelId: string): SpeechModelV4;
  speech(modelId: string): SpeechModelV4;
  embeddingModel(modelId: string): EmbeddingModelV4;
}

/**
 * A provider to one server. Options under `providerOptions.anymodal` become fields of the request, such as `steps`, or `modalities` of a chat.
 */
export function createAnymodal({ baseURL = 'http://127.0.0.1:8080', apiKey, headers = {}, fetch: own }: AnymodalProviderSettings = {}): AnymodalProvider {
  const baseUrl = baseURL.replace(/\/+$/, '').replace(/\/v1$/, '');
  const settings: Settings = { connection: { baseUrl, apiKey: apiKey ?? null, fetch: own ?? ((input, init) => fetch(input, init)) }, headers };
  const language = (modelId: string): LanguageModelV4 => createLanguageModel(settings, 'anymodal.chat', modelId);
  const image = (modelId: string): ImageModelV4 => createImageModel(settings, 'anymodal.image', modelId);
  const video = (modelId: string): Experimental_VideoModelV4 => createVideoModel(settings, 'anymodal.video', modelId);
  const speech = (modelId: string): SpeechModelV4 => createSpeechModel(settings, 'anymodal.speech', modelId);
  return Object.assign((modelId: string) => language(modelId), {
    specificationVersion: 'v4' as const,
    languageModel: language,
    imageModel: image,
    image,
    videoModel: video,
    video,
    speechModel: speech,
    speech,
    embeddingModel: (modelId: string) => createEmbeddingModel(settings, 'anymodal.embedding', modelId),
    transcriptionModel: (modelId: string): never => {
      throw new NoSuchModelError({ modelId, modelType: 'transcriptionModel' });
    },
  });
}
