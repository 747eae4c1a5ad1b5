// OpenAI's chat completions with media in every part type and media in the answer, at once or as a stream.
// The job lives as long as its client. Knows no decoder.

import type { Context } from 'hono';
import type { LoggedEvent } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { rememberAnswer } from '../conversations/memory.ts';
import { documented } from '../documented.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { readBody, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { messageOfReply, newId, replyOf, startAttached, throwFailure } from '../run-job.ts';
import { MessageParts, usageOf, type AnswerPart } from './completion.ts';
import { addressOf, sendable } from './made-media.ts';
import { replySteps } from './reply-steps.ts';
import { chatOrder, type ChatOrder } from './request.ts';
import { chatRequestSchema, chunkSchema, completionSchema } from './schemas.ts';
import { completionOf, keepCompletion, storedCompletionRoutes, type KeptCompletion } from './stored.ts';

export const chatRoutes: Routes = (parts) => {
  const app = createRoutes();
  documented(app, {
    method: 'post',
    path: '/v1/chat/completions',
    tag: 'Chat',
    summary: 'Answer a chat',
    description: 'With media in parts of every type, and media in the answer: `images`, `audio`, `videos`, and the order of all parts in `content_parts`. Media that a client drops from its history are remembered here.',
    body: { schema: chatRequestSchema },
    answers: { 200: { description: 'The answer; with stream, chunks of it.', schema: completionSchema, events: chunkSchema } },
    errors: [404, 409, 504, 507],
  });
  app.post('/v1/chat/completions', async (c) => {
    const { value, unknown } = await readBody(c, chatRequestSchema);
    warnOfUnknown(c, unknown);
    const order = await chatOrder(c, parts, value);
    const id = newId('chatcmpl');
    const isStored = value.store === true;
    const { record, events } = await startAttached(parts, { ...order.job, view: isStored ? { completion: id } : null }, c.req.raw.signal);
    await order.keep(record);
    c.header('x-anymodal-job', record.id);
    const kept: KeptCompletion = { id, owner: record.owner, job: record.id, created: Math.floor(record.createdAt / 1000), model: record.model, count: order.count, finish: order.finish, fingerprint: order.fingerprint, metadata: value.metadata ?? null };
    if (isStored) await keepCompletion(parts, kept);
    if (value.stream === true) return eventStream(c, (signal) => chunks(c, parts, order, kept, events, signal));
    return c.json(await whole(c, parts, order, kept, events));
  });
  storedCompletionRoutes(app, parts);
  return app;
};

/** Answers a chat at once: the whole of it when its job has ended. Throws the job's error. */
async function whole(c: Context<AppEnv>, parts: ServerParts, order: ChatOrder, kept: KeptCompletion, events: AsyncGenerator<LoggedEvent>): Promise<object> {
  const log: LoggedEvent[] = [];
  for await (const event of events) log.push(event);
  throwFailure(log.at(-1) ?? null);
  const made = await completionOf(c, parts, kept, log);
  // The first is remembered last, for it is the one that most clients show.
  for (const { variant, content } of made.seen.toReversed()) await rememberAnswer(parts, order.owner, order.standing, content, messageOfReply(replyOf(log), variant));
  const warnings = [...c.get('warnings'), ...made.warnings];
  for (const warning of made.warnings) c.get('warnings').push(warning);
  return { ...made.body, warnings };
}

async function* chunks(c: Context<AppEnv>, parts: ServerParts, order: ChatOrder, kept: KeptCompletion, events: AsyncGenerator<LoggedEvent>, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const { id, created, model } = kept;
  const log: LoggedEvent[] = [];
  const variants = Array.from({ length: order.count }, () => ({ parts: new MessageParts((media) => addressOf(c, parts, order.owner, media), created), content: '' }));
  const head = { id, object: 'chat.completion.chunk', created, model, service_tier: 'default', system_fingerprint: order.fingerprint };
  const usage = order.withUsage ? { usage: null } : {};
  const chunk = (index: number, delta: object, reason: string | null = null, more: object = {}): StreamEvent => ({ data: { ...head, choices: [{ index, delta, logprobs: null, finish_reason: reason }], ...usage, ...more } });
  for (const index of variants.keys()) yield chunk(index, { role: 'assistant', content: '', refusal: null });
  for await (const step of replySteps(leaving(events, signal), (event) => log.push(event))) {
    const variant = variants[step.variant];
    if (variant === undefined) continue;
    if (step.type === 'text') {
      variant.content += variant.parts.contentOf(step);
      yield chunk(step.variant, { content: step.text });
    } else if (step.type === 'media-end') {
      const media = await sendable(parts, order.owner, step, order.finish, signal);
      const part: AnswerPart = { type: 'media', media };
      const content = variant.parts.contentOf(part);
      variant.content += content;
      // Some clients read pictures of a delta only where it has content too.
      yield chunk(step.variant, { role: 'assistant', content, ...variant.parts.fieldsOf(media), content_parts: [{ ...variant.parts.placeOf(part), part: step.part }] });
    } else if (step.type === 'variant-end') {
      await rememberAnswer(parts, order.owner, order.standing, variant.content, messageOfReply(replyOf(log), step.variant));
      yield chunk(step.variant, {}, step.cut ? 'length' : 'stop');
    }
  }
  const reply = replyOf(log);
  for (const index of variants.keys()) if (!reply.items.some(({ variant }) => variant === index)) yield chunk(index, {}, 'stop');
  const told = { seed: reply.start?.seed ?? null, job: kept.job, warnings: [...c.get('warnings'), ...reply.warnings] };
  if (order.withUsage) yield { data: { ...head, choices: [], usage: usageOf(reply.usage), ...told } };
  yield { data: '[DONE]' };
}

/** Events until the client is gone; then the job is cancelled by leaving it. */
async function* leaving(events: AsyncGenerator<LoggedEvent>, signal: AbortSignal): AsyncGenerator<LoggedEvent> {
  for await (const event of events) {
    if (signal.aborted) return;
    yield event;
  }
}

