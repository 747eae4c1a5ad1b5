// A request for a response as a job and the record of it: what was said before, outputs, options, the settings of its image tool.
// Knows the decoders by their descriptions alone.

import type { Context } from 'hono';
import type { Message } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Json, NewJob, Stored } from '../../queue/contracts.ts';
import type { Reader } from '../chat/messages.ts';
import { inTurns } from '../chat/messages.ts';
import { concerned, mediaOptions, merged, outputsOf, pictureSize, previewsOf, soundOptions, textOptions, type Finish, type Options } from '../chat/order.ts';
import type { ServerParts } from '../contracts.ts';
import { restored, type Sent, type Standing } from '../conversations/memory.ts';
import { historyOf, storedMessage, withMedia } from '../conversations/turns.ts';
import { sizeText, usualSize } from '../images/size.ts';
import { choicesOf, defaultOf, optionSchema, pick, seedOf, type OutputDescription } from '../output-options.ts';
import { notHonoured, warn } from '../request-body.ts';
import { inputFault, type AppEnv } from '../routes.ts';
import { jobRequest, newId } from '../run-job.ts';
import { readInput, readMask } from './input.ts';
import { answerOf, threadOf, type Echo, type ResponseRecord } from './records.ts';
import { imageToolSchema, type ImageTool, type ResponseRequest } from './schemas.ts';

export interface ResponseOrder {
  readonly job: NewJob;
  /** All but the id of the job and when it was accepted. */
  readonly record: Omit<ResponseRecord, 'job' | 'createdAt'>;
  readonly standing: Standing;
  /** What this turn adds to its conversation. */
  readonly asked: readonly Message[];
}

/** Throws `bad_input`, `bad_option`, `bad_media`, `unsupported`, `unknown_model`, `unknown_output`, `not_found`, `conflict` with the field. */
export async function responseOrder(c: Context<AppEnv>, parts: ServerParts, body: ResponseRequest): Promise<ResponseOrder> {
  const caller = c.get('caller');
  const { owner } = caller;
  const reader: Reader = { parts, caller, signal: c.req.raw.signal };
  checkPromises(c, parts, body);
  const tool = imageTool(c, parts, body);
  const model = parts.engines.resolve(body.model ?? null);
  const description = await parts.engines.describe(model, reader.signal);
  const outputs = chosenOutputs(body) ?? outputsOf(description, body.modalities);
  const made = concerned(description, outputs);

  const media = mediaOptions(c, parts, made, body);
  const { resampled, size, partialImages } = toolOptions(c, parts, made, body, tool, media);
  const pictures = tool?.output_format === undefined || tool.output_format === null ? null : { format: tool.output_format, quality: tool.output_compression ?? null };
  if (pictures !== null) pictureFormat(made, pictures, media);
  const sound = body.audio === undefined || body.audio === null ? null : soundOptions(c, parts, made, body.audio, media);
  const text = textOptions(c, parts, description, { ...body, maxTokens: pick(body, ['max_output_tokens']) });
  const negative = body.negative_prompt?.trim() ?? '';
  const takesNegative = made.some((output) => output.negative && output.sources.includes('prompt'));
  if (negative !== '' && !takesNegative) notHonoured(c, parts, 'negative_prompt', 'negative_ignored', 'no output of this answer takes one');

  const id = newId('resp');
  const read = await readInput(reader, body.input, id);
  for (const type of read.ignored) warn(c, { code: 'item_ignored', message: `input: items of type ${type} are not read here` });
  const conversation = typeof body.conversation === 'string' ? body.conversation : (body.conversation?.id ?? null);
  const before = await said(c, parts, owner, body.previous_response_id ?? null, conversation);
  const instructions: Sent[] = typeof body.instructions === 'string' && body.instructions !== '' ? [{ role: 'system', parts: [{ type: 'text', text: body.instructions }] }] : [];
  const history = [...instructions, ...before, ...read.sent];
  const last = history.findLast(({ role }) => role !== 'system') ?? read.sent.at(-1);
  if (last === undefined || last.role === 'assistant' || last.parts.length === 0) throw new AnymodalError('bad_input', 'input: expected words or media of the user, last.', { field: 'input' });
  const { messages, warnings, standing } = await restored(parts, owner, history, body.prompt_cache_key ?? null);
  for (const warning of warnings) warn(c, warning);
  // As many at the end as this turn sent, and what was restored among them.
  const asked = messages.slice(instructions.length + before.length);
  if (tool?.action === 'edit' && !messages.some((message) => message.parts.some((part) => part.type === 'media' && part.media.modality === 'image'))) {
    throw new AnymodalError('bad_input', 'tools: the action is edit, but there is no picture in what was said; send one, or leave the action out.', { field: 'tools' });
  }
  const mask = tool?.input_image_mask === undefined || tool.input_image_mask === null ? null : await readMask(reader, tool.input_image_mask, 'tools.input_image_mask');

  const request = jobRequest({
    messages: inTurns(messages),
    outputs: outputs !== null && outputs.length === 0 ? null : outputs,
    ...seedOf(c, parts, body.seed),
    options: merged({ ...media, ...(description.text !== null && { text }) }, body.options),
    negativePrompt: negative !== '' && takesNegative ? negative : null,
    mask,
  });
  const background = body.background === true;
  const store = body.store !== false;
  const finish: Finish = { resampled, pictures, sound };
  return {
    job: { owner, model, kind: 'response', detached: background, conversation, view: { response: id }, request },
    record: {
      id, owner, model, store, background, conversation, finish, size, partialImages,
      previous: body.previous_response_id ?? null,
      seed: request.seed,
      quality: tool?.quality ?? 'auto',
      echo: echoOf(body, description.text),
      input: read.items,
      messages: asked.map(storedMessage),
      warnings: [...c.get('warnings')],
      outcome: null,
    },
    standing,
    asked: asked.filter(({ role }) => role !== 'system'),
  };
}

