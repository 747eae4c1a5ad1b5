// Chat completions that their clients asked to store: read, listed, named by metadata, deleted. They are as old as the log of their job.
// Knows no decoder.

import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, Json, LoggedEvent, Warning } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { documented, readQuery } from '../documented.ts';
import { readBody } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';
import { isTerminal, replyOf } from '../run-job.ts';
import { messageOf, MessageParts, usageOf, type AnswerPart } from './completion.ts';
import { addressOf, sendable } from './made-media.ts';
import type { Finish } from './order.ts';
import { replySteps } from './reply-steps.ts';
import { completionSchema } from './schemas.ts';

/** What a completion is made of, beside the log of its job. */
export interface KeptCompletion {
  readonly id: string;
  readonly owner: string;
  readonly job: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly count: number;
  readonly finish: Finish;
  readonly fingerprint: string;
  readonly metadata: Readonly<Record<string, string>> | null;
}

export async function keepCompletion({ conversations }: Pick<ServerParts, 'conversations'>, kept: KeptCompletion): Promise<void> {
  const value: Json = JSON.parse(JSON.stringify(kept));
  await conversations.remember(kept.owner, `completion/${kept.id}`, value);
}

/** The whole answer by the log of a job that has ended, and what its client sees of each choice in words. */
export async function completionOf(c: Context<AppEnv>, parts: ServerParts, kept: KeptCompletion, log: readonly LoggedEvent[]): Promise<{ readonly body: object; readonly seen: readonly { readonly variant: number; readonly content: string }[]; readonly warnings: readonly Warning[] }> {
  const cut = new Set<number>();
  for await (const step of replySteps(each(log))) if (step.type === 'variant-end' && step.cut) cut.add(step.variant);
  const reply = replyOf(log);
  const choices: object[] = [];
  const seen: { variant: number; content: string }[] = [];
  for (let variant = 0; variant < kept.count; variant += 1) {
    const answer: AnswerPart[] = [];
    for (const item of reply.items.filter((each_) => each_.variant === variant)) {
      answer.push(item.type === 'text' ? { type: 'text', text: item.text } : { type: 'media', media: await sendable(parts, kept.owner, item, kept.finish, c.req.raw.signal) });
    }
    const { message, content } = messageOf(answer, new MessageParts((media) => addressOf(c, parts, kept.owner, media), kept.created));
    choices.push({ index: variant, message, logprobs: null, finish_reason: cut.has(variant) ? 'length' : 'stop' });
    seen.push({ variant, content });
  }
  const { id, created, model, fingerprint, metadata, job } = kept;
  const body = { id, object: 'chat.completion', created, model, choices, usage: usageOf(reply.usage), service_tier: 'default', system_fingerprint: fingerprint, ...(metadata !== null && { metadata }), seed: reply.start?.seed ?? null, job };
  return { body, seen, warnings: reply.warnings };
}

const tag = 'Chat';
const params = z.object({ id: z.string().openapi({ description: 'Id of a stored completion.' }) });
const listQuery = z.object({
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(0).max(100).default(20).openapi({ type: 'integer', minimum: 0, maximum: 100, default: 20 }),
  order: z.enum(['asc', 'desc']).default('asc'),
  model: z.string().max(200).optional(),
});
const listOf = (schema: z.ZodType): z.ZodObject => z.object({ object: z.literal('list'), data: z.array(schema), first_id: z.string().nullable(), last_id: z.string().nullable(), has_more: z.boolean() });
const messageSchema = z.looseObject({ id: z.string(), role: z.string(), content: z.string().nullable() }).openapi('StoredChatMessage');
const update = z.object({ metadata: z.record(z.string(), z.string()).nullable() }).openapi('StoredCompletionUpdate');

/** Jobs among which stored completions are looked for. */
const MOST_LISTED = 1000;

