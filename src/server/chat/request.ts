// A chat request as a job: history with its media, outputs, options, and what cannot be honoured as warnings or errors.
// Knows the decoders by their descriptions alone.

import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, NewJob } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { restored, type Standing } from '../conversations/memory.ts';
import { historyOf, keepTurn } from '../conversations/turns.ts';
import { pick, seedOf } from '../output-options.ts';
import { notHonoured, warn } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';
import { jobRequest } from '../run-job.ts';
import { inTurns, sentMessages } from './messages.ts';
import { concerned, mediaOptions, merged, outputsOf, pictureSize, soundOptions, textOptions, type Finish } from './order.ts';
import type { ChatRequest } from './schemas.ts';

/** A chat request, read. */
export interface ChatOrder {
  readonly job: NewJob;
  readonly owner: string;
  readonly count: number;
  readonly finish: Finish;
  readonly standing: Standing;
  readonly withUsage: boolean;
  readonly fingerprint: string;
  /** Keeps the turn in its conversation, if it has one. */
  keep(record: JobRecord): Promise<void>;
}

/** Throws `bad_input`, `bad_option`, `bad_media`, `unsupported`, `unknown_model`, `unknown_output`, `not_found` with the field. */
export async function chatOrder(c: Context<AppEnv>, parts: ServerParts, body: ChatRequest): Promise<ChatOrder> {
  const caller = c.get('caller');
  const { signal } = c.req.raw;
  const { owner } = caller;
  checkPromises(c, parts, body);
  const model = parts.engines.resolve(body.model ?? null);
  const description = await parts.engines.describe(model, signal);
  const count = body.n ?? 1;
  if (count > parts.settings.limits.variants) throw new AnymodalError('bad_option', `n: got ${count}, at most ${parts.settings.limits.variants} are made here.`, { field: 'n' });

  const outputs = outputsOf(description, body.modalities);
  const made = concerned(description, outputs);
  const media = mediaOptions(c, parts, made, body);
  const resampled = pictureSize(c, parts, made, { ...body, aspect_ratio: body.image_config?.aspect_ratio }, media);
  const sound = body.audio === undefined || body.audio === null ? null : soundOptions(c, parts, made, body.audio, media);
  const text = textOptions(c, parts, description, { ...body, maxTokens: pick(body, ['max_completion_tokens', 'max_tokens']) });
  const negative = body.negative_prompt?.trim() ?? '';
  const takesNegative = made.some((output) => output.negative && output.sources.includes('prompt'));
  if (negative !== '' && !takesNegative) notHonoured(c, parts, 'negative_prompt', 'negative_ignored', 'no output of this answer takes one');

  const conversation = typeof body.conversation === 'string' ? body.conversation : (body.conversation?.id ?? null);
  // Of a kept conversation the server has the history; what clients repeat of it is not said twice.
  const isNew = (index: number): boolean => index > body.messages.findLastIndex(({ role }) => role === 'assistant') || body.messages[index]?.role === 'system' || body.messages[index]?.role === 'developer';
  const sent = await sentMessages({ parts, caller, signal }, conversation === null ? body.messages : body.messages.filter((_, index) => isNew(index)));
  const last = sent.findLast(({ role }) => role !== 'system');
  if (last !== undefined && last.role !== 'user') throw new AnymodalError('bad_input', 'messages: the last one must be the user\'s.', { field: 'messages' });
  if (last?.parts.length === 0) throw new AnymodalError('bad_input', 'messages: the last one is empty; expected words or media.', { field: 'messages' });
  const before = conversation === null ? { messages: [], warnings: [] } : await historyOf(parts, owner, conversation);
  const { messages, warnings, standing } = await restored(parts, owner, sent, hintOf(c, body));
  for (const warning of [...before.warnings, ...warnings]) warn(c, warning);

  const request = jobRequest({
    messages: inTurns([...before.messages, ...messages]),
    outputs: outputs !== null && outputs.length === 0 ? null : outputs,
    ...seedOf(c, parts, body.seed),
    count,
    options: merged({ ...media, ...(description.text !== null && { text }) }, body.options),
    negativePrompt: negative !== '' && takesNegative ? negative : null,
  });
  return {
    job: { owner, model, kind: 'chat', detached: false, conversation, request },
    owner,
    count,
    finish: { resampled, pictures: null, sound },
    standing,
    withUsage: body.stream_options?.include_usage === true,
    fingerprint: `${description.bundle}-${description.version}`,
    keep: async (record) => (conversation === null ? undefined : keepTurn(parts, owner, conversation, sent.filter(({ role }) => role !== 'system'), record)),
  };
}

/** What tells this chat from another with the same words. */
function hintOf(c: Context<AppEnv>, body: ChatRequest): string | null {
  return c.req.header('x-openwebui-chat-id') ?? body.session_id ?? body.prompt_cache_key ?? null;
}

/** Fields that promise what nothing here can hold: an error where the answer would be of no use, else a warning. */
function checkPromises(c: Context<AppEnv>, parts: ServerParts, body: ChatRequest): void {
  if (body.logprobs === true || (body.top_logprobs ?? 0) > 0) refuse(body.logprobs === true ? 'logprobs' : 'top_logprobs', 'probabilities of tokens are not told; leave it out.');
  const format = body.response_format?.type ?? 'text';
  if (format !== 'text') refuse('response_format', `an answer cannot be held to ${format.slice(0, 40)}; leave it out and ask for it in words.`);
  for (const [list, choice] of [['tools', 'tool_choice'], ['functions', 'function_call']] as const) {
    if ((body[list]?.length ?? 0) === 0) continue;
    const chosen = body[choice];
    if (chosen === 'required' || (typeof chosen === 'object' && chosen !== null)) refuse(choice, 'this server calls no tools; leave it out.');
    if (chosen !== 'none') notHonoured(c, parts, list, 'tools_ignored', 'this server calls no tools; the answer is words and media');
  }
  for (const field of ['frequency_penalty', 'presence_penalty'] as const) if ((body[field] ?? 0) !== 0) notHonoured(c, parts, field, 'option_ignored', 'not offered here; repetition_penalty is');
  if (Object.keys(body.logit_bias ?? {}).length > 0) notHonoured(c, parts, 'logit_bias', 'option_ignored', 'not offered here');
  for (const field of ['prediction', 'web_search_options', 'reasoning_effort', 'verbosity', 'moderation'] as const) if (body[field] !== undefined && body[field] !== null) notHonoured(c, parts, field, 'option_ignored', 'not offered here');
  if (typeof body.image_config?.image_size === 'string') notHonoured(c, parts, 'image_config.image_size', 'option_ignored', 'say size in pixels');
}

function refuse(field: string, why: string): never {
  throw new AnymodalError('unsupported', `${field}: ${why}`, { field });
}
