// Input items of a response to the conversation that a job reads, and to the items that are listed again: messages with media, answers
// of before as their items, our own items by their ids alone. Knows no decoder.

import type { Media, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { storedMedia } from '../../queue/stored.ts';
import { bytesInput, filePart, mediaPart, readMedia, type Reader } from '../chat/messages.ts';
import type { Sent } from '../conversations/memory.ts';
import { storedMessage } from '../conversations/turns.ts';
import { findItem, type KeptInput, type KeptItem } from './records.ts';
import type { CallItem, InputItem, InputPart, MessageItem, ResponseRequest } from './schemas.ts';

export interface ReadInput {
  readonly sent: readonly Sent[];
  readonly items: readonly KeptInput[];
  /** Types of items that say nothing to the model. */
  readonly ignored: readonly string[];
}

/** Reads the input of a response. `response` is its id, for the ids of items that have none. Throws `bad_input`, `bad_media`, `not_found` with the field. */
export async function readInput(reader: Reader, input: ResponseRequest['input'], response: string): Promise<ReadInput> {
  const items = typeof input === 'string' ? [{ role: 'user', content: input } satisfies InputItem] : (input ?? []);
  const count = items.reduce((total, item) => total + ('content' in item && Array.isArray(item.content) ? item.content.length : 1), 0);
  const most = reader.parts.settings.limits.parts;
  if (count > most) throw new AnymodalError('bad_input', `input: got ${count} parts, at most ${most} are taken.`, { field: 'input' });

  const sent: Sent[] = [];
  const kept: KeptInput[] = [];
  const ignored: string[] = [];
  for (const [index, item] of items.entries()) {
    const field = typeof input === 'string' ? 'input' : `input.${index}`;
    const own = `msg_${response.replace(/^resp_/, '')}_i${index}`;
    const read = await readItem(reader, item, field);
    if (read === null) {
      ignored.push(String(item.type));
      continue;
    }
    const last = sent.at(-1);
    // The items of one answer are one message, whose words its client saw together.
    if (read.role === 'assistant' && last?.role === 'assistant') sent[sent.length - 1] = { role: 'assistant', parts: [...last.parts, ...read.parts], seen: seenOf([...last.parts, ...read.parts]) };
    else sent.push(read.role === 'assistant' ? { ...read, seen: seenOf(read.parts) } : read);
    const [first] = read.parts;
    const id = 'id' in item && typeof item.id === 'string' ? item.id : own;
    if (isCall(item) && first?.type === 'media') kept.push({ type: 'media', id, media: storedMedia(first.media) });
    else kept.push({ type: 'message', id, message: storedMessage(read) });
  }
  return { sent, items: kept, ignored };
}

function seenOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
}

/** An item as a message; null for one that says nothing. */
async function readItem(reader: Reader, item: InputItem, field: string): Promise<Sent | null> {
  if (isMessage(item)) {
    const role = item.role === 'developer' ? 'system' : item.role;
    return { role, parts: await partsOf(reader, item.content, `${field}.content`) };
  }
  if (isCall(item)) return { role: 'assistant', parts: [await calledPart(reader, item, field)] };
  if (isResult(item)) return { role: 'user', parts: [{ type: 'text', text: 'Result of a tool:' }, ...(await partsOf(reader, item.output, `${field}.output`))] };
  if (isReference(item)) {
    const found = await findItem(reader.parts, reader.caller.owner, item.id);
    if (found === null) throw noItem(field);
    return { role: 'assistant', parts: [await keptPart(reader, found, field)] };
  }
  return null;
}

function isMessage(item: InputItem): item is MessageItem {
  // Items of other kinds may carry a role of any form.
  return (item.type === undefined || item.type === null || item.type === 'message') && 'role' in item && item.role !== undefined;
}

function isResult(item: InputItem): item is Extract<InputItem, { readonly output: string | readonly InputPart[] }> {
  return item.type === 'function_call_output' || item.type === 'custom_tool_call_output';
}

function isCall(item: InputItem): item is CallItem {
  return item.type === 'image_generation_call' || item.type === 'audio_generation_call' || item.type === 'video_generation_call';
}

function isReference(item: InputItem): item is Extract<InputItem, { readonly id: string; readonly role?: undefined }> {
  return (item.type === undefined || item.type === null || item.type === 'item_reference') && 'id' in item && typeof item.id === 'string';
}

/** A medium of an earlier answer: by its id where we know it, else by the bytes that came with it. */
async function calledPart(reader: Reader, { id = null, result = null }: CallItem, field: string): Promise<Part> {
  const found = id === null ? null : await findItem(reader.parts, reader.caller.owner, id);
  if (found !== null) return keptPart(reader, found, field);
  if (result === null || result === '') throw noItem(field);
  return mediaPart(reader, bytesInput(result), `${field}.result`);
}

async function keptPart({ parts }: Reader, item: KeptItem, field: string): Promise<Part> {
  if (item.type === 'text') return { type: 'text', text: item.text };
  try {
    return { type: 'media', media: await parts.media.read(item.media), made: item.made };
  } catch (error) {
    if (error instanceof AnymodalError && error.code === 'not_found') throw noItem(field);
    throw error;
  }
}

function noItem(field: string): AnymodalError {
  return new AnymodalError('not_found', `${field}.id: there is no item with this id; its response was not stored, or it was deleted. Send the item with its result.`, { field: `${field}.id` });
}

async function partsOf(reader: Reader, content: string | readonly InputPart[], field: string): Promise<Part[]> {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  const parts: Part[] = [];
  for (const [index, part] of content.entries()) parts.push(await partOf(reader, part, `${field}.${index}`));
  return parts;
}

async function partOf(reader: Reader, part: InputPart, field: string): Promise<Part> {
  switch (part.type) {
    case 'input_image':
      return byUrlOrId(reader, part.image_url, part.file_id, field, 'image_url');
    case 'input_video':
      return byUrlOrId(reader, part.video_url, part.file_id, field, 'video_url', 'video');
    case 'input_audio':
      return mediaPart(reader, bytesInput(part.input_audio.data), `${field}.input_audio.data`);
    case 'input_file':
      if (typeof part.file_data === 'string') return filePart(reader, part.file_data, `${field}.file_data`);
      return byUrlOrId(reader, part.file_url, part.file_id, field, 'file_url');
    case 'refusal':
      return { type: 'text', text: part.refusal };
    default:
      return { type: 'text', text: part.text };
  }
}

async function byUrlOrId(reader: Reader, url: string | null | undefined, id: string | null | undefined, field: string, name: string, as?: string): Promise<Part> {
  if (typeof url === 'string') return mediaPart(reader, { url }, `${field}.${name}`, as);
  if (typeof id === 'string') return mediaPart(reader, { id }, `${field}.file_id`, as);
  throw new AnymodalError('bad_input', `${field}: expected ${name} or file_id.`, { field });
}

/** A picture whose transparent parts may change, as a mask. */
export async function readMask(reader: Reader, { image_url: url = null, file_id: id = null }: { readonly image_url?: string | null | undefined; readonly file_id?: string | null | undefined }, field: string): Promise<Media> {
  if (url === null && id === null) throw new AnymodalError('bad_input', `${field}: expected image_url or file_id.`, { field });
  const picture = await readMedia(reader, url === null ? { id: id ?? '' } : { url }, field);
  return reader.parts.tools.maskOfAlpha(picture, reader.signal);
}
