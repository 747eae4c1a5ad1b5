// What a chat completion is asked with: the fields of OpenAI's, those of other servers that their clients send, and our own.
// Loose where clients are loose; knows no job.

import { z } from '@hono/zod-openapi';
import { warningsSchema } from '../documented.ts';
import { mediaFields } from './order.ts';

const url = z.union([z.object({ url: z.string() }), z.string()]);

/** A part of a message, of whatever server's kind. */
export const contentPartSchema = z
  .discriminatedUnion('type', [
    z.looseObject({ type: z.literal('text'), text: z.string() }),
    z.looseObject({ type: z.literal('refusal'), refusal: z.string() }),
    z.looseObject({ type: z.literal('image_url'), image_url: url }),
    z.looseObject({ type: z.literal('audio_url'), audio_url: url }),
    z.looseObject({ type: z.literal('video_url'), video_url: url }),
    z.looseObject({ type: z.literal('input_audio'), input_audio: z.looseObject({ data: z.string(), format: z.string().optional() }) }),
    z.looseObject({ type: z.literal('file'), file: z.looseObject({ file_data: z.string().nullish(), file_id: z.string().nullish(), filename: z.string().nullish() }) }),
    z.looseObject({ type: z.literal('media'), id: z.string() }),
  ])
  .openapi('ChatContentPart');
export type ContentPart = z.infer<typeof contentPartSchema>;

const content = z.union([z.string(), z.array(contentPartSchema)]);
const made = z.array(z.looseObject({ type: z.string().optional(), image_url: url.optional(), video_url: url.optional(), audio_url: url.optional() }));

export const chatMessageSchema = z
  .discriminatedUnion('role', [
    z.looseObject({ role: z.literal('system'), content }),
    z.looseObject({ role: z.literal('developer'), content }),
    z.looseObject({ role: z.literal('user'), content }),
    z.looseObject({
      role: z.literal('assistant'),
      content: content.nullish(),
      refusal: z.string().nullish(),
      images: made.nullish(),
      videos: made.nullish(),
      audios: made.nullish(),
      audio: z.looseObject({ id: z.string() }).nullish().openapi({ description: 'A sound of an earlier answer by its id.' }),
    }),
    z.looseObject({ role: z.literal('tool'), content }),
    z.looseObject({ role: z.literal('function'), content: content.nullish() }),
  ])
  .openapi('ChatMessage');
export type ChatMessage = z.infer<typeof chatMessageSchema>;

const number = z.number().nullish();
const flag = z.boolean().nullish();
const ignored = z.unknown().optional();

export const chatRequestSchema = z
  .object({
    model: z.string().nullish(),
    messages: z.array(chatMessageSchema).min(1),
    modalities: z.array(z.string()).nullish().openapi({ description: 'Outputs that the answer must have, such as text, image, audio, speech, video; without it the model decides.' }),
    audio: z.looseObject({ voice: z.union([z.string(), z.looseObject({ id: z.string() })]).optional(), format: z.string().optional() }).nullish(),
    n: z.number().int().min(1).nullish(),
    seed: z.number().nullish(),
    temperature: z.number().min(0).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.number().int().nullish(),
    min_p: z.number().min(0).max(1).nullish(),
    repetition_penalty: number,
    max_tokens: z.number().int().min(1).nullish(),
    max_completion_tokens: z.number().int().min(1).nullish(),
    stop: z.union([z.string(), z.array(z.string())]).nullish(),
    stream: flag,
    stream_options: z.looseObject({ include_usage: flag }).nullish(),
    conversation: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish().openapi({ description: 'Our own: a kept conversation, to which this turn is added.' }),
    tools: z.array(z.unknown()).nullish(),
    tool_choice: z.unknown().optional(),
    functions: z.array(z.unknown()).nullish(),
    function_call: z.unknown().optional(),
    response_format: z.looseObject({ type: z.string() }).nullish(),
    logprobs: flag,
    top_logprobs: number,
    frequency_penalty: number,
    presence_penalty: number,
    logit_bias: z.record(z.string(), z.number()).nullish(),
    prediction: ignored,
    web_search_options: ignored,
    reasoning_effort: ignored,
    image_config: z.looseObject({ aspect_ratio: z.string().optional(), image_size: z.string().optional() }).nullish(),
    // Nothing depends on these.
    parallel_tool_calls: ignored,
    service_tier: ignored,
    store: flag.openapi({ description: 'Whether the completion can be read again; false if absent.' }),
    metadata: z.record(z.string(), z.string()).nullish(),
    user: z.string().nullish(),
    safety_identifier: ignored,
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: ignored,
    prompt_cache_options: ignored,
    session_id: z.string().nullish(),
    verbosity: ignored,
    moderation: ignored,
    ...mediaFields,
  })
  .openapi('ChatCompletionRequest');
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const usageSchema = z.object({
  prompt_tokens: z.number().int(),
  completion_tokens: z.number().int(),
  total_tokens: z.number().int(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int(), audio_tokens: z.number().int() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.number().int(), audio_tokens: z.number().int(), accepted_prediction_tokens: z.number().int(), rejected_prediction_tokens: z.number().int() }),
});
const media = {
  images: z.array(z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }), index: z.number().int() })).optional().openapi({ description: 'Pictures as data: URLs.' }),
  videos: z.array(z.object({ type: z.literal('video_url'), video_url: z.object({ url: z.string() }), index: z.number().int() })).optional().openapi({ description: 'Videos as data: URLs; content has a link to each.' }),
  audio: z.object({ id: z.string(), data: z.string(), expires_at: z.number().int(), transcript: z.string() }).optional().openapi({ description: 'The first sound.' }),
  audios: z.array(z.object({ type: z.literal('audio_url'), audio_url: z.object({ url: z.string() }), index: z.number().int() })).optional().openapi({ description: 'Further sounds as data: URLs.' }),
  content_parts: z
    .array(
      z.union([
        z.object({ type: z.literal('text'), text: z.string() }),
        z.object({ type: z.string(), media_id: z.string(), media_type: z.string(), url: z.string(), output: z.string(), seed: z.number().int(), prompt: z.string().optional(), part: z.number().int().optional() }),
      ]),
    )
    .optional()
    .openapi({ description: 'All parts of the answer in order; media by id and signed address, their bytes are in the fields above.' }),
};
const head = { id: z.string(), created: z.number().int(), model: z.string(), service_tier: z.literal('default'), system_fingerprint: z.string() };
const told = {
  seed: z.number().int().nullable().openapi({ description: 'Of the first choice; choice i has seed + i.' }),
  job: z.string(),
  warnings: warningsSchema,
};

export const completionSchema = z
  .object({
    ...head,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.number().int(),
        finish_reason: z.enum(['stop', 'length']),
        logprobs: z.null(),
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null(), annotations: z.array(z.unknown()), ...media }),
      }),
    ),
    usage: usageSchema,
    metadata: z.record(z.string(), z.string()).optional(),
    ...told,
  })
  .openapi('ChatCompletion');

export const chunkSchema = z
  .object({
    ...head,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(z.object({ index: z.number().int(), finish_reason: z.enum(['stop', 'length']).nullable(), logprobs: z.null(), delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional(), refusal: z.null().optional(), ...media }) })),
    usage: usageSchema.nullable().optional().openapi({ description: 'In the last chunk, with stream_options.include_usage.' }),
    seed: told.seed.optional(),
    job: z.string().optional(),
    warnings: warningsSchema.optional(),
  })
  .openapi('ChatCompletionChunk');
