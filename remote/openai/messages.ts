// A conversation as chat completions read it: texts, media by number and, where the server sees them, as they are; earlier answers with the
// calls that made them. Knows no request and no server.

import type { Media, PromptMedia, PromptMessage } from '../../src/contracts.ts';
import { nameOfTool } from './tools.ts';

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | { readonly type: 'input_audio'; readonly input_audio: { readonly data: string; readonly format: string } }
  | { readonly type: 'video_url'; readonly video_url: { readonly url: string } };

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export type ChatMessage =
  | { readonly role: 'system' | 'user'; readonly content: string | readonly ContentPart[] }
  | { readonly role: 'assistant'; readonly content: string | null; readonly tool_calls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string };

/** How a medium is called in a conversation, by its ordinal. */
export function labelOf({ modality, ordinal }: Pick<PromptMedia, 'modality' | 'ordinal'>): string {
  return `[${modality} ${ordinal}]`;
}

/** Says in an answer that was given before how a medium came about, in words where the server has no calls. */
export type Told = (output: string, prompt: string, references: readonly number[]) => string;

/**
 * Messages of a conversation.
 *
 * @param reads modalities that the server is given; others are named and not shown
 * @param told how earlier answers say what was made, for servers without calls; null makes calls of them
 */
export function chatMessages(messages: readonly PromptMessage[], reads: readonly string[], told: Told | null): ChatMessage[] {
  const chat: ChatMessage[] = [];
  let calls = 0;
  // Who answers can show nothing: a picture that it made is shown beside the next question.
  let shown: ContentPart[] = [];
  for (const { role, parts } of messages) {
    if (role !== 'assistant') {
      const content: ContentPart[] = [...shown, ...parts.flatMap((part) => (part.type === 'text' ? [part] : contentOf(part, reads)))];
      if (role === 'user') shown = [];
      chat.push({ role, content: plain(role === 'user' ? content : content.filter((part) => part.type === 'text')) });
      continue;
    }
    let words = '';
    const made: { readonly call: ToolCall; readonly label: string }[] = [];
    for (const part of parts) {
      if (part.type === 'text') words += part.text;
      else {
        const { output = part.modality, prompt = '', references = [] } = part.made ?? {};
        if (told !== null) words += told(output, prompt, references);
        else {
          const call = { name: nameOfTool(output), arguments: JSON.stringify({ prompt, ...(references.length > 0 && { references }) }) };
          made.push({ call: { id: `call_${calls}`, type: 'function', function: call }, label: labelOf(part) });
          calls += 1;
        }
        shown = [...shown, ...contentOf(part, reads)];
      }
    }
    chat.push({ role, content: words === '' && made.length > 0 ? null : words, ...(made.length > 0 && { tool_calls: made.map(({ call }) => call) }) });
    for (const { call, label } of made) chat.push({ role: 'tool', tool_call_id: call.id, content: `Made: ${label}` });
  }
  return chat;
}

/** The number of a medium, and the medium where the server takes its modality. */
function contentOf(part: PromptMedia, reads: readonly string[]): ContentPart[] {
  const label: ContentPart = { type: 'text', text: labelOf(part) };
  if (part.media === undefined || !reads.includes(part.modality)) return [label];
  const url = dataUrl(part.media);
  if (part.modality === 'image') return [label, { type: 'image_url', image_url: { url } }];
  if (part.modality === 'video') return [label, { type: 'video_url', video_url: { url } }];
  return [label, { type: 'input_audio', input_audio: { data: base64(part.media), format: part.media.mediaType === 'audio/mpeg' ? 'mp3' : (part.media.mediaType.split('/')[1] ?? 'wav') } }];
}

/** Many servers take a list of parts only where there is a medium in it. */
function plain(parts: readonly ContentPart[]): string | readonly ContentPart[] {
  return parts.every((part) => part.type === 'text') ? parts.map((part) => (part.type === 'text' ? part.text : '')).join(' ').trim() : parts;
}

function base64({ bytes }: Media): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export function dataUrl(media: Media): string {
  return `data:${media.mediaType};base64,${base64(media)}`;
}
