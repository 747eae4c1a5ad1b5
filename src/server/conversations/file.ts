// A conversation as one file of JSON with its media inside, and back: written medium by medium, so that a long one needs no memory.
// Knows no route.

import type { Stored, StoredMedia } from '../../queue/contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Message } from '../../contracts.ts';
import { storedMedia } from '../../queue/stored.ts';
import type { Caller, Conversation, KeptMessage, ServerParts } from '../contracts.ts';
import { mediaFromInput } from '../input-media.ts';
import type { NewConversation } from './schemas.ts';

/** The file of a conversation, in pieces of text. A medium that is gone is named without its bytes. */
export async function* conversationFile({ media }: Pick<ServerParts, 'media'>, conversation: Conversation, messages: readonly KeptMessage[]): AsyncGenerator<string> {
  const { id, title, createdAt, updatedAt } = conversation;
  const head = { object: 'conversation.export', format: 1, id, title, createdAt, updatedAt };
  yield `${JSON.stringify(head).slice(0, -1)},"messages":[`;
  for (const [index, { message, job, createdAt: at }] of messages.entries()) {
    yield `${index === 0 ? '\n' : ',\n'}${JSON.stringify({ role: message.role, createdAt: at, job }).slice(0, -1)},"parts":[`;
    for (const [place, part] of message.parts.entries()) {
      const written = part.type === 'text' ? part : { ...part, media: { ...part.media, ...(await bytesOf(media, part.media)) } };
      yield `${place === 0 ? '' : ','}${JSON.stringify(written)}`;
    }
    yield ']}';
  }
  yield '\n]}\n';
}

async function bytesOf(store: ServerParts['media'], media: StoredMedia): Promise<{ data?: string }> {
  try {
    return { data: Buffer.from((await store.read(media)).bytes).toString('base64') };
  } catch (error) {
    if (error instanceof AnymodalError && error.code === 'not_found') return {};
    throw error;
  }
}

/** The messages of such a file, its media kept for their new owner. Throws `bad_input`, `bad_media`, `not_found` with the field. */
export async function messagesOfFile(parts: ServerParts, caller: Caller, messages: NonNullable<NewConversation['messages']>, signal: AbortSignal): Promise<Omit<KeptMessage, 'id' | 'createdAt'>[]> {
  const read: Omit<KeptMessage, 'id' | 'createdAt'>[] = [];
  for (const [index, message] of messages.entries()) {
    const kept: Stored<Message>['parts'][number][] = [];
    for (const [place, part] of message.parts.entries()) {
      if (part.type === 'text') {
        kept.push(part);
        continue;
      }
      const field = `messages.${index}.parts.${place}.media`;
      const { id, data, name } = part.media;
      // It was deleted before the conversation was written.
      if (data === undefined && id !== undefined && (await parts.media.find(caller.owner, id)) === null) continue;
      if (data === undefined && id === undefined) throw new AnymodalError('bad_input', `${field}: expected data or id.`, { field });
      const media = await mediaFromInput(parts, caller, data === undefined ? { id: id ?? '' } : { base64: data }, data === undefined ? `${field}.id` : `${field}.data`, signal);
      const named = name === undefined ? media : { ...media, name };
      if (data !== undefined) await parts.media.put(named, { owner: caller.owner, origin: part.made === undefined ? 'upload' : 'made', job: null, title: null });
      kept.push({ type: 'media', media: storedMedia(named), ...(part.made !== undefined && { made: { output: part.made.output, references: part.made.references, ...(part.made.prompt !== undefined && { prompt: part.made.prompt }) } }) });
    }
    read.push({ message: { role: message.role, parts: kept }, job: null, view: null });
  }
  return read;
}
