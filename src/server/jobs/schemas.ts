// The native job API's shapes: what is sent and what comes back, as zod schemas that the OpenAPI document is made from.
// Knows no queue.

import { z } from '@hono/zod-openapi';
import { warningsSchema } from '../documented.ts';
import { mediaSchema } from '../media/view.ts';

const mediaReference = {
  id: z.string().optional().openapi({ description: 'A medium that is kept here.' }),
  url: z.string().optional().openapi({ description: 'An address: signed ones of this server, data:, and http(s) where the server allows it.' }),
  data: z.string().optional().openapi({ description: 'The bytes: a data: URL, or base64.' }),
  file: z.string().optional().openapi({ description: 'In a multipart body: name of the field with the file.' }),
};
const oneOf = 'expected exactly one of id, url, data, file';
function namesOne(value: { readonly id?: unknown; readonly url?: unknown; readonly data?: unknown; readonly file?: unknown }): boolean {
  return [value.id, value.url, value.data, value.file].filter((each) => each !== undefined).length === 1;
}

export const inputPartSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text'), text: z.string() }),
    z.strictObject({ type: z.literal('media'), ...mediaReference }).refine(namesOne, { message: oneOf }),
  ])
  .openapi('InputPart', { description: 'Words, or a medium by exactly one of id, url, data and file.' });
export type InputPart = z.infer<typeof inputPartSchema>;

const maskSchema = z.union([z.string(), z.strictObject({ type: z.literal('media').optional(), ...mediaReference }).refine(namesOne, { message: oneOf })]);
export type MaskInput = z.infer<typeof maskSchema>;

export const newJobSchema = z
  .strictObject({
    input: z.array(inputPartSchema).default([]).openapi({ description: 'What to work from, in order; may be empty beside a mix.' }),
    outputs: z.array(z.string()).min(1).nullable().default(null).openapi({ description: 'Outputs wanted, in order, such as text, image, audio, speech, video; null lets the language model decide.' }),
    model: z.string().nullable().optional().openapi({ description: 'A model or alias of GET /v1/models; the default one if absent.' }),
    conversation: z.string().nullable().optional().openapi({ description: 'A kept conversation: its messages come before the input, and the answer is appended.' }),
    mix: z.array(z.strictObject({ weight: z.number(), part: inputPartSchema })).min(1).nullable().optional().openapi({ description: 'Weighted sum of places in the joint space, in the place of a prompt.' }),
    route: z.enum(['auto', 'chat', 'direct']).default('auto').openapi({ description: 'Through the language model (chat) or around it (direct); auto is chat where the model has one.' }),
    seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullable().optional().openapi({ description: 'Random if absent; reported either way. Variant i is the whole job at seed + i.' }),
    count: z.number().int().min(1).max(1000).default(1).openapi({ description: 'Variants; the server has a limit.' }),
    options: z.record(z.string(), z.record(z.string(), z.unknown())).default({}).openapi({ description: 'Options by output, as GET /v1/models lists them; text holds those of the language model.' }),
    negativePrompt: z.string().nullable().optional().openapi({ description: 'What the media should not show.' }),
    mask: maskSchema.nullable().optional().openapi({ description: 'For the picture that is edited: white may change, black stays. An id, or a medium.' }),
    metadata: z.boolean().default(true).openapi({ description: 'Whether prompt and settings are written into made files.' }),
    deadlineMs: z.number().int().min(1).max(2 ** 31 - 1).nullable().optional().openapi({ description: 'It is stopped so many milliseconds after its acceptance.' }),
  })
  .openapi('NewJob');
export type NewJobBody = z.infer<typeof newJobSchema>;

const textItem = z.object({ type: z.literal('text'), variant: z.number().int(), part: z.number().int(), text: z.string() });
const mediaItem = z.object({
  type: z.literal('media'),
  variant: z.number().int(),
  part: z.number().int(),
  output: z.string(),
  seed: z.number().int(),
  references: z.array(z.number().int()).openapi({ description: 'Ordinals (from 1) of the media of the conversation that it edits or follows.' }),
  prompt: z.string().optional().openapi({ description: 'Words that the language model wrote for it.' }),
  media: mediaSchema,
});

const shownPart = z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.literal('media'), media: mediaSchema })]);

export const jobSchema = z
  .object({
    object: z.literal('job'),
    id: z.string(),
    kind: z.string().openapi({ description: 'Which route accepted it: job, image, video, audio, speech, chat, response.' }),
    status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
    model: z.string(),
    conversation: z.string().nullable(),
    attempt: z.number().int().openapi({ description: '0 until it starts; an attempt that lost its engine or server is followed by another.' }),
    position: z.number().int().nullable().openapi({ description: 'Jobs that start before it; null where it is not queued.' }),
    progress: z.object({ step: z.number().int(), steps: z.number().int() }).openapi({ description: 'Steps taken and steps known of, over all media begun.' }),
    createdAt: z.number().openapi({ description: 'Milliseconds since 1970.' }),
    startedAt: z.number().nullable(),
    endedAt: z.number().nullable(),
    deadlineAt: z.number().nullable(),
    request: z
      .object({
        input: z.array(shownPart),
        outputs: z.array(z.string()).nullable(),
        route: z.string(),
        seed: z.number().int(),
        count: z.number().int(),
        options: z.record(z.string(), z.record(z.string(), z.unknown())),
        negativePrompt: z.string().nullable(),
        mask: z.union([mediaSchema, z.null()]),
        mix: z.array(z.object({ weight: z.number(), part: shownPart })).nullable(),
        metadata: z.boolean(),
      })
      .openapi({ description: 'What was asked for.' }),
    outputs: z.array(z.union([textItem, mediaItem])).openapi({ description: 'The reply so far, by variant and place.' }),
    usage: z.object({ inputTokens: z.number().int(), outputTokens: z.number().int() }).openapi({ description: 'Tokens of the language model.' }),
    warnings: warningsSchema,
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .openapi('Job');
export type JobView = z.infer<typeof jobSchema>;

export const jobListSchema = z
  .object({ object: z.literal('list'), data: z.array(jobSchema), firstId: z.string().nullable(), lastId: z.string().nullable(), hasMore: z.boolean() })
  .openapi('JobList');

export const jobEventSchema = z
  .looseObject({
    id: z.number().int().openapi({ description: 'Counts from 1 within the job, without gaps.' }),
    type: z.string().openapi({ description: 'job-queued, job-start, text-delta, media-start, media-progress, media-preview, media-end, trace, job-warning; and, last, one of job-end, job-abort, job-error.' }),
    job: z.string(),
    attempt: z.number().int().openapi({ description: 'Output of an earlier attempt is void.' }),
    at: z.number().openapi({ description: 'Milliseconds since 1970.' }),
  })
  .openapi('JobEvent');
