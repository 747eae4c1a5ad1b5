// A language model of the AI SDK over chat completions: words as they come, made media as files in their places of the answer.
// Specification v4 of @ai-sdk/provider.

import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Content, LanguageModelV4FinishReason, LanguageModelV4GenerateResult, LanguageModelV4StreamPart, LanguageModelV4StreamResult, LanguageModelV4Usage, SharedV4Warning } from '@ai-sdk/provider';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { Body, call, given, passedThrough, warningsOf, type Settings } from './call.ts';
import { messagesOf } from './prompt.ts';

export function createLanguageModel(settings: Settings, provider: string, modelId: string): LanguageModelV4 {
  const doStream = async (options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> => {
    const warnings: SharedV4Warning[] = [];
    const json = requestOf(modelId, options, warnings);
    const response = await call(settings, '/v1/chat/completions', { json, signal: options.abortSignal, headers: options.headers });
    return { stream: partsOf(response, warnings), request: { body: json }, response: { headers: Object.fromEntries(response.headers) } };
  };
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    // The server fetches addresses only where it is allowed to, so the SDK does.
    supportedUrls: {},
    doStream,
    doGenerate: async (options) => {
      const { stream, request, response } = await doStream(options);
      return { ...(await collect(stream)), ...(request !== undefined && { request }), ...(response !== undefined && { response }) };
    },
  };
}

function requestOf(model: string, options: LanguageModelV4CallOptions, warnings: SharedV4Warning[]): Record<string, unknown> {
  const unsupported = (feature: string, details?: string): number => warnings.push({ type: 'unsupported', feature, ...(details !== undefined && { details }) });
  if ((options.tools?.length ?? 0) > 0) unsupported('tools');
  if (options.responseFormat?.type === 'json') unsupported('responseFormat', 'the model writes free text');
  if (options.presencePenalty !== undefined) unsupported('presencePenalty');
  if (options.frequencyPenalty !== undefined) unsupported('frequencyPenalty');
  if (options.reasoning !== undefined && options.reasoning !== 'provider-default' && options.reasoning !== 'none') unsupported('reasoning');
  return {
    model,
    messages: messagesOf(options.prompt, warnings),
    stream: true,
    stream_options: { include_usage: true },
    ...given({ max_tokens: options.maxOutputTokens, temperature: options.temperature, top_p: options.topP, top_k: options.topK, stop: options.stopSequences, seed: options.seed }),
    ...passedThrough(options.providerOptions),
  };
}

const noUsage: LanguageModelV4Usage = { inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined }, outputTokens: { total: undefined, text: undefined, reasoning: undefined } };

