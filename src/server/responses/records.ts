// Responses as they are kept: what was asked, and once the job has ended what came of it, so that they outlive its log.
// Knows no wire format.

import type { Made, Message } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Json, LoggedEvent, Stored, StoredMedia, Warning } from '../../queue/contracts.ts';
import type { Finish } from '../chat/order.ts';
import { replySteps } from '../chat/reply-steps.ts';
import type { ServerParts } from '../contracts.ts';
import { isTerminal, replyOf } from '../run-job.ts';

type Parts = Pick<ServerParts, 'conversations' | 'queue'>;

/** An item of an answer at its place. */
export type KeptItem =
  | { readonly type: 'text'; readonly part: number; readonly text: string }
  | { readonly type: 'media'; readonly part: number; readonly output: string; readonly seed: number; readonly media: StoredMedia; readonly made: Made };

/** What came of the job. */
export interface Outcome {
  readonly status: 'completed' | 'incomplete' | 'failed' | 'cancelled';
  readonly items: readonly KeptItem[];
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
  readonly warnings: readonly Warning[];
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Milliseconds since 1970. */
  readonly endedAt: number;
}

/** An item of the input as it is listed again. */
export type KeptInput =
  | { readonly type: 'message'; readonly id: string; readonly message: Stored<Message> }
  | { readonly type: 'media'; readonly id: string; readonly media: StoredMedia };

/** Fields of the request that the response repeats. */
export interface Echo {
  readonly instructions: string | null;
  readonly tools: readonly Json[];
  readonly toolChoice: Json;
  readonly temperature: number;
  readonly topP: number;
  readonly maxOutputTokens: number | null;
  readonly maxToolCalls: number | null;
  readonly parallelToolCalls: boolean;
  readonly truncation: 'auto' | 'disabled';
  readonly metadata: Readonly<Record<string, string>>;
  readonly safetyIdentifier: string | null;
  readonly promptCacheKey: string | null;
}

export interface ResponseRecord {
  readonly id: string;
  readonly owner: string;
  readonly job: string;
  readonly model: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly store: boolean;
  readonly background: boolean;
  readonly previous: string | null;
  readonly conversation: string | null;
  readonly seed: number;
  readonly echo: Echo;
  readonly input: readonly KeptInput[];
  /** What this turn adds to what was said before: the input as the model read it. */
  readonly messages: readonly Stored<Message>[];
  readonly finish: Finish;
  /** Of the pictures, as far as it is known. */
  readonly size: string | null;
  readonly quality: string;
  readonly partialImages: number;
  readonly warnings: readonly Warning[];
  /** Null until the job has ended. */
  readonly outcome: Outcome | null;
}

/** Keeps a response so that it is found by its id. */
export async function keepResponse({ conversations }: Pick<ServerParts, 'conversations'>, record: ResponseRecord): Promise<void> {
  const value: Json = JSON.parse(JSON.stringify(record));
  await conversations.remember(record.owner, keyOf(record.id), value);
}

/** Keeps what came of a response, unless it was deleted meanwhile. */
export async function keepOutcome({ conversations }: Pick<ServerParts, 'conversations'>, record: ResponseRecord): Promise<void> {
  const value: Json = JSON.parse(JSON.stringify(record));
  await conversations.replace(record.owner, keyOf(record.id), value);
}

/** A kept response of the owner, with what came of it if its job has ended; null where there is none. */
export async function findResponse(parts: Parts, owner: string, id: string): Promise<ResponseRecord | null> {
  const value = await parts.conversations.recall(owner, keyOf(id));
  return isRecord(value) ? settled(parts, value) : null;
}

export async function forgetResponse({ conversations }: Pick<ServerParts, 'conversations'>, owner: string, id: string): Promise<boolean> {
  return conversations.forget(owner, keyOf(id));
}

/** The record with the outcome of its job, which is kept with it from then on. */
export async function settled(parts: Parts, record: ResponseRecord): Promise<ResponseRecord> {
  if (record.outcome !== null) return record;
  // A job that was deleted says nothing any more.
  if ((await parts.queue.get(record.job)) === null) return { ...record, outcome: { status: 'cancelled', items: [], usage: { inputTokens: 0, outputTokens: 0 }, warnings: [], error: null, endedAt: record.createdAt } };
  const events = await parts.queue.logged(record.job, 0);
  if (!events.some(isTerminal)) return record;
  const whole = { ...record, outcome: await outcomeOf(events) };
  if (record.store) await keepOutcome(parts, whole);
  return whole;
}

