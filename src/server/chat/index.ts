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
import { messageOfReply, newId, replyOf, startAttached } from '../run-job.ts';
import { messageOf, MessageParts, usageOf, type AnswerPart } from './completion.ts';
import { addressOf, sendable } from './made-media.ts';
import { replySteps } from './reply-steps.ts';
import { chatOrder, type ChatOrder } from './request.ts';
import { chatRequestSchema, chunkSchema, completionSchema } from './schemas.ts';

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
    const { record, events } = await startAttached(parts, order.job, c.req.raw.signal);
    await order.keep(record);
    c.header('x-anymodal-job', record.id);
    const answer: Answer = { id: newId('chatcmpl'), created: Math.floor(record.createdAt / 1000), model: record.model, job: record.id };
    if (value.stream === true) return eventStream(c, (signal) => chunks(c, parts, order, answer, events, signal));
    return c.json(await completion(c, parts, order, answer, events));
  });
  return app;
};

interface Answer {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly job: string;
}

async function completion(c: Context<AppEnv>, parts: ServerParts, order: ChatOrder, answer: Answer, events: AsyncGenerator<LoggedEvent>): Promise<object> {
  const cut = new Set<number>();
  const log: LoggedEvent[] = [];
  // The steps tell which variant was cut; the reply is that of the whole log.
  for await (const step of replySteps(events, (event) => log.push(event))) if (step.type === 'variant-end' && step.cut) cut.add(step.variant);
  const reply = replyOf(log);
  const { signal } = c.req.raw;
  const choices: object[] = [];
  // The first is remembered last, for it is the one that most clients show.
  for (let index = order.count - 1; index >= 0; index -= 1) {
    const answerParts: AnswerPart[] = [];
    for (const item of reply.items.filter(({ variant }) => variant === index)) {
      answerParts.push(item.type === 'text' ? { type: 'text', text: item.text } : { type: 'media', media: await sendable(parts, order.owner, item, order.finish, signal) });
    }
    const { message, content } = messageOf(answerParts, new MessageParts((media) => addressOf(c, parts, order.owner, media), answer.created));
    await rememberAnswer(parts, order.owner, order.standing, content, messageOfReply(reply, index));
    choices.unshift({ index, message, logprobs: null, finish_reason: cut.has(index) ? 'length' : 'stop' });
  }
  const warnings = [...c.get('warnings'), ...reply.warnings];
  for (const warning of reply.warnings) c.get('warnings').push(warning);
  return { id: answer.id, object: 'chat.completion', created: answer.created, model: answer.model, choices, usage: usageOf(reply.usage), service_tier: 'default', system_fingerprint: order.fingerprint, seed: reply.start?.seed ?? null, job: answer.job, warnings };
}

async function* chunks(c: Context<AppEnv>, parts: ServerParts, order: ChatOrder, answer: Answer, events: AsyncGenerator<LoggedEvent>, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const { id, created, model } = answer;
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
  const told = { seed: reply.start?.seed ?? null, job: answer.job, warnings: [...c.get('warnings'), ...reply.warnings] };
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

