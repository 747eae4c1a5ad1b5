// The response object and its items as OpenAI and Open Responses require them, every field present.
// Knows no job and no store.

import type { Sendable } from '../chat/made-media.ts';
import type { StoredMedia } from '../../queue/contracts.ts';
import { itemId, type KeptInput, type KeptItem, type ResponseRecord } from './records.ts';
import type { OutputItem, ResponseView } from './schemas.ts';

export type Address = (media: { readonly id: string }) => string;

export type Status = ResponseView['status'];

/** What holds of a response at one moment. */
export interface Moment {
  readonly status: Status;
  readonly output: readonly OutputItem[];
}

/** Our codes by those that OpenAI's schema knows; all others are the server's. */
const errorCodes: Readonly<Record<string, string>> = { bad_media: 'invalid_image', bad_input: 'invalid_prompt', bad_option: 'invalid_prompt', rate_limited: 'rate_limit_exceeded', queue_full: 'rate_limit_exceeded' };

/** The whole object. */
export function responseView(record: ResponseRecord, { status, output }: Moment): ResponseView {
  const { echo, outcome } = record;
  const ended = outcome !== null && status !== 'queued' && status !== 'in_progress' ? outcome : null;
  return {
    id: record.id,
    object: 'response',
    created_at: seconds(record.createdAt),
    completed_at: ended === null || status !== 'completed' ? null : seconds(ended.endedAt),
    status,
    background: record.background,
    error: ended?.error === undefined || ended.error === null ? null : { code: errorCodes[ended.error.code] ?? 'server_error', message: ended.error.message, reason: ended.error.code },
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: echo.instructions,
    max_output_tokens: echo.maxOutputTokens,
    max_tool_calls: echo.maxToolCalls,
    model: record.model,
    output: [...output],
    parallel_tool_calls: echo.parallelToolCalls,
    previous_response_id: record.previous,
    conversation: record.conversation === null ? null : { id: record.conversation },
    prompt_cache_key: echo.promptCacheKey,
    reasoning: { effort: null, summary: null },
    safety_identifier: echo.safetyIdentifier,
    service_tier: 'default',
    store: record.store,
    temperature: echo.temperature,
    text: { format: { type: 'text' } },
    tool_choice: echo.toolChoice,
    tools: [...echo.tools],
    top_logprobs: 0,
    top_p: echo.topP,
    presence_penalty: 0,
    frequency_penalty: 0,
    truncation: echo.truncation,
    // OpenAI's document knows no null here: nothing has been used yet.
    usage: usageOf(ended?.usage ?? { inputTokens: 0, outputTokens: 0 }),
    metadata: { ...echo.metadata },
    job: record.job,
    seed: record.seed,
    warnings: [...record.warnings, ...(ended?.warnings ?? [])],
  };
}

function usageOf({ inputTokens, outputTokens }: { readonly inputTokens: number; readonly outputTokens: number }): NonNullable<ResponseView['usage']> {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

/** A message with one text. */
export function messageItem(response: string, part: number, text: string | null): OutputItem {
  const content = text === null ? [] : [textPart(text)];
  return { type: 'message', id: itemId(response, part, 'text'), role: 'assistant', status: text === null ? 'in_progress' : 'completed', content };
}

export function textPart(text: string): { type: 'output_text'; text: string; annotations: unknown[]; logprobs: unknown[] } {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** A medium that is being made. */
export function begunItem(response: string, part: number, modality: string): OutputItem {
  return { type: callType(modality), id: itemId(response, part, modality), status: 'in_progress', result: null };
}

/** A medium that was made; `media` is null where its bytes are gone. */
export function madeItem(record: Pick<ResponseRecord, 'id' | 'size' | 'quality'>, item: Extract<KeptItem, { readonly type: 'media' }>, media: Sendable | null, address: Address): OutputItem {
  const { id: response, size, quality } = record;
  const { modality, id } = item.media;
  const mediaType = media?.mediaType ?? item.media.mediaType;
  const made = { id: itemId(response, item.part, modality), status: 'completed' as const, result: media?.base64 ?? null, output_format: formatOf(mediaType), media_type: mediaType, media_id: id, media_url: address({ id }), seed: item.seed };
  const type = callType(modality);
  if (type === 'audio_generation_call') return { type, ...made, output: item.output, transcript: item.output === 'speech' ? (item.made.prompt ?? null) : null };
  if (type === 'video_generation_call') return { type, ...made };
  const { prompt } = item.made;
  return { type, ...made, action: item.made.references.length > 0 ? 'edit' : 'generate', background: 'opaque', quality, ...(size !== null && { size }), ...(prompt !== undefined && { revised_prompt: prompt }) };
}

export function callType(modality: string): 'image_generation_call' | 'audio_generation_call' | 'video_generation_call' {
  return modality === 'audio' ? 'audio_generation_call' : modality === 'video' ? 'video_generation_call' : 'image_generation_call';
}

/** An item of an input as it is listed again; `result` has the bytes of a medium, where they are to be shown. */
export function inputView(item: KeptInput, address: Address, result: string | null = null): object {
  if (item.type === 'media') return { type: callType(item.media.modality), id: item.id, status: 'completed', result, media_id: item.media.id, media_url: address(item.media) };
  const { role, parts } = item.message;
  const text = (words: string): object => (role === 'assistant' ? textPart(words) : { type: 'input_text', text: words });
  const media = ({ id, modality, name }: StoredMedia): object =>
    modality === 'image' ? { type: 'input_image', detail: 'auto', file_id: id, image_url: address({ id }) } : { type: 'input_file', file_id: id, file_url: address({ id }), ...(name !== undefined && { filename: name }) };
  return { type: 'message', id: item.id, status: 'completed', role, content: parts.map((part) => (part.type === 'text' ? text(part.text) : media(part.media))) };
}

function formatOf(mediaType: string): string {
  return mediaType.replace(/^[a-z]+\/(?:x-)?/, '').replace('mpeg', 'mp3');
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
