// The wire shapes of chat completions: a whole answer, and its chunks. Pictures in `images`, the first sound in `audio`, further sounds and
// videos beside them, and the order of all parts in `content_parts`. Knows no job.

import { dataUrl, type Sendable } from './made-media.ts';

export type Address = (media: Sendable['stored']) => string;

/** Days after which a client is told that a sound may no longer be named by its id. */
const SOUND_DAYS = 30;

/** A text or medium at its place in the answer. */
export type AnswerPart = { readonly type: 'text'; readonly text: string } | { readonly type: 'media'; readonly media: Sendable };

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number; readonly audio_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number; readonly audio_tokens: number; readonly accepted_prediction_tokens: number; readonly rejected_prediction_tokens: number };
}

export function usageOf({ inputTokens, outputTokens }: { readonly inputTokens: number; readonly outputTokens: number }): Usage {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

/** The fields that one part adds to a message or a delta; media are numbered among their kind. */
export class MessageParts {
  readonly #address: Address;
  readonly #created: number;
  #images = 0;
  #videos = 0;
  #sounds = 0;
  /** Characters of `content` so far. */
  #length = 0;

  /** @param created seconds since 1970 */
  constructor(address: Address, created: number) {
    this.#address = address;
    this.#created = created;
  }

  /** What a part adds to `content`: texts as they are, a link for what few clients show otherwise. */
  contentOf(part: AnswerPart): string {
    const isLinked = part.type === 'media' && part.media.stored.modality === 'video';
    const text = part.type === 'text' ? part.text : isLinked ? `${this.#length === 0 ? '' : '\n\n'}[video](${this.#address(part.media.stored)})` : '';
    this.#length += text.length;
    return text;
  }

  /** The fields of a medium. */
  fieldsOf(media: Sendable): Record<string, unknown> {
    const { stored, made } = media;
    const url = { url: dataUrl(media) };
    if (stored.modality === 'image') return { images: [{ type: 'image_url', image_url: url, index: this.#images++ }] };
    if (stored.modality === 'video') return { videos: [{ type: 'video_url', video_url: url, index: this.#videos++ }] };
    if (this.#sounds++ > 0) return { audios: [{ type: 'audio_url', audio_url: url, index: this.#sounds - 2 }] };
    return { audio: { id: `audio_${stored.id}`, data: media.base64, expires_at: this.#created + SOUND_DAYS * 86_400, transcript: made.output === 'speech' ? (made.prompt ?? '') : '' } };
  }

  /** A part without bytes, for `content_parts`. */
  placeOf(part: AnswerPart): object {
    if (part.type === 'text') return { type: 'text', text: part.text };
    const { stored, mediaType, output, seed, made } = part.media;
    return { type: stored.modality, media_id: stored.id, media_type: mediaType, url: this.#address(stored), output, seed, ...(made.prompt !== undefined && { prompt: made.prompt }) };
  }
}

/** The message of a choice. */
export function messageOf(answer: readonly AnswerPart[], parts: MessageParts): { readonly message: Record<string, unknown>; readonly content: string } {
  let content = '';
  const fields: Record<string, unknown> = {};
  for (const part of answer) {
    content += parts.contentOf(part);
    if (part.type === 'text') continue;
    for (const [name, value] of Object.entries(parts.fieldsOf(part.media))) {
      const before = fields[name];
      fields[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
    }
  }
  const ordered = answer.some(({ type }) => type === 'media') ? { content_parts: answer.map((part) => parts.placeOf(part)) } : {};
  return { message: { role: 'assistant', content, refusal: null, annotations: [], ...fields, ...ordered }, content };
}
