// Shapes of conversations as clients see them, as zod schemas that the OpenAPI document is made from.
// Knows no store.

import { z } from '@hono/zod-openapi';
import { mediaSchema } from '../media/view.ts';
import { inputItemSchema } from '../responses/schemas.ts';

export const metadataSchema = z.record(z.string().max(64), z.string().max(512));

const role = z.enum(['system', 'user', 'assistant']);

const madeSchema = z
  .object({ output: z.string(), references: z.array(z.number().int()), prompt: z.string().optional() })
  .openapi({ description: 'In an answer: the output that it is, ordinals (from 1) of the media that it edits or follows, and words that the language model wrote for it.' });

export const conversationShape = {
  object: z.literal('conversation'),
  id: z.string(),
  title: z.string().nullable(),
  createdAt: z.number().openapi({ description: 'Milliseconds since 1970.' }),
  updatedAt: z.number().openapi({ description: 'Milliseconds since 1970; lists are in this order.' }),
  created_at: z.number().int().openapi({ description: 'Seconds since 1970, for clients of OpenAI.' }),
  metadata: z.record(z.string(), z.string()).openapi({ description: 'What a client keeps with it.' }),
};
export const conversationSchema = z.object(conversationShape).openapi('Conversation');

export const messageSchema = z
  .object({
    id: z.string(),
    role,
    parts: z.array(z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.literal('media'), media: mediaSchema, made: madeSchema.optional() })])),
    job: z.string().nullable().openapi({ description: 'The job that answered.' }),
    createdAt: z.number().openapi({ description: 'Milliseconds since 1970.' }),
  })
  .openapi('ConversationMessage');
export type MessageView = z.infer<typeof messageSchema>;

export const wholeConversationSchema = z.object({ ...conversationShape, messages: z.array(messageSchema) }).openapi('WholeConversation');

export const conversationListSchema = z
  .object({ object: z.literal('list'), data: z.array(conversationSchema), firstId: z.string().nullable(), lastId: z.string().nullable(), hasMore: z.boolean() })
  .openapi('ConversationList');

const fileMedia = z.object({
  id: z.string().optional().openapi({ description: 'SHA-256 of the bytes; stands for a medium that is kept here where there are no bytes.' }),
  data: z.string().optional().openapi({ description: 'The bytes in base64.' }),
  name: z.string().max(300).optional(),
});

/** What `POST /v1/conversations` takes: a title, or a file that an export wrote. */
export const newConversationSchema = z
  .looseObject({
    title: z.string().max(300).nullable().optional(),
    metadata: metadataSchema.nullable().optional(),
    items: z.array(inputItemSchema).max(1000).nullable().optional().openapi({ description: 'What it begins with, as clients of OpenAI say it.' }),
    messages: z
      .array(z.object({ role, parts: z.array(z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.literal('media'), media: fileMedia, made: madeSchema.optional() })])) }))
      .max(100_000)
      .optional()
      .openapi({ description: 'Messages that it begins with; the file of an export has them.' }),
  })
  .openapi('NewConversation');
export type NewConversation = z.infer<typeof newConversationSchema>;

export const exportSchema = z
  .object({
    object: z.literal('conversation.export'),
    format: z.literal(1),
    id: z.string(),
    title: z.string().nullable(),
    createdAt: z.number(),
    updatedAt: z.number(),
    messages: z.array(
      z.object({
        role,
        createdAt: z.number(),
        job: z.string().nullable(),
        parts: z.array(
          z.union([
            z.object({ type: z.literal('text'), text: z.string() }),
            z.object({ type: z.literal('media'), media: fileMedia.extend({ id: z.string(), modality: z.string(), mediaType: z.string(), size: z.number().int() }), made: madeSchema.optional() }),
          ]),
        ),
      }),
    ),
  })
  .openapi('ConversationExport', { description: 'One file with the media inside; `POST /v1/conversations` reads it back. A medium without `data` was deleted.' });

export const itemSchema = z.looseObject({ type: z.string(), id: z.string() }).openapi('ConversationItem', { description: 'A message, or a medium of an answer, as clients of OpenAI read it.' });
export const itemListSchema = z.object({ object: z.literal('list'), data: z.array(itemSchema), first_id: z.string(), last_id: z.string(), has_more: z.boolean() }).openapi('ConversationItemList');
export const newItemsSchema = z.object({ items: z.array(inputItemSchema).min(1).max(1000) }).openapi('NewConversationItems');
