// Jobs in kept conversations: what was said comes before the input, what was asked is kept with the job, what was answered when it ends.
// The log is the truth: answers that a lost server did not append are found again. Knows no route.

import type { Message, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, Stored } from '../../queue/contracts.ts';
import type { KeptMessage, ServerParts } from '../contracts.ts';
import { isTerminal, messageOfReply, replyOf } from '../run-job.ts';

type Parts = Pick<ServerParts, 'queue' | 'conversations' | 'media'>;

/** Jobs of a conversation whose answers are looked for; older ones were appended long ago. */
const MOST_JOBS = 100;

/** A kept message with the bytes of its media; media that were deleted are left out. */
export async function loadMessage({ media }: Pick<ServerParts, 'media'>, { role, parts }: Stored<Message>): Promise<Message> {
  const loaded: Part[] = [];
  for (const part of parts) {
    if (part.type === 'text') {
      loaded.push(part);
      continue;
    }
    const read = await media.read(part.media).catch((error: unknown) => {
      if (error instanceof AnymodalError && error.code === 'not_found') return null;
      throw error;
    });
    if (read !== null) loaded.push({ type: 'media', media: read, ...(part.made && { made: part.made }) });
  }
  return { role, parts: loaded };
}

/** The messages of the caller's conversation, answers of ended jobs among them. Throws `not_found` with the field. */
export async function keptMessages(parts: Parts, owner: string, conversation: string): Promise<Message[]> {
  if ((await parts.conversations.get(owner, conversation)) === null) throw new AnymodalError('not_found', 'conversation: there is no such conversation of yours.', { field: 'conversation' });
  await settleConversation(parts, owner, conversation);
  const messages: Message[] = [];
  for (const { message } of await parts.conversations.messages(owner, conversation)) {
    const loaded = await loadMessage(parts, message);
    if (loaded.parts.length > 0) messages.push(loaded);
  }
  return messages;
}

/** Keeps what a job was asked in its conversation, and its answer once it ends; `failed` hears of what goes wrong meanwhile. */
export async function keepInConversation(parts: Parts, record: JobRecord, failed: (error: unknown) => void): Promise<void> {
  const { conversation, owner, id } = record;
  if (conversation === null) return;
  await alone(parts, conversation, async () => {
    const kept = await parts.conversations.messages(owner, conversation);
    if (!kept.some((message) => askedBy(message) === id)) await parts.conversations.append(owner, conversation, [question(record)]);
  });
  const follow = async (): Promise<void> => {
    for await (const event of parts.queue.events(id, 0)) if (isTerminal(event)) break;
    await settleConversation(parts, owner, conversation);
  };
  void follow().catch(failed);
}

/** Appends the answers of completed jobs of a conversation that it does not have yet, in the order in which the jobs were accepted. */
export async function settleConversation(parts: Parts, owner: string, conversation: string): Promise<void> {
  await alone(parts, conversation, async () => {
    const jobs = await parts.queue.list({ owner, conversation, kind: 'job', status: 'completed' }, { limit: MOST_JOBS, order: 'desc' });
    if (jobs.length === 0 || (await parts.conversations.get(owner, conversation)) === null) return;
    const kept = await parts.conversations.messages(owner, conversation);
    const answered = new Set(kept.map(({ job }) => job));
    const asked = new Set(kept.map(askedBy));
    for (const record of [...jobs].toReversed()) {
      if (answered.has(record.id)) continue;
      const message = messageOfReply(replyOf(await parts.queue.logged(record.id, 0)));
      const answer = { message, job: record.id, view: null };
      await parts.conversations.append(owner, conversation, asked.has(record.id) ? [answer] : [question(record), answer]);
    }
  });
}

type NewMessage = Omit<KeptMessage, 'id' | 'createdAt'>;

function question(record: JobRecord): NewMessage {
  const message = record.request.messages.at(-1) ?? { role: 'user', parts: [] };
  return { message, job: null, view: { askedBy: record.id } };
}

/** The job that a kept question was asked by. */
function askedBy({ view }: Pick<KeptMessage, 'view'>): string | null {
  const value: unknown = typeof view === 'object' && view !== null ? Reflect.get(view, 'askedBy') : null;
  return typeof value === 'string' ? value : null;
}

/** Work on conversations under way, by store and conversation: one after the other, so that nothing is appended twice. */
const underWay = new WeakMap<object, Map<string, Promise<void>>>();

async function alone({ conversations }: Parts, conversation: string, work: () => Promise<void>): Promise<void> {
  const waiting = underWay.get(conversations) ?? new Map<string, Promise<void>>();
  underWay.set(conversations, waiting);
  const before = waiting.get(conversation) ?? Promise.resolve();
  const turn = before.then(work, work);
  waiting.set(conversation, turn);
  try {
    await turn;
  } finally {
    if (waiting.get(conversation) === turn) waiting.delete(conversation);
  }
}