/** The chunks of a completion as parts of a stream. */
function partsOf(response: Response, warnings: readonly SharedV4Warning[]): ReadableStream<LanguageModelV4StreamPart> {
  let usage = noUsage;
  let finishReason: LanguageModelV4FinishReason = { unified: 'other', raw: undefined };
  let told: SharedV4Warning[] = [];
  let metadata: Record<string, string | number> = {};
  let isOpen = false;
  let texts = 0;
  let isFirst = true;
  const stream = new TransformStream<{ readonly data: string }, LanguageModelV4StreamPart>({
    start: (controller) => controller.enqueue({ type: 'stream-start', warnings: [...warnings] }),
    transform: ({ data }, controller) => {
      if (data === '' || data === '[DONE]') return;
      const chunk = new Body(JSON.parse(data));
      const closeText = (): void => {
        if (isOpen) controller.enqueue({ type: 'text-end', id: String(texts) });
        isOpen = false;
      };
      if (chunk.at('error').value !== undefined && chunk.at('error').value !== null) {
        closeText();
        finishReason = { unified: 'error', raw: chunk.at('error').at('code').text ?? undefined };
        controller.enqueue({ type: 'error', error: new Error(chunk.at('error').at('message').text ?? 'the job failed') });
        return;
      }
      if (isFirst) {
        isFirst = false;
        const [id, model, created] = [chunk.at('id').text, chunk.at('model').text, chunk.at('created').number];
        controller.enqueue({ type: 'response-metadata', ...(id !== null && { id }), ...(model !== null && { modelId: model }), ...(created !== null && { timestamp: new Date(created * 1000) }) });
      }
      const choice = chunk.at('choices').at(0);
      const delta = choice.at('delta');
      const file = fileOf(delta);
      const text = delta.at('content').text ?? '';
      if (file !== null) {
        // The content of such a chunk is a link for clients without media.
        closeText();
        controller.enqueue(file);
      } else if (text !== '') {
        if (!isOpen) {
          texts += 1;
          controller.enqueue({ type: 'text-start', id: String(texts) });
        }
        isOpen = true;
        controller.enqueue({ type: 'text-delta', id: String(texts), delta: text });
      }
      const reason = choice.at('finish_reason').text;
      if (reason !== null) finishReason = { unified: reason === 'length' ? 'length' : 'stop', raw: reason };
      if (chunk.at('usage').value !== null && chunk.at('usage').value !== undefined) {
        usage = usageOf(chunk.at('usage'));
        told = warningsOf(chunk);
        const [seed, job] = [chunk.at('seed').number, chunk.at('job').text];
        metadata = { ...(seed !== null && { seed }), ...(job !== null && { job }) };
      }
    },
    flush: (controller) => {
      if (isOpen) controller.enqueue({ type: 'text-end', id: String(texts) });
      controller.enqueue({ type: 'finish', usage, finishReason, providerMetadata: { anymodal: { ...metadata, warnings: told.map((warning) => (warning.type === 'other' ? warning.message : '')) } } });
    },
  });
  const body = response.body ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).pipeThrough(stream);
}

/** The made medium that a chunk carries. */
function fileOf(delta: Body): (LanguageModelV4StreamPart & { readonly type: 'file' }) | null {
  const place = delta.at('content_parts').list.find((part) => part.at('media_id').text !== null);
  if (place === undefined) return null;
  const address = delta.at('images').at(0).at('image_url').at('url').text ?? delta.at('videos').at(0).at('video_url').at('url').text ?? delta.at('audios').at(0).at('audio_url').at('url').text;
  const data = address === null ? delta.at('audio').at('data').text : address.slice(address.indexOf(',') + 1);
  if (data === null) return null;
  const [id, output, seed] = [place.at('media_id').text, place.at('output').text, place.at('seed').number];
  return {
    type: 'file',
    mediaType: place.at('media_type').text ?? 'application/octet-stream',
    data: { type: 'data', data },
    providerMetadata: { anymodal: { ...(id !== null && { id }), ...(output !== null && { output }), ...(seed !== null && { seed }) } },
  };
}

function usageOf(usage: Body): LanguageModelV4Usage {
  const [input, output] = [usage.at('prompt_tokens').number ?? undefined, usage.at('completion_tokens').number ?? undefined];
  return { inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: undefined }, outputTokens: { total: output, text: output, reasoning: 0 } };
}

/** A stream as one result. Throws the error that the stream tells of. */
async function collect(stream: ReadableStream<LanguageModelV4StreamPart>): Promise<LanguageModelV4GenerateResult> {
  const content: LanguageModelV4Content[] = [];
  const texts = new Map<string, { type: 'text'; text: string }>();
  const result: Omit<LanguageModelV4GenerateResult, 'content'> = { finishReason: { unified: 'other', raw: undefined }, usage: noUsage, warnings: [] };
  for await (const part of stream) {
    switch (part.type) {
      case 'stream-start':
        result.warnings.push(...part.warnings);
        break;
      case 'text-start': {
        const text = { type: 'text' as const, text: '' };
        texts.set(part.id, text);
        content.push(text);
        break;
      }
      case 'text-delta': {
        const text = texts.get(part.id);
        if (text !== undefined) text.text += part.delta;
        break;
      }
      case 'file':
        content.push(part);
        break;
      case 'error':
        throw part.error;
      case 'finish':
        Object.assign(result, { finishReason: part.finishReason, usage: part.usage, providerMetadata: part.providerMetadata });
        break;
      default:
        break;
    }
  }
  return { ...result, content };
}