/** Waits for the job of a response that goes on without its client, and keeps what came of it. */
export async function settleWhenEnded(parts: Parts, record: ResponseRecord): Promise<void> {
  for await (const event of parts.queue.events(record.job, 0)) if (isTerminal(event)) break;
  // It may have been deleted meanwhile.
  await findResponse(parts, record.owner, record.id);
}

/** What a log that has its end says. */
export async function outcomeOf(events: readonly LoggedEvent[]): Promise<Outcome> {
  const reply = replyOf(events);
  const { end } = reply;
  let cut = false;
  if (end?.type === 'job-end') for await (const step of replySteps(each(events))) cut ||= step.type === 'variant-end' && step.cut;
  const items = reply.items.flatMap((item): KeptItem[] => {
    if (item.variant !== 0) return [];
    const { part } = item;
    return [item.type === 'text' ? { type: 'text', part, text: item.text } : { type: 'media', part, output: item.output, seed: item.seed, media: item.media, made: item.made }];
  });
  const error = end?.type === 'job-error' ? { code: end.code, message: end.message } : null;
  return { status: end?.type === 'job-end' ? (cut ? 'incomplete' : 'completed') : error === null ? 'cancelled' : 'failed', items, usage: reply.usage, warnings: reply.warnings, error, endedAt: end?.at ?? 0 };
}

/** The answer of a response as a message; null where there is none yet. */
export function answerOf({ outcome }: ResponseRecord): Stored<Message> | null {
  if (outcome === null || outcome.items.length === 0) return null;
  return { role: 'assistant', parts: outcome.items.map((item) => (item.type === 'text' ? { type: 'text', text: item.text } : { type: 'media', media: item.media, made: item.made })) };
}

/** The responses that came before `id`, the first one first, and itself. Throws `not_found`, `conflict` with the field. */
export async function threadOf(parts: Parts, owner: string, id: string, field = 'previous_response_id'): Promise<ResponseRecord[]> {
  const thread: ResponseRecord[] = [];
  for (let next: string | null = id; next !== null && thread.length < LONGEST_THREAD; ) {
    const record: ResponseRecord | null = await findResponse(parts, owner, next);
    if (record === null) throw new AnymodalError('not_found', `${field}: there is no response ${thread.length === 0 ? 'with this id' : 'at the beginning of this thread any more'}; it was not stored, or it was deleted.`, { field });
    if (record.outcome === null) throw new AnymodalError('conflict', `${field}: that response has not ended; wait for it, or cancel it.`, { field });
    thread.unshift(record);
    next = record.previous;
  }
  return thread;
}

/** Turns of a thread that are read; models read fewer. */
const LONGEST_THREAD = 200;

/** Ids of items say which response and which place they are of. */
const prefixes = { text: 'msg', image: 'ig', audio: 'au', video: 'vi' } as const;

export function itemId(response: string, part: number, modality: string): string {
  const prefix = Object.hasOwn(prefixes, modality) ? Reflect.get(prefixes, modality) : 'item';
  return `${String(prefix)}_${response.replace(/^resp_/, '')}_${part}`;
}

/** The item that an id names; null where there is none, or no longer. */
export async function findItem(parts: Parts, owner: string, id: string): Promise<KeptItem | null> {
  const [, response, part] = /^[a-z]+_([\w-]{22})_(\d{1,6})$/.exec(id) ?? [];
  if (response === undefined) return null;
  const record = await findResponse(parts, owner, `resp_${response}`);
  return record?.outcome?.items.find((item) => item.part === Number(part)) ?? null;
}

function keyOf(id: string): string {
  return `response/${id}`;
}

async function* each(events: readonly LoggedEvent[]): AsyncGenerator<LoggedEvent> {
  yield* events;
}

/** `keepResponse` alone writes under these keys. */
function isRecord(value: unknown): value is ResponseRecord {
  return typeof value === 'object' && value !== null && 'job' in value && 'echo' in value;
}
