// A prompt of the AI SDK as messages of a chat completion: media in their places, of every modality.
// What cannot be sent is told as a warning, never dropped in silence.

import { UnsupportedFunctionalityError, type LanguageModelV4FilePart, type LanguageModelV4Prompt, type SharedV4Warning } from '@ai-sdk/provider';
import { dataAddress } from './call.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string | readonly object[];
}

export function messagesOf(prompt: LanguageModelV4Prompt, warnings: SharedV4Warning[]): ChatMessage[] {
  return prompt.flatMap((message): ChatMessage[] => {
    if (message.role === 'system') return [{ role: 'system', content: message.content }];
    if (message.role === 'tool') {
      warnings.push({ type: 'unsupported', feature: 'tool results', details: 'the model has no tools; they are left out' });
      return [];
    }
    const parts: object[] = [];
    for (const part of message.content) {
      if (part.type === 'text') parts.push({ type: 'text', text: part.text });
      else if (part.type === 'file') parts.push(mediaPart(part));
      else if (part.type !== 'reasoning') warnings.push({ type: 'unsupported', feature: part.type, details: 'it is left out of the prompt' });
    }
    return [{ role: message.role, content: parts }];
  });
}

function mediaPart({ mediaType, data }: LanguageModelV4FilePart): object {
  if (data.type === 'text') return { type: 'text', text: data.text };
  if (data.type === 'reference') {
    const id = data.reference['anymodal'];
    if (id === undefined) throw new UnsupportedFunctionalityError({ functionality: 'a file reference of another provider' });
    return { type: 'media', id };
  }
  const url = data.type === 'url' ? data.url.href : dataAddress(mediaType.includes('/') ? mediaType : `${mediaType}/*`, data.data);
  const kind = mediaType.split('/')[0] ?? '';
  if (kind === 'image') return { type: 'image_url', image_url: { url } };
  if (kind === 'audio') return { type: 'audio_url', audio_url: { url } };
  if (kind === 'video') return { type: 'video_url', video_url: { url } };
  return { type: 'file', file: { file_data: url } };
}
