// Messages as chat clients send them to the conversation that a job reads: parts of every kind, tools' words as the user's, several
// system messages as one, media known again by their content. Knows no decoder.

import type { Media, Message, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Caller, ServerParts } from '../contracts.ts';
import { knownMedia, withoutOwnLinks, type Sent } from '../conversations/memory.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import type { ChatMessage, ContentPart } from './schemas.ts';

/** Where media are read for whom; `count` grows by every part. */
export interface Reader {
  readonly parts: ServerParts;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** The history of a chat. Throws `bad_input`, `bad_media`, `not_found` with the field. */
export async function sentMessages(reader: Reader, messages: readonly ChatMessage[]): Promise<Sent[]> {
  const count = messages.reduce((total, { content }) => total + (Array.isArray(content) ? content.length : 1), 0);
  const most = reader.parts.settings.limits.parts;
  if (count > most) throw new AnymodalError('bad_input', `messages: got ${count} parts, at most ${most} are taken.`, { field: 'messages' });
  const sent: Sent[] = [];
  for (const [index, message] of messages.entries()) sent.push(...(await sentMessage(reader, message, `messages.${index}`)));
  return sent;
}

async function sentMessage(reader: Reader, message: ChatMessage, field: string): Promise<Sent[]> {
  const parts = await partsOf(reader, message.content ?? '', `${field}.content`);
  switch (message.role) {
    case 'system':
    case 'developer':
      return [{ role: 'system', parts }];
    case 'tool':
    case 'function':
      return parts.length === 0 ? [] : [{ role: 'user', parts: [{ type: 'text', text: 'Result of a tool:' }, ...parts] }];
    case 'user':
      return [{ role: 'user', parts }];
    default: {
      const seen = textOf(parts);
      const media = [...(await madeMedia(reader, message, field))];
      const whole = [...(await withInlineMedia(reader, parts, `${field}.content`)), ...media.map((medium): Part => ({ type: 'media', media: medium }))];
      // A call of a tool alone says nothing that the model could read.
      return whole.length === 0 && message['tool_calls'] !== undefined ? [] : [{ role: 'assistant', parts: whole, seen }];
    }
  }
}

/** Media that a client sends back with an answer. */
async function madeMedia(reader: Reader, message: Extract<ChatMessage, { role: 'assistant' }>, field: string): Promise<Media[]> {
  const media: Media[] = [];
  for (const list of ['images', 'videos', 'audios'] as const) {
    for (const [index, item] of (message[list] ?? []).entries()) {
      const url = item.image_url ?? item.video_url ?? item.audio_url;
      if (url !== undefined) media.push(await readMedia(reader, { url: typeof url === 'string' ? url : url.url }, `${field}.${list}.${index}`));
    }
  }
  const { audio = null } = message;
  // A sound whose time is over is no reason to end the conversation; its words are there.
  if (audio !== null) {
    const record = await reader.parts.media.find(reader.caller.owner, audio.id.replace(/^audio_/, ''));
    if (record !== null) media.push(await reader.parts.media.read(record));
  }
  return media;
}

async function partsOf(reader: Reader, content: string | readonly ContentPart[], field: string): Promise<Part[]> {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  const parts: Part[] = [];
  for (const [index, part] of content.entries()) parts.push(await partOf(reader, part, `${field}.${index}`));
  return parts;
}

async function partOf(reader: Reader, part: ContentPart, field: string): Promise<Part> {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text };
    case 'refusal':
      return { type: 'text', text: part.refusal };
    case 'image_url':
      return mediaPart(reader, { url: urlOf(part.image_url) }, `${field}.image_url.url`);
    case 'audio_url':
      return mediaPart(reader, { url: urlOf(part.audio_url) }, `${field}.audio_url.url`);
    case 'video_url':
      return mediaPart(reader, { url: urlOf(part.video_url) }, `${field}.video_url.url`, 'video');
    case 'input_audio':
      return mediaPart(reader, bytesInput(part.input_audio.data), `${field}.input_audio.data`);
    case 'media':
      return mediaPart(reader, { id: part.id }, `${field}.id`);
    default: {
      const { file_data: data = null, file_id: id = null } = part.file;
      if (data !== null) return filePart(reader, data, `${field}.file.file_data`);
      if (id !== null) return mediaPart(reader, { id }, `${field}.file.file_id`);
      throw new AnymodalError('bad_input', `${field}.file: expected file_data or file_id.`, { field: `${field}.file` });
    }
  }
}

