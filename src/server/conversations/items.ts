// A conversation's messages as items, for clients of OpenAI: a message of a user is one, the parts of an answer with media are one each.
// Knows no job.

import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import { addressOf, base64Of } from '../chat/made-media.ts';
import type { Conversation, KeptMessage, ServerParts } from '../contracts.ts';
import { documented, readQuery } from '../documented.ts';
import { readBody } from '../request-body.ts';
import { readInput } from '../responses/input.ts';
import type { KeptInput } from '../responses/records.ts';
import type { InputItem } from '../responses/schemas.ts';
import { inputView } from '../responses/view.ts';
import type { AppEnv } from '../routes.ts';
import { newId } from '../run-job.ts';
import { conversationSchema, itemListSchema, itemSchema, newItemsSchema } from './schemas.ts';
import { keptMessages, storedMessage } from './turns.ts';

const tag = 'Conversations';
const params = z.object({ id: z.string().openapi({ description: 'Id of a conversation.' }) });
const itemParams = params.extend({ item: z.string().openapi({ description: 'Id of an item.' }) });
const listQuery = z.object({
  after: z.string().max(200).optional().openapi({ description: 'Id of the last item of the page before.' }),
  limit: z.coerce.number().int().min(1).max(100).default(20).openapi({ type: 'integer', minimum: 1, maximum: 100, default: 20 }),
  order: z.enum(['asc', 'desc']).default('desc'),
});

/** Items as messages to keep. Throws `bad_input`, `bad_media`, `not_found` with the field. */
export async function messagesOfItems(c: Context<AppEnv>, parts: ServerParts, items: readonly InputItem[]): Promise<Omit<KeptMessage, 'id' | 'createdAt'>[]> {
  const { owner } = c.get('caller');
  const { sent } = await readInput({ parts, caller: c.get('caller'), signal: c.req.raw.signal }, [...items], newId('resp'));
  for (const { parts: read } of sent) for (const part of read) if (part.type === 'media') await parts.media.put(part.media, { owner, origin: 'upload', job: null, title: null });
  return sent.map((message) => ({ message: storedMessage(message), job: null, view: null }));
}

/** Adds the routes of items to those of conversations; `own` finds the caller's conversation or throws `not_found`. */
export function itemRoutes(app: OpenAPIHono<AppEnv>, parts: ServerParts, own: (c: Context<AppEnv>) => Promise<Conversation>): void {
  const viewOf = async (c: Context<AppEnv>, owner: string, item: KeptInput): Promise<object> => {
    const bytes = item.type === 'media' ? await parts.media.read(item.media).then((media) => media.bytes, () => null) : null;
    return inputView(item, (media) => addressOf(c, parts, owner, media), bytes === null ? null : base64Of(bytes));
  };
  const listed = async (c: Context<AppEnv>, owner: string, items: readonly KeptInput[], hasMore: boolean): Promise<object> => {
    const data: object[] = [];
    for (const item of items) data.push(await viewOf(c, owner, item));
    return { object: 'list', data, first_id: items[0]?.id ?? '', last_id: items.at(-1)?.id ?? '', has_more: hasMore };
  };
  const itemsOf = async ({ owner, id }: Conversation): Promise<KeptInput[]> => (await keptMessages(parts, owner, id)).flatMap(itemsOfMessage);

  documented(app, { method: 'get', path: '/v1/conversations/{id}/items', tag, summary: 'List the items of a conversation', params, query: listQuery, answers: { 200: { description: 'A page of items.', schema: itemListSchema } }, errors: [404] });
  app.get('/v1/conversations/:id/items', async (c) => {
    const conversation = await own(c);
    const { after, limit, order } = readQuery(c, listQuery);
    const items = await itemsOf(conversation);
    const ordered = order === 'asc' ? items : items.toReversed();
    const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
    return c.json(await listed(c, conversation.owner, ordered.slice(start, start + limit), start + limit < ordered.length));
  });

  documented(app, { method: 'post', path: '/v1/conversations/{id}/items', tag, summary: 'Add items to a conversation', params, body: { schema: newItemsSchema }, answers: { 200: { description: 'The items that were added.', schema: itemListSchema } }, errors: [404, 507] });
  app.post('/v1/conversations/:id/items', async (c) => {
    const { id, owner } = await own(c);
    const { value } = await readBody(c, newItemsSchema);
    const added = await parts.conversations.append(owner, id, await messagesOfItems(c, parts, value.items));
    return c.json(await listed(c, owner, added.flatMap(itemsOfMessage), false));
  });

  documented(app, { method: 'get', path: '/v1/conversations/{id}/items/{item}', tag, summary: 'Read an item of a conversation', params: itemParams, answers: { 200: { description: 'The item.', schema: itemSchema } }, errors: [404] });
  app.get('/v1/conversations/:id/items/:item', async (c) => {
    const conversation = await own(c);
    const found = (await itemsOf(conversation)).find(({ id }) => id === c.req.param('item'));
    if (found === undefined) throw noItem();
    return c.json(await viewOf(c, conversation.owner, found));
  });

  documented(app, {
    method: 'delete',
    path: '/v1/conversations/{id}/items/{item}',
    tag,
    summary: 'Take the message of an item out of a conversation',
    params: itemParams,
    answers: { 200: { description: 'The conversation.', schema: conversationSchema } },
    errors: [404],
  });
  app.delete('/v1/conversations/:id/items/:item', async (c) => {
    const { id, owner, title, metadata, createdAt, updatedAt } = await own(c);
    const message = c.req.param('item').replace(/-\d+$/, '');
    const removed = (await parts.conversations.withdraw(owner, id, c.req.param('item'))) || (await parts.conversations.withdraw(owner, id, message));
    if (!removed) throw noItem();
    return c.json({ object: 'conversation', id, title, metadata, createdAt, updatedAt, created_at: Math.floor(createdAt / 1000) });
  });
}

/** The items of a message: itself, or its parts where an answer has media. */
function itemsOfMessage({ id, message }: KeptMessage): KeptInput[] {
  if (message.role !== 'assistant' || !message.parts.some(({ type }) => type === 'media')) return [{ type: 'message', id, message }];
  return message.parts.map((part, index): KeptInput => (part.type === 'text' ? { type: 'message', id: `${id}-${index}`, message: { role: 'assistant', parts: [part] } } : { type: 'media', id: `${id}-${index}`, media: part.media }));
}

function noItem(): AnymodalError {
  return new AnymodalError('not_found', 'there is no such item in this conversation.');
}
