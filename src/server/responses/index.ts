// OpenAI's responses: created at once, as a stream or to go on without their client; read, followed, cancelled, deleted.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { LoggedEvent } from '../../queue/contracts.ts';
import { addressOf } from '../chat/made-media.ts';
import type { ServerParts } from '../contracts.ts';
import { rememberAnswer, type Standing } from '../conversations/memory.ts';
import { keepTurn } from '../conversations/turns.ts';
import { documented, readQuery } from '../documented.ts';
import { asAnymodalError } from '../errors.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { readBody, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { startAttached, throwFailure } from '../run-job.ts';
import { outputOf, ResponseStream } from './events.ts';
import { answerOf, findResponse, forgetResponse, keepOutcome, keepResponse, outcomeOf, settleWhenEnded, type ResponseRecord } from './records.ts';
import { responseOrder } from './request.ts';
import { responseEventSchema, responseRequestSchema, responseSchema } from './schemas.ts';
import { inputView, responseView, type Status } from './view.ts';

const tag = 'Responses';
const params = z.object({ id: z.string().openapi({ description: 'Id of a response.' }) });
const flag = z.enum(['true', 'false', '1', '0']).optional();
const readingQuery = z.object({
  stream: flag.openapi({ description: 'Whether to follow it as a stream.' }),
  starting_after: z.coerce.number().int().min(0).optional().openapi({ type: 'integer', minimum: 0, description: 'Number of the last event seen.' }),
});
const listQuery = z.object({
  after: z.string().max(200).optional().openapi({ description: 'Id of the last item of the page before.' }),
  limit: z.coerce.number().int().min(1).max(100).default(20).openapi({ type: 'integer', minimum: 1, maximum: 100, default: 20 }),
  order: z.enum(['asc', 'desc']).default('desc'),
});
const inputItemsSchema = z.object({ object: z.literal('list'), data: z.array(z.looseObject({ type: z.string(), id: z.string() })), first_id: z.string(), last_id: z.string(), has_more: z.boolean() }).openapi('ResponseInputItems');

export const responseRoutes: Routes = (parts) => {
  const app = createRoutes();
  const own = async (c: Context<AppEnv>): Promise<ResponseRecord> => {
    const found = await findResponse(parts, c.get('caller').owner, c.req.param('id') ?? '');
    if (found === null) throw new AnymodalError('not_found', 'there is no such response of yours; it was not stored, or it was deleted.');
    return found;
  };

  documented(app, {
    method: 'post',
    path: '/v1/responses',
    tag,
    summary: 'Create a response',
    description: 'Words and media in, words and media out as items in their order. Media are made with no tool listed.',
    body: { schema: responseRequestSchema },
    answers: { 200: { description: 'The response; with stream, its events.', schema: responseSchema, events: responseEventSchema } },
    errors: [404, 409, 504, 507],
  });
  app.post('/v1/responses', async (c) => {
    const { value, unknown } = await readBody(c, responseRequestSchema);
    warnOfUnknown(c, unknown);
    const { job, record: begun, standing, asked } = await responseOrder(c, parts, value);
    const { signal } = c.req.raw;
    // A response that goes on has its job to itself; another is cancelled with its client.
    const attached = job.detached ? null : await startAttached(parts, job, signal);
    const accepted = attached?.record ?? (await parts.queue.submit(job, signal));
    const record: ResponseRecord = { ...begun, job: accepted.id, createdAt: accepted.createdAt };
    if (record.store) await keepResponse(parts, record);
    if (record.conversation !== null) await keepTurn(parts, record.owner, record.conversation, asked, accepted, { response: record.id });
    c.header('x-anymodal-job', record.job);
    if (attached === null) {
      void remembering(parts, record, standing).catch((error: unknown) => parts.logger.debug({ err: error, job: record.job }, 'what came of a response is found when it is read'));
      if (value.stream === true) return stream(c, parts, record, -1, (abort) => parts.queue.events(record.job, 0, abort));
      return c.json(await view(c, parts, record));
    }
    if (value.stream === true) return stream(c, parts, record, -1, () => attached.events, standing);
    return c.json(await answer(c, parts, record, attached.events, standing));
  });

  documented(app, { method: 'get', path: '/v1/responses/{id}', tag, summary: 'Read a response', params, query: readingQuery, answers: { 200: { description: 'The response; with stream, its events from the first or after one.', schema: responseSchema, events: responseEventSchema } }, errors: [404] });
  app.get('/v1/responses/:id', async (c) => {
    const record = await own(c);
    const { stream: follow, starting_after: after = -1 } = readQuery(c, readingQuery);
    if (follow !== 'true' && follow !== '1') return c.json(await view(c, parts, record));
    if ((await parts.queue.get(record.job)) === null) throw new AnymodalError('not_found', 'stream: the events of this response are gone; read it without stream.', { field: 'stream' });
    return stream(c, parts, { ...record, outcome: null }, after, (abort) => parts.queue.events(record.job, 0, abort));
  });

  documented(app, { method: 'post', path: '/v1/responses/{id}/cancel', tag, summary: 'Cancel a response', params, answers: { 200: { description: 'The response, which has ended.', schema: responseSchema } }, errors: [404] });
  app.post('/v1/responses/:id/cancel', async (c) => {
    const record = await own(c);
    if (record.outcome === null) await parts.queue.cancel(record.job, 'the response was cancelled');
    return c.json(await view(c, parts, (await findResponse(parts, record.owner, record.id)) ?? record));
  });

  documented(app, {
    method: 'delete',
    path: '/v1/responses/{id}',
    tag,
    summary: 'Delete a response',
    description: 'It ends if it has not; media that it made stay in the library until they are deleted there.',
    params,
    answers: { 200: { description: 'It is gone.', schema: z.object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) }) } },
    errors: [404],
  });
  app.delete('/v1/responses/:id', async (c) => {
    const record = await own(c);
    if (record.outcome === null) await parts.queue.cancel(record.job, 'the response was deleted');
    await forgetResponse(parts, record.owner, record.id);
    return c.json({ id: record.id, object: 'response', deleted: true });
  });

  documented(app, { method: 'get', path: '/v1/responses/{id}/input_items', tag, summary: 'List the input of a response', params, query: listQuery, answers: { 200: { description: 'A page of items.', schema: inputItemsSchema } }, errors: [404] });
  app.get('/v1/responses/:id/input_items', async (c) => {
    const record = await own(c);
    const { after, limit, order } = readQuery(c, listQuery);
    const items = order === 'asc' ? record.input : [...record.input].toReversed();
    const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
    const page = items.slice(start, start + limit);
    const data = page.map((item) => inputView(item, (media) => addressOf(c, parts, record.owner, media)));
    return c.json({ object: 'list', data, first_id: page[0]?.id ?? '', last_id: page.at(-1)?.id ?? '', has_more: start + limit < items.length });
  });
  return app;
};

