// What a response is asked with: OpenAI's fields, those of media that other servers take, and our own. Loose where clients are loose.
// Knows no job.

import { z } from '@hono/zod-openapi';
import { mediaFields } from '../chat/order.ts';

const partSchema = z
  .discriminatedUnion('type', [
    z.looseObject({ type: z.literal('input_text'), text: z.string() }),
    z.looseObject({ type: z.literal('output_text'), text: z.string() }),
    z.looseObject({ type: z.literal('text'), text: z.string() }),
    z.looseObject({ type: z.literal('summary_text'), text: z.string() }),
    z.looseObject({ type: z.literal('reasoning_text'), text: z.string() }),
    z.looseObject({ type: z.literal('refusal'), refusal: z.string() }),
    z.looseObject({ type: z.literal('input_image'), image_url: z.string().nullish(), file_id: z.string().nullish() }),
    z.looseObject({ type: z.literal('input_video'), video_url: z.string().nullish(), file_id: z.string().nullish() }),
    z.looseObject({ type: z.literal('input_audio'), input_audio: z.looseObject({ data: z.string(), format: z.string().optional() }) }),
    z.looseObject({ type: z.literal('input_file'), file_data: z.string().nullish(), file_id: z.string().nullish(), file_url: z.string().nullish(), filename: z.string().nullish() }),
  ])
  .openapi('ResponseContentPart');
export type InputPart = z.infer<typeof partSchema>;

const messageItem = z.looseObject({ type: z.literal('message').nullish(), id: z.string().nullish(), role: z.enum(['user', 'assistant', 'system', 'developer']), content: z.union([z.string(), z.array(partSchema)]) });
const callItem = z.looseObject({ type: z.enum(['image_generation_call', 'audio_generation_call', 'video_generation_call']), id: z.string().nullish(), result: z.string().nullish() });
const referenceItem = z.looseObject({ type: z.literal('item_reference').nullish(), id: z.string(), role: z.undefined().optional().openapi({ type: 'null' }) });
const toolResult = z.looseObject({ type: z.enum(['function_call_output', 'custom_tool_call_output']), output: z.union([z.string(), z.array(partSchema)]) });
/** What other servers' models did on the way; it says nothing to ours. */
const otherItem = z.looseObject({
  type: z.enum(['reasoning', 'function_call', 'custom_tool_call', 'web_search_call', 'file_search_call', 'code_interpreter_call', 'computer_call', 'computer_call_output', 'mcp_call', 'mcp_list_tools', 'mcp_approval_request', 'mcp_approval_response', 'local_shell_call', 'local_shell_call_output']),
});
export const inputItemSchema = z.union([messageItem, callItem, toolResult, otherItem, referenceItem]).openapi('ResponseInputItem');
export type InputItem = z.infer<typeof inputItemSchema>;
export type MessageItem = z.infer<typeof messageItem>;
export type CallItem = z.infer<typeof callItem>;

export const imageToolSchema = z.looseObject({
  type: z.literal('image_generation'),
  action: z.enum(['generate', 'edit', 'auto']).nullish(),
  size: z.string().nullish(),
  quality: z.enum(['low', 'medium', 'high', 'auto', 'xhigh', 'max', 'standard', 'hd']).nullish(),
  output_format: z.enum(['png', 'webp', 'jpeg']).nullish(),
  output_compression: z.number().min(0).max(100).nullish(),
  partial_images: z.number().int().min(0).max(3).nullish(),
  background: z.enum(['transparent', 'opaque', 'auto']).nullish(),
  input_fidelity: z.string().nullish(),
  input_image_mask: z.looseObject({ image_url: z.string().nullish(), file_id: z.string().nullish() }).nullish(),
});
export type ImageTool = z.infer<typeof imageToolSchema>;

const ignored = z.unknown().optional();
const flag = z.boolean().nullish();

