// A picture model of the AI SDK over the image routes: from words, or editing pictures, with a mask.
// Specification v4 of @ai-sdk/provider.

import type { ImageModelV4, ImageModelV4File } from '@ai-sdk/provider';
import { callForJson, dataAddress, given, passedThrough, warningsOf, type Settings } from './call.ts';

export function createImageModel(settings: Settings, provider: string, modelId: string): ImageModelV4 {
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    maxImagesPerCall: 10,
    supportsFileInputs: true,
    supportsMaskInputs: true,
    doGenerate: async ({ prompt, n, size, aspectRatio, seed, files, mask, providerOptions, abortSignal, headers }) => {
      const pictures = files?.map((file) => addressOf(file)) ?? [];
      const path = pictures.length === 0 ? '/v1/images/generations' : prompt === undefined ? '/v1/images/variations' : '/v1/images/edits';
      const json = {
        model: modelId,
        n,
        response_format: 'b64_json',
        ...given({ prompt, size, aspect_ratio: aspectRatio, seed, image: pictures.length === 0 ? undefined : pictures, mask: mask === undefined ? undefined : addressOf(mask) }),
        ...passedThrough(providerOptions),
      };
      const { body, headers: responseHeaders } = await callForJson(settings, path, { json, signal: abortSignal, headers });
      const made = body.at('data').list;
      const tokens = (name: string): number | undefined => body.at('usage').at(name).number ?? undefined;
      return {
        images: made.map((picture) => picture.at('b64_json').text ?? ''),
        warnings: warningsOf(body),
        providerMetadata: { anymodal: { images: made.map((picture) => ({ seed: picture.at('seed').number })) } },
        response: { timestamp: new Date(), modelId, headers: responseHeaders },
        usage: { inputTokens: tokens('input_tokens'), outputTokens: tokens('output_tokens'), totalTokens: tokens('total_tokens') },
      };
    },
  };
}

function addressOf(file: ImageModelV4File): string {
  return file.type === 'url' ? file.url : dataAddress(file.mediaType, file.data);
}
