// A video model of the AI SDK over the video routes: started, asked for, read when it is done.
// Specification v4 of @ai-sdk/provider, where video models are experimental.

import type { Experimental_VideoModelV4 as VideoModelV4, Experimental_VideoModelV4CallOptions as CallOptions, Experimental_VideoModelV4File as VideoFile, Experimental_VideoModelV4VideoData as VideoData, JSONValue, SharedV4Warning } from '@ai-sdk/provider';
import { Body, call, callForJson, dataAddress, given, passedThrough, warningsOf, type Settings } from './call.ts';

const POLL_MS = 500;

export function createVideoModel(settings: Settings, provider: string, modelId: string): VideoModelV4 {
  const start = async (options: CallOptions, seed: number | undefined): Promise<{ readonly body: Body; readonly headers: Record<string, string>; readonly warnings: SharedV4Warning[] }> => {
    const { prompt, aspectRatio, resolution, duration, fps, image, frameImages, inputReferences, generateAudio, providerOptions, abortSignal } = options;
    const own: SharedV4Warning[] = [];
    const first = image ?? frameImages?.find(({ frameType }) => frameType === 'first_frame')?.image ?? inputReferences?.[0];
    if (frameImages?.some(({ frameType }) => frameType === 'last_frame') === true) own.push({ type: 'unsupported', feature: 'a last frame', details: 'the first frame alone can be given' });
    if (image !== undefined && (inputReferences?.length ?? 0) > 0) own.push({ type: 'unsupported', feature: 'inputReferences', details: 'one picture alone can be given' });
    const json = {
      model: modelId,
      prompt: prompt ?? '',
      ...given({ aspect_ratio: aspectRatio === 'adaptive' ? undefined : aspectRatio, size: resolution, seconds: duration, fps, seed, generate_audio: generateAudio, input_reference: first === undefined ? undefined : addressOf(first) }),
      ...passedThrough(providerOptions),
    };
    const { body, headers } = await callForJson(settings, '/v1/videos', { json, signal: abortSignal, headers: options.headers });
    return { body, headers, warnings: [...own, ...warningsOf(body)] };
  };
  const status = async (operation: JSONValue, headers: CallOptions['headers'], signal: AbortSignal | undefined): Promise<{ readonly body: Body; readonly video: VideoData | null }> => {
    const path = `/v1/videos/${encodeURIComponent(new Body(operation).at('id').text ?? '')}`;
    const { body } = await callForJson(settings, path, { headers, signal });
    const state = body.at('status').text;
    if (state === 'failed') throw new Error(body.at('error').at('message').text ?? 'the video failed');
    if (state !== 'completed') return { body, video: null };
    const content = await call(settings, `${path}/content`, { headers, signal });
    const mediaType = content.headers.get('content-type') ?? 'video/mp4';
    return { body, video: { type: 'binary', data: new Uint8Array(await content.arrayBuffer()), mediaType } };
  };
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    maxVideosPerCall: 1,
    doGenerate: async (options) => {
      const { body, headers, warnings } = await start(options, options.seed);
      const operation = { id: body.at('id').text ?? '' };
      try {
        for (;;) {
          const { body: now, video } = await status(operation, options.headers, options.abortSignal);
          if (video !== null) return { videos: [video], warnings: [...warnings, ...warningsOf(now)], providerMetadata: metadataOf(now), response: { timestamp: new Date(), modelId, headers } };
          options.abortSignal?.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        }
      } catch (error) {
        // Nobody waits for it any more.
        if (options.abortSignal?.aborted === true) await call(settings, `/v1/videos/${encodeURIComponent(operation.id)}`, { method: 'DELETE', headers: options.headers }).catch(() => undefined);
        throw error;
      }
    },
    doStart: async (options) => {
      const { body, headers, warnings } = await start(options, options.seed);
      return { operation: { id: body.at('id').text ?? '' }, warnings, response: { timestamp: new Date(), modelId, headers } };
    },
    doStatus: async ({ operation, abortSignal, headers }) => {
      const response = { timestamp: new Date(), modelId, headers: undefined };
      try {
        const { body, video } = await status(operation, headers, abortSignal);
        if (video === null) return { status: 'pending', response };
        return { status: 'completed', videos: [video], warnings: warningsOf(body), providerMetadata: metadataOf(body), response };
      } catch (error) {
        abortSignal?.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        return { status: 'error', error: error.message, response };
      }
    },
  };
}

function metadataOf(body: Body): { anymodal: { seed: number | null } } {
  return { anymodal: { seed: body.at('seed').number } };
}

function addressOf(file: VideoFile): string {
  return file.type === 'url' ? file.url : dataAddress(file.mediaType, file.data);
}