/** The answer of a job that is followed to its end. Throws the job's error. */
async function answer(c: Context<AppEnv>, parts: ServerParts, record: ResponseRecord, events: AsyncGenerator<LoggedEvent>, standing: Standing): Promise<object> {
  const log: LoggedEvent[] = [];
  for await (const event of events) log.push(event);
  const outcome = await outcomeOf(log);
  const whole = { ...record, outcome };
  await keepWhole(parts, whole, standing);
  for (const warning of outcome.warnings) c.get('warnings').push(warning);
  throwFailure(log.at(-1) ?? null);
  return responseView(whole, { status: outcome.status, output: await outputOf(c, parts, whole, c.req.raw.signal) });
}

function stream(c: Context<AppEnv>, parts: ServerParts, record: ResponseRecord, after: number, open: (signal: AbortSignal) => AsyncIterable<LoggedEvent>, standing: Standing | null = null): Response {
  return eventStream(c, async function* follow(signal): AsyncGenerator<StreamEvent> {
    const told = new ResponseStream(c, parts, record, after, signal);
    try {
      for await (const event of open(signal)) {
        if (signal.aborted) return;
        for await (const next of told.add(event)) {
          // What came of it is kept before its client hears that it is over.
          if (told.outcome !== null && standing !== null) await keepWhole(parts, { ...record, outcome: told.outcome }, standing);
          yield next;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const { code, message, field } = asAnymodalError(error);
      yield { event: 'error', data: { type: 'error', sequence_number: told.next, code, message, param: field } };
    }
    yield { data: '[DONE]' };
  });
}

async function keepWhole(parts: ServerParts, record: ResponseRecord, standing: Standing): Promise<void> {
  if (record.store) await keepOutcome(parts, record);
  const message = answerOf(record);
  if (message !== null && record.outcome?.status !== 'failed') await rememberAnswer(parts, record.owner, standing, seenOf(record), message);
}

/** Keeps what comes of a response that goes on without its client. */
async function remembering(parts: ServerParts, record: ResponseRecord, standing: Standing): Promise<void> {
  await settleWhenEnded(parts, record);
  const whole = await findResponse(parts, record.owner, record.id);
  const message = whole === null ? null : answerOf(whole);
  if (whole !== null && message !== null) await rememberAnswer(parts, record.owner, standing, seenOf(whole), message);
}

function seenOf({ outcome }: ResponseRecord): string {
  return (outcome?.items ?? []).flatMap((item) => (item.type === 'text' ? [item.text] : [])).join('');
}

/** A response as it stands. */
async function view(c: Context<AppEnv>, parts: ServerParts, record: ResponseRecord): Promise<object> {
  const job = record.outcome === null ? await parts.queue.get(record.job) : null;
  const status: Status = record.outcome?.status ?? (job?.status === 'queued' ? 'queued' : 'in_progress');
  return responseView(record, { status, output: await outputOf(c, parts, record, c.req.raw.signal) });
}