/** What was said before this turn, from our own records. */
async function said(c: Context<AppEnv>, parts: ServerParts, owner: string, previous: string | null, conversation: string | null): Promise<Sent[]> {
  if (previous !== null && conversation !== null) throw new AnymodalError('bad_input', 'previous_response_id: cannot be used together with conversation.', { field: 'previous_response_id' });
  if (previous === null && conversation === null) return [];
  let history;
  if (previous === null) history = await historyOf(parts, owner, conversation ?? '');
  else {
    const thread = await threadOf(parts, owner, previous);
    const stored = thread.flatMap((record): Stored<Message>[] => {
      const answer = answerOf(record);
      // A turn that got no answer is as if it had not been.
      return answer === null ? [] : [...record.messages, answer];
    });
    history = await withMedia(parts, stored);
  }
  for (const warning of history.warnings) warn(c, warning);
  return history.messages.map((message) => ({ ...message, kept: true, ...(message.role === 'assistant' && { seen: message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('') }) }));
}

/** Outputs that `tool_choice` insists on; null where it does not. */
function chosenOutputs({ tool_choice: choice, tools, modalities }: ResponseRequest): readonly string[] | null {
  if (modalities !== null && modalities !== undefined) return null;
  const hasImages = (tools ?? []).some(({ type }) => type === 'image_generation');
  if (typeof choice === 'object' && choice?.type === 'image_generation') return ['image'];
  if (choice === 'required' && hasImages) return ['image'];
  return choice === 'none' && hasImages ? ['text'] : null;
}

/** The image tool of a request, and a warning for every other. Throws `bad_input`, `unsupported`. */
function imageTool(c: Context<AppEnv>, parts: ServerParts, { tools, tool_choice: choice }: ResponseRequest): ImageTool | null {
  const all = tools ?? [];
  const others = all.filter(({ type }) => type !== 'image_generation');
  const own = all.find(({ type }) => type === 'image_generation');
  const chosen = typeof choice === 'object' ? (choice?.type ?? null) : null;
  if ((chosen !== null && chosen !== 'image_generation' && chosen !== 'allowed_tools') || (choice === 'required' && own === undefined)) {
    throw new AnymodalError('unsupported', 'tool_choice: of tools this server has image_generation alone; leave it out.', { field: 'tool_choice' });
  }
  if (others.length > 0 && choice !== 'none') notHonoured(c, parts, 'tools', 'tools_ignored', 'this server calls no tools but image_generation; the answer is words and media');
  if (own === undefined) return null;
  const checked = imageToolSchema.safeParse(own);
  if (!checked.success) {
    const fault = inputFault(checked.error);
    throw new AnymodalError('bad_input', `tools.${all.indexOf(own)}.${fault.message}`, { field: `tools.${all.indexOf(own)}${fault.field === null ? '' : `.${fault.field}`}` });
  }
  return checked.data;
}

/** Share of the usual denoising steps. */
const effort: Readonly<Record<string, number>> = { low: 0.5, high: 1.5, hd: 1.5, xhigh: 2, max: 2 };

