// Conversations that the server keeps: listed, searched, read with their messages, renamed, deleted, written to a file and read back.
// Knows no model and no job beyond its id.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Conversation, KeptMessage, ServerParts } from '../contracts.ts';
import { documented, pageShape, readQuery } from '../documented.ts';
import { AnymodalError } from '../../errors.ts';
import { mediaView } from '../media/view.ts';
import { readBody } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { conversationFile, messagesOfFile } from './file.ts';
import { itemRoutes, messagesOfItems } from './items.ts';
import { conversationListSchema, conversationSchema, exportSchema, metadataSchema, newConversationSchema, wholeConversationSchema, type MessageView, type NewConversation } from './schemas.ts';
import { keptMessages, removeConversation } from './turns.ts';

const tag = 'Conversations';
const params = z.object({ id: z.string().openapi({ description: 'Id of a conversation.' }) });
const listQuery = z.object({ ...pageShape, text: z.string().max(500).optional().openapi({ description: 'Words that its title or its messages have, all of them.' }) });
const annotation = z.object({ metadata: metadataSchema.nullable() }).openapi('AnnotateConversation');
const renaming = z.object({ title: z.string().min(1).max(300) }).openapi('RenameConversation');

export const conversationRoutes: Routes = (parts) => {
  const app = createRoutes();
  const own = async (c: Context<AppEnv>): Promise<Conversation> => {
    const found = await parts.conversations.get(c.get('caller').owner, c.req.param('id') ?? '');
    if (found === null) throw gone();
    return found;
  };
  const messagesOf = async ({ owner, id }: Conversation): Promise<readonly KeptMessage[]> => keptMessages(parts, owner, id);

  documented(app, { method: 'get', path: '/v1/conversations', tag, summary: 'List conversations', description: 'The latest used first.', query: listQuery, answers: { 200: { description: 'A page of conversations.', schema: conversationListSchema } }, errors: [404] });
  app.get('/v1/conversations', async (c) => {
    const { after, limit, order, text } = readQuery(c, listQuery);
    const found = await parts.conversations.list(c.get('caller').owner, { after, limit: limit + 1, order }, text);
    const page = found.slice(0, limit);
    return c.json({ object: 'list', data: page.map(view), firstId: page[0]?.id ?? null, lastId: page.at(-1)?.id ?? null, hasMore: found.length > limit });
  });

  documented(app, {
    method: 'post',
    path: '/v1/conversations',
    tag,
    summary: 'Begin a conversation',
    description: 'Empty, or from the file of an export.',
    body: { schema: newConversationSchema, optional: true },
    answers: { 200: { description: 'The conversation.', schema: conversationSchema } },
    errors: [404, 507],
  });
  app.post('/v1/conversations', async (c) => {
    // Clients of OpenAI send no body for an empty one.
    const value: NewConversation = c.req.header('content-type') === undefined ? {} : (await readBody(c, newConversationSchema)).value;
    const caller = c.get('caller');
    const messages = [...(await messagesOfFile(parts, caller, value.messages ?? [], c.req.raw.signal)), ...(await messagesOfItems(c, parts, value.items ?? []))];
    const made = await parts.conversations.create(caller.owner, value.title ?? null, value.metadata ?? {});
    if (messages.length > 0) await parts.conversations.append(caller.owner, made.id, messages);
    return c.json(view((await parts.conversations.get(caller.owner, made.id)) ?? made));
  });

  documented(app, { method: 'get', path: '/v1/conversations/{id}', tag, summary: 'Read a conversation', params, answers: { 200: { description: 'The conversation with its messages.', schema: wholeConversationSchema } }, errors: [404] });
  app.get('/v1/conversations/:id', async (c) => {
    const found = await own(c);
    const messages = await messagesOf(found);
    return c.json({ ...view((await parts.conversations.get(found.owner, found.id)) ?? found), messages: messages.map((message) => messageView(c, parts, found.owner, message)) });
  });

  documented(app, { method: 'patch', path: '/v1/conversations/{id}', tag, summary: 'Rename a conversation', params, body: { schema: renaming }, answers: { 200: { description: 'The conversation.', schema: conversationSchema } }, errors: [404] });
  app.patch('/v1/conversations/:id', async (c) => {
    const { value } = await readBody(c, renaming);
    const renamed = await parts.conversations.rename(c.get('caller').owner, c.req.param('id'), value.title);
    if (renamed === null) throw gone();
    return c.json(view(renamed));
  });

  documented(app, { method: 'post', path: '/v1/conversations/{id}', tag, summary: 'Change the metadata of a conversation', description: 'As clients of OpenAI do.', params, body: { schema: annotation }, answers: { 200: { description: 'The conversation.', schema: conversationSchema } }, errors: [404] });
  app.post('/v1/conversations/:id', async (c) => {
    const { value } = await readBody(c, annotation);
    const changed = await parts.conversations.annotate(c.get('caller').owner, c.req.param('id'), value.metadata ?? {});
    if (changed === null) throw gone();
    return c.json(view(changed));
  });

  documented(app, {
    method: 'delete',
    path: '/v1/conversations/{id}',
    tag,
    summary: 'Delete a conversation',
    description: 'Its messages are gone; its jobs end. Media stay in the library until they are deleted there.',
    params,
    answers: { 200: { description: 'It is gone.', schema: z.object({ object: z.literal('conversation.deleted'), id: z.string(), deleted: z.literal(true) }) } },
    errors: [404],
  });
  app.delete('/v1/conversations/:id', async (c) => {
    const { id, owner } = await own(c);
    for (const status of ['queued', 'running'] as const) {
      const jobs = await parts.queue.list({ owner, conversation: id, status }, { limit: 100 });
      await Promise.all(jobs.map(async (job) => parts.queue.cancel(job.id, 'its conversation was deleted')));
    }
    await removeConversation(parts, owner, id);
    return c.json({ object: 'conversation.deleted', id, deleted: true });
  });

  documented(app, { method: 'get', path: '/v1/conversations/{id}/export', tag, summary: 'Write a conversation to a file', params, answers: { 200: { description: 'One file with the media inside.', schema: exportSchema } }, errors: [404] });
  app.get('/v1/conversations/:id/export', async (c) => {
    const found = await own(c);
    const pieces = conversationFile(parts, found, await messagesOf(found));
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await pieces.return(undefined);
      },
    });
    return c.body(body, 200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Disposition': `attachment; filename="${found.id}.json"` });
  });

  itemRoutes(app, parts, own);
  return app;
};

function view({ id, title, metadata, createdAt, updatedAt }: Conversation): object {
  return { object: 'conversation', id, title, createdAt, updatedAt, created_at: Math.floor(createdAt / 1000), metadata };
}

function messageView(c: Context<AppEnv>, parts: ServerParts, owner: string, { id, message, job, createdAt }: KeptMessage): MessageView {
  const shown = message.parts.map((part): MessageView['parts'][number] => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    const { made } = part;
    return { type: 'media', media: mediaView(c, parts, owner, part.media), ...(made !== undefined && { made: { output: made.output, references: [...made.references], ...(made.prompt !== undefined && { prompt: made.prompt }) } }) };
  });
  return { id, role: message.role, parts: shown, job, createdAt };
}

function gone(): AnymodalError {
  return new AnymodalError('not_found', 'there is no such conversation of yours; it was never there, or it was deleted.');
}