/** A file: words where it says that it is text, else a medium. */
export async function filePart(reader: Reader, data: string, field: string): Promise<Part> {
  const words = /^data:text\/[^,]*;base64,/i.exec(data.slice(0, 200));
  return words === null ? mediaPart(reader, bytesInput(data), field) : { type: 'text', text: Buffer.from(data.slice(words[0].length), 'base64').toString('utf8') };
}

/** Data of a medium: a data: URL, an address, or base64. */
export function bytesInput(data: string): MediaInput {
  return /^(?:data:|https?:\/\/)/i.test(data) ? { url: data } : { base64: data };
}

export async function mediaPart(reader: Reader, input: MediaInput, field: string, as?: string): Promise<Part> {
  return { type: 'media', media: await readMedia(reader, input, field, as) };
}

/** A medium, known by its content where it is ours: then nothing is decoded. */
export async function readMedia({ parts, caller, signal }: Reader, input: MediaInput, field: string, as?: string): Promise<Media> {
  const bytes = 'base64' in input ? input.base64 : 'url' in input && /^data:[^,]*;\s*base64,/i.test(input.url.slice(0, 200)) ? input.url.slice(input.url.indexOf(',') + 1) : null;
  const known = bytes === null ? null : await knownMedia(parts, caller.owner, Buffer.from(bytes, 'base64'));
  return known !== null && (as === undefined || known.modality === as) ? known : mediaFromInput(parts, caller, input, field, signal, as);
}

const INLINE = /!\[[^\]\n]*\]\((data:[^)\s]+)\)/;

/** The parts of an answer as the model is to read it: pictures that a client wrote into its text are media, our own links are nothing. */
async function withInlineMedia(reader: Reader, parts: readonly Part[], field: string): Promise<Part[]> {
  const read: Part[] = [];
  for (const part of parts) {
    let rest = part.type === 'text' ? withoutOwnLinks(part.text) : '';
    if (part.type === 'media') read.push(part);
    for (let found = INLINE.exec(rest); found !== null; found = INLINE.exec(rest)) {
      if (found.index > 0) read.push({ type: 'text', text: rest.slice(0, found.index) });
      read.push(await mediaPart(reader, { url: found[1] ?? '' }, field));
      rest = rest.slice(found.index + found[0].length);
    }
    if (rest !== '') read.push({ type: 'text', text: rest });
  }
  return read;
}

/** What templates of models ask for: one system message, first; then users and assistants in turn, the last of them a user. */
export function inTurns(messages: readonly Message[]): Message[] {
  // Instructions alone are what is asked.
  if (messages.every(({ role }) => role === 'system')) return [{ role: 'user', parts: messages.flatMap(({ parts }) => parts) }];
  const system = messages.filter(({ role }) => role === 'system').flatMap(({ parts }) => parts);
  const words = textOf(system);
  const media = system.filter((part) => part.type === 'media');
  const turns: Message[] = [];
  for (const message of messages) {
    if (message.role === 'system' || message.parts.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === message.role) turns[turns.length - 1] = { role: last.role, parts: joined(last.parts, message.parts) };
    else turns.push(message);
  }
  const [first] = turns;
  if (media.length > 0 && first?.role === 'user') turns[0] = { role: 'user', parts: [...media, ...first.parts] };
  return [...(words === '' ? [] : [{ role: 'system', parts: [{ type: 'text', text: words }] } satisfies Message]), ...turns];
}

function joined(before: readonly Part[], after: readonly Part[]): Part[] {
  return before.at(-1)?.type === 'text' && after[0]?.type === 'text' ? [...before, { type: 'text', text: '\n' }, ...after] : [...before, ...after];
}

export function textOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function urlOf(url: string | { readonly url: string }): string {
  return typeof url === 'string' ? url : url.url;
}