function toolOptions(c: Context<AppEnv>, parts: ServerParts, outputs: readonly OutputDescription[], body: ResponseRequest, tool: ImageTool | null, options: Options): { readonly resampled: Finish['resampled']; readonly size: string | null; readonly partialImages: number } {
  const output = outputs.find(({ modality }) => modality === 'image');
  const resampled = pictureSize(c, parts, outputs, { ...body, size: tool?.size ?? body.size }, options, tool?.size === undefined ? 'size' : 'tools.size');
  if (output === undefined) return { resampled: null, size: null, partialImages: 0 };
  const factor = effort[tool?.quality ?? 'auto'] ?? 1;
  const own = options[output.name] ?? {};
  options[output.name] = own;
  if (factor !== 1 && own['steps'] === undefined && optionSchema(output, 'steps') !== null) own['steps'] = Math.max(1, Math.round(defaultOf(output, 'steps', 20) * factor));
  const partialImages = tool?.partial_images ?? 0;
  if (body.stream === true || body.background === true) previewsOf(outputs, partialImages, options, 'tools.partial_images');
  if (tool?.background === 'transparent') notHonoured(c, parts, 'tools.background', 'background_ignored', 'pictures are made opaque');
  if (typeof tool?.input_fidelity === 'string') notHonoured(c, parts, 'tools.input_fidelity', 'option_ignored', 'not offered here; strength is');
  const usual = usualSize(output);
  const { width, height } = own;
  const drawn = { width: typeof width === 'number' ? width : usual.width, height: typeof height === 'number' ? height : usual.height };
  return { resampled, size: sizeText(resampled ?? drawn), partialImages };
}

function pictureFormat(outputs: readonly OutputDescription[], { format, quality }: NonNullable<Finish['pictures']>, options: Options): void {
  const output = outputs.find(({ modality }) => modality === 'image');
  if (output === undefined || !choicesOf(output, 'format').includes(format)) return;
  options[output.name] = { ...options[output.name], format, ...(quality !== null && format !== 'png' && optionSchema(output, 'quality') !== null && { quality: Math.max(1, Math.round(quality)) }) };
}

function echoOf(body: ResponseRequest, text: OutputDescription['options'] | null): Echo {
  const language: OutputDescription = { name: 'text', modality: 'text', options: text ?? {}, sources: [], references: [], negative: false };
  return {
    instructions: body.instructions ?? null,
    // Fields that a schema of OpenAI's requires of a function and clients leave out.
    tools: (body.tools ?? []).map((tool) => plain(tool.type === 'function' ? { description: null, parameters: null, strict: null, ...tool } : tool)),
    toolChoice: plain(body.tool_choice ?? 'auto'),
    temperature: body.temperature ?? defaultOf(language, 'temperature', 1),
    topP: body.top_p ?? defaultOf(language, 'topP', 1),
    maxOutputTokens: body.max_output_tokens ?? null,
    maxToolCalls: body.max_tool_calls ?? null,
    parallelToolCalls: body.parallel_tool_calls ?? true,
    truncation: body.truncation ?? 'disabled',
    metadata: body.metadata ?? {},
    safetyIdentifier: body.safety_identifier ?? null,
    promptCacheKey: body.prompt_cache_key ?? null,
  };
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

/** Fields that promise what nothing here can hold: an error where the answer would be of no use, else a warning. */
function checkPromises(c: Context<AppEnv>, parts: ServerParts, body: ResponseRequest): void {
  const format = body.text?.format?.type ?? 'text';
  if (format !== 'text') refuse('text.format', `an answer cannot be held to ${format.slice(0, 40)}; leave it out and ask for it in words.`);
  if ((body.top_logprobs ?? 0) > 0) refuse('top_logprobs', 'probabilities of tokens are not told; leave it out.');
  if ((body.include ?? []).includes('message.output_text.logprobs')) refuse('include', 'probabilities of tokens are not told; leave it out.');
  if (body.prompt !== undefined && body.prompt !== null) refuse('prompt', 'there are no stored prompts here; send instructions and input.');
  if (body.background === true && body.store === false) refuse('background', 'a response that goes on without its client has to be stored; leave store out.');
  for (const field of ['presence_penalty', 'frequency_penalty'] as const) if ((body[field] ?? 0) !== 0) notHonoured(c, parts, field, 'option_ignored', 'not offered here');
  for (const field of ['reasoning', 'context_management', 'moderation'] as const) if (body[field] !== undefined && body[field] !== null) notHonoured(c, parts, field, 'option_ignored', 'not offered here');
}

function refuse(field: string, why: string): never {
  throw new AnymodalError('unsupported', `${field}: ${why}`, { field });
}