export const responseRequestSchema = z
  .object({
    model: z.string().nullish(),
    input: z.union([z.string(), z.array(inputItemSchema)]).nullish().openapi({ description: 'Words, or items: messages with media, and items of earlier responses.' }),
    instructions: z.string().nullish(),
    previous_response_id: z.string().nullish(),
    conversation: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish().openapi({ description: 'A kept conversation, to which this turn is added.' }),
    store: flag.openapi({ description: 'Whether the response can be read again; true if absent.' }),
    background: flag.openapi({ description: 'Whether it goes on without its client.' }),
    stream: flag,
    stream_options: ignored,
    modalities: z.array(z.string()).nullish().openapi({ description: 'Our own: outputs that the answer must have, such as text, image, audio, speech, video; without it the model decides.' }),
    audio: z.looseObject({ voice: z.union([z.string(), z.looseObject({ id: z.string() })]).optional(), format: z.string().optional() }).nullish().openapi({ description: 'Our own: voice and format of sounds.' }),
    tools: z.array(z.looseObject({ type: z.string() })).nullish().openapi({ description: 'image_generation has settings of pictures; pictures are made without it too. Other tools are not called.' }),
    tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
    temperature: z.number().min(0).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    max_output_tokens: z.number().int().min(1).nullish(),
    seed: z.number().nullish().openapi({ description: 'Our own.' }),
    stop: z.union([z.string(), z.array(z.string())]).nullish().openapi({ description: 'Our own.' }),
    top_logprobs: z.number().nullish(),
    include: z.array(z.string()).nullish(),
    text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
    reasoning: z.looseObject({}).nullish(),
    prompt: ignored,
    truncation: z.enum(['auto', 'disabled']).nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    context_management: ignored,
    // Nothing depends on these.
    parallel_tool_calls: flag,
    max_tool_calls: z.number().int().nullish(),
    service_tier: ignored,
    user: z.string().nullish(),
    safety_identifier: z.string().nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: ignored,
    prompt_cache_options: ignored,
    moderation: ignored,
    presence_penalty: z.number().nullish(),
    frequency_penalty: z.number().nullish(),
    ...mediaFields,
  })
  .openapi('ResponseRequest');
export type ResponseRequest = z.infer<typeof responseRequestSchema>;

const warnings = z.array(z.object({ code: z.string(), message: z.string() }));
const status = z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'incomplete']);

const call = { id: z.string(), status: z.enum(['in_progress', 'generating', 'completed', 'failed']), result: z.string().nullable().openapi({ description: 'The bytes in base64; null before it is made, and when it was deleted since.' }) };
const made = { seed: z.number().int().optional(), media_id: z.string().optional(), media_url: z.string().optional().openapi({ description: 'Signed address of the bytes.' }), media_type: z.string().optional(), output_format: z.string().optional() };
export const outputItemSchema = z
  .union([
    z.object({ type: z.literal('message'), id: z.string(), role: z.literal('assistant'), status: z.enum(['in_progress', 'completed', 'incomplete']), content: z.array(z.object({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.unknown()), logprobs: z.array(z.unknown()) })) }),
    z.object({ type: z.literal('image_generation_call'), ...call, ...made, action: z.enum(['generate', 'edit']).optional(), background: z.literal('opaque').optional(), size: z.string().optional(), quality: z.string().optional(), revised_prompt: z.string().optional() }),
    z.object({ type: z.literal('audio_generation_call'), ...call, ...made, output: z.string().optional(), transcript: z.string().nullable().optional() }),
    z.object({ type: z.literal('video_generation_call'), ...call, ...made }),
  ])
  .openapi('ResponseOutputItem');

const nullableNumber = z.number().nullable();
export const responseSchema = z
  .object({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.number().int(),
    completed_at: nullableNumber,
    status,
    background: z.boolean(),
    error: z.object({ code: z.string(), message: z.string(), reason: z.string().openapi({ description: 'Our own code; docs/api.md lists them.' }) }).nullable(),
    incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: nullableNumber,
    max_tool_calls: nullableNumber,
    model: z.string(),
    output: z.array(outputItemSchema),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable(),
    conversation: z.object({ id: z.string() }).nullable(),
    prompt_cache_key: z.string().nullable(),
    reasoning: z.looseObject({}),
    safety_identifier: z.string().nullable(),
    service_tier: z.literal('default'),
    store: z.boolean(),
    temperature: z.number(),
    text: z.looseObject({}),
    tool_choice: z.unknown(),
    tools: z.array(z.unknown()),
    top_logprobs: z.literal(0),
    top_p: z.number(),
    presence_penalty: z.literal(0),
    frequency_penalty: z.literal(0),
    truncation: z.enum(['auto', 'disabled']),
    usage: z
      .object({
        input_tokens: z.number().int(),
        input_tokens_details: z.object({ cached_tokens: z.number().int(), cache_write_tokens: z.number().int() }),
        output_tokens: z.number().int(),
        output_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
        total_tokens: z.number().int(),
      })
      .nullable(),
    metadata: z.record(z.string(), z.string()),
    job: z.string().openapi({ description: 'The job behind it.' }),
    seed: z.number().int(),
    warnings,
  })
  .openapi('Response');
export type ResponseView = z.infer<typeof responseSchema>;
export type OutputItem = z.infer<typeof outputItemSchema>;

export const responseEventSchema = z
  .looseObject({ type: z.string().openapi({ example: 'response.output_text.delta' }), sequence_number: z.number().int() })
  .openapi('ResponseEvent', { description: 'Events as OpenAI has them; for sounds and videos response.audio_generation_call.* and response.video_generation_call.* like those of pictures.' });