export function storedCompletionRoutes(app: OpenAPIHono<AppEnv>, parts: ServerParts): void {
  const own = async (c: Context<AppEnv>): Promise<KeptCompletion> => {
    const found = await find(parts, c.get('caller').owner, c.req.param('id') ?? '');
    if (found === null) throw new AnymodalError('not_found', 'there is no such completion of yours; it was not stored, or it was deleted.');
    return found;
  };
  const view = async (c: Context<AppEnv>, kept: KeptCompletion): Promise<object> => {
    const { body, warnings } = await completionOf(c, parts, kept, await logOf(parts, kept));
    return { ...body, warnings };
  };

  documented(app, { method: 'get', path: '/v1/chat/completions', tag, summary: 'List stored completions', query: listQuery, answers: { 200: { description: 'A page of them.', schema: listOf(completionSchema).openapi('ChatCompletionList') } } });
  app.get('/v1/chat/completions', async (c) => {
    const { after, limit, order, model } = readQuery(c, listQuery);
    const { owner } = c.get('caller');
    const jobs = await parts.queue.list({ owner, kind: 'chat', status: 'completed' }, { limit: MOST_LISTED, order });
    const ids = jobs.flatMap(storedId);
    const found: KeptCompletion[] = [];
    for (const id of ids.slice(after === undefined ? 0 : ids.indexOf(after) + 1)) {
      const kept = await find(parts, owner, id);
      if (kept !== null && (model === undefined || kept.model === model)) found.push(kept);
      if (found.length > limit) break;
    }
    const page = found.slice(0, limit);
    const data: object[] = [];
    for (const kept of page) data.push(await view(c, kept));
    return c.json({ object: 'list', data, first_id: page[0]?.id ?? null, last_id: page.at(-1)?.id ?? null, has_more: found.length > limit });
  });

  documented(app, { method: 'get', path: '/v1/chat/completions/{id}', tag, summary: 'Read a stored completion', params, answers: { 200: { description: 'The completion.', schema: completionSchema } }, errors: [404] });
  app.get('/v1/chat/completions/:id', async (c) => c.json(await view(c, await own(c))));

  documented(app, { method: 'post', path: '/v1/chat/completions/{id}', tag, summary: 'Change the metadata of a stored completion', params, body: { schema: update }, answers: { 200: { description: 'The completion.', schema: completionSchema } }, errors: [404] });
  app.post('/v1/chat/completions/:id', async (c) => {
    const { value } = await readBody(c, update);
    const changed = { ...(await own(c)), metadata: value.metadata };
    await keepCompletion(parts, changed);
    return c.json(await view(c, changed));
  });

  documented(app, { method: 'delete', path: '/v1/chat/completions/{id}', tag, summary: 'Delete a stored completion', params, answers: { 200: { description: 'It is gone.', schema: z.object({ object: z.literal('chat.completion.deleted'), id: z.string(), deleted: z.literal(true) }) } }, errors: [404] });
  app.delete('/v1/chat/completions/:id', async (c) => {
    const { id, owner } = await own(c);
    await parts.conversations.forget(owner, `completion/${id}`);
    return c.json({ object: 'chat.completion.deleted', id, deleted: true });
  });

  documented(app, { method: 'get', path: '/v1/chat/completions/{id}/messages', tag, summary: 'List what a stored completion was asked', params, query: listQuery.omit({ model: true }), answers: { 200: { description: 'A page of messages.', schema: listOf(messageSchema).openapi('StoredChatMessages') } }, errors: [404] });
  app.get('/v1/chat/completions/:id/messages', async (c) => {
    const { after, limit, order } = readQuery(c, listQuery);
    const { id, job } = await own(c);
    const messages = messagesOf(id, await parts.queue.get(job));
    const ordered = order === 'asc' ? messages : messages.toReversed();
    const start = after === undefined ? 0 : ordered.findIndex((message) => message.id === after) + 1;
    const page = ordered.slice(start, start + limit);
    return c.json({ object: 'list', data: page, first_id: page[0]?.id ?? null, last_id: page.at(-1)?.id ?? null, has_more: start + limit < ordered.length });
  });
}

async function find({ conversations }: ServerParts, owner: string, id: string): Promise<KeptCompletion | null> {
  const value = await conversations.recall(owner, `completion/${id}`);
  return isKept(value) ? value : null;
}

/** `keepCompletion` alone writes under these keys. */
function isKept(value: unknown): value is KeptCompletion {
  return typeof value === 'object' && value !== null && 'finish' in value && 'job' in value;
}

/** Throws `not_found` for a completion whose job is gone or has no end. */
async function logOf({ queue }: ServerParts, { job }: KeptCompletion): Promise<readonly LoggedEvent[]> {
  const log = (await queue.get(job)) === null ? [] : await queue.logged(job, 0);
  if (log.some(isTerminal)) return log;
  throw new AnymodalError('not_found', 'this completion has no answer: its job has not ended, or it was deleted.');
}

function storedId({ view }: JobRecord): string[] {
  const id: unknown = typeof view === 'object' && view !== null ? Reflect.get(view, 'completion') : null;
  return typeof id === 'string' ? [id] : [];
}

/** Messages of the request, media as parts by their ids. */
function messagesOf(id: string, job: JobRecord | null): { id: string; role: string; content: string; content_parts: object[] }[] {
  return (job?.request.messages ?? []).map(({ role, parts }, index) => ({
    id: `${id}-${index}`,
    role,
    content: parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'),
    name: null,
    content_parts: parts.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : { type: 'media', id: part.media.id })),
  }));
}

async function* each(events: readonly LoggedEvent[]): AsyncGenerator<LoggedEvent> {
  yield* events;
}
