// A conversation that the server keeps: what a job reads of it, and the turn that a job adds, filled in when it ends.
// Shared by all routes that take `conversation`; knows no wire format.

import type { Media, Message, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, Json, Stored, Warning } from '../../queue/contracts.ts';
import { storedMedia } from '../../queue/stored.ts';
import type { KeptMessage, ServerParts } from '../contracts.ts';
import { isTerminal, messageOfReply, replyOf } from '../run-job.ts';
import { noConversation } from './store.ts';

type Parts = Pick<ServerParts, 'conversations' | 'media' | 'queue' | 'logger'>;

export interface History {
  readonly messages: readonly Message[];
  readonly warnings: readonly Warning[];
}

/**
 * The messages of a conversation with their media, as a job reads them: turns that got no answer are left out, and so are media that
 * are gone, with a warning. Throws `not_found`.
 */
export async function historyOf(parts: Parts, owner: string, id: string, field = 'conversation'): Promise<History> {
  const kept = await keptMessages(parts, owner, id, field);
  const answered = kept.filter(({ message }, index) => {
    const next = kept[index + 1];
    const unanswered = message.role === 'user' ? next === undefined || isEmpty(next) : message.parts.length === 0;
    return !unanswered;
  });
  return withMedia(parts, answered.map(({ message }) => message));
}

/** A message with its media by reference. */
export function storedMessage({ role, parts }: Message): Stored<Message> {
  return { role, parts: parts.map((part) => (part.type === 'media' ? { ...part, media: storedMedia(part.media) } : part)) };
}

/** Stored messages with their media; those that are gone are left out, with a warning. */
export async function withMedia({ media }: Pick<ServerParts, 'media'>, messages: readonly Stored<Message>[]): Promise<History> {
  const warnings: Warning[] = [];
  const read = async (part: Stored<Part>): Promise<readonly Part[]> => {
    if (part.type === 'text') return [part];
    try {
      return [{ ...part, media: await media.read(part.media) } satisfies { type: 'media'; media: Media }];
    } catch (error) {
      if (!(error instanceof AnymodalError) || error.code !== 'not_found') throw error;
      if (warnings.length === 0) warnings.push({ code: 'media_gone', message: 'media of this conversation were deleted; the model does not see them' });
      return [];
    }
  };
  const whole: Message[] = [];
  for (const { role, parts } of messages) whole.push({ role, parts: (await Promise.all(parts.map(read))).flat() });
  return { messages: whole, warnings };
}

/**
 * Adds what was asked and a place for the answer of `job`, which is filled in when it ends. Throws `not_found`.
 * What is kept on disk already stays there; what is lost with the process is filled in by the next `keptMessages`.
 */
export async function keepTurn(parts: Parts, owner: string, id: string, asked: readonly Message[], job: JobRecord, view: Json = null): Promise<void> {
  const messages = asked.map((message) => ({ message: storedMessage(message), job: null, view: null }));
  const kept = await parts.conversations.append(owner, id, [...messages, { message: { role: 'assistant', parts: [] }, job: job.id, view }]);
  await parts.media.hold(holderOf(id), mediaIn(kept.map(({ message }) => message)));
  const answer = kept.at(-1);
  // Nobody waits for it.
  if (answer !== undefined) void fillWhenEnded(parts, owner, id, answer).catch((error: unknown) => parts.logger.debug({ err: error, job: job.id }, 'the answer is filled in when the conversation is read'));
}

/** The messages of a conversation, answers filled in as far as their jobs have come. Throws `not_found`. */
export async function keptMessages(parts: Parts, owner: string, id: string, field = 'conversation'): Promise<readonly KeptMessage[]> {
  if ((await parts.conversations.get(owner, id)) === null) throw noConversation(field);
  const kept = await parts.conversations.messages(owner, id);
  return Promise.all(kept.map(async (message) => (isEmpty(message) && message.job !== null ? fill(parts, owner, id, message, message.job) : message)));
}

/** Removes a conversation; its media stay its owner's until they are deleted. */
export async function removeConversation({ conversations, media }: Pick<ServerParts, 'conversations' | 'media'>, owner: string, id: string): Promise<boolean> {
  const removed = await conversations.remove(owner, id);
  if (removed) await media.release(holderOf(id));
  return removed;
}

async function fillWhenEnded(parts: Parts, owner: string, id: string, answer: KeptMessage): Promise<void> {
  if (answer.job === null) return;
  for await (const event of parts.queue.events(answer.job, 0)) if (isTerminal(event)) break;
  await fill(parts, owner, id, answer, answer.job);
}

/** An answer as far as its job has come; kept once the job has ended. */
async function fill(parts: Parts, owner: string, id: string, answer: KeptMessage, job: string): Promise<KeptMessage> {
  if ((await parts.queue.get(job)) === null) return answer;
  const events = await parts.queue.logged(job, 0);
  const message = messageOfReply(replyOf(events));
  if (events.some(isTerminal) && message.parts.length > 0) {
    await parts.conversations.fill(owner, id, answer.id, message);
    await parts.media.hold(holderOf(id), mediaIn([message]));
  }
  return { ...answer, message };
}

/** Who holds the media of a conversation; see `MediaStore.hold`. */
function holderOf(conversation: string): string {
  return `conversation/${conversation}`;
}

function mediaIn(messages: readonly Stored<Message>[]): string[] {
  return messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'media' ? [part.media.id] : [])));
}

function isEmpty({ message }: KeptMessage): boolean {
  return message.role === 'assistant' && message.parts.length === 0;
}
