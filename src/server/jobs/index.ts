// The native job API: jobs that outlive the request that sent them, their state, their events, their end.
// Knows no modality.

import { z } from '@hono/zod-openapi';
import { documented, pageShape, readQuery } from '../documented.ts';
import { AnymodalError } from '../../errors.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { readBody, warn } from '../request-body.ts';
import { createRoutes, type Routes } from '../routes.ts';
import { acceptJob } from './accept.ts';
import { idempotencyHeader } from './idempotency.ts';
import { jobEventSchema, jobListSchema, jobSchema, newJobSchema } from './schemas.ts';
import { eventView, jobView, ownJob } from './view.ts';

const tag = 'Jobs';
const params = z.object({ id: z.string().openapi({ description: 'Id of a job.' }) });
const listQuery = z.object({
  ...pageShape,
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']).optional().openapi({ description: 'Only jobs in this state.' }),
  conversation: z.string().max(200).optional().openapi({ description: 'Only jobs of this conversation.' }),
  kind: z.string().max(40).optional().openapi({ description: 'Only jobs that this route accepted.' }),
});
const eventsQuery = z.object({ after: z.coerce.number().int().min(0).optional().openapi({ type: 'integer', minimum: 0, description: 'Id of the last event seen; `Last-Event-ID` says the same and counts first.' }) });
const location = { Location: 'Address of the job.' };

export const jobRoutes: Routes = (parts) => {
  const app = createRoutes();

  documented(app, {
    method: 'post',
    path: '/v1/jobs',
    tag,
    summary: 'Send a job',
    description: 'Any mix of words and media in, any mix out. It is kept and runs on, whoever listens: only cancelling, a deadline or an error stops it. In a multipart body the fields hold JSON, and files are named by their field: `{"type":"media","file":"photo"}`.',
    headers: idempotencyHeader,
    body: { schema: newJobSchema, form: true },
    answers: { 202: { description: 'It is accepted, checked and on disk.', schema: jobSchema, headers: location } },
    errors: [404, 409, 507],
  });
  app.post('/v1/jobs', async (c) => {
    const { value, files } = await readBody(c, newJobSchema);
    const { record, isNew, warnings } = await acceptJob(parts, c.get('caller'), { body: value, files, key: c.req.header('idempotency-key') }, c.req.raw.signal);
    for (const warning of warnings) warn(c, warning);
    if (!isNew) c.header('Idempotency-Replayed', 'true');
    c.header('Location', `/v1/jobs/${record.id}`);
    // It may run by now.
    const view = await jobView(c, parts, (await parts.queue.get(record.id)) ?? record);
    return c.json({ ...view, warnings: [...warnings, ...view.warnings] }, 202);
  });

  documented(app, { method: 'get', path: '/v1/jobs', tag, summary: 'List jobs', query: listQuery, answers: { 200: { description: 'A page of jobs.', schema: jobListSchema } } });
  app.get('/v1/jobs', async (c) => {
    const { after, limit, order, status, conversation, kind } = readQuery(c, listQuery);
    // One more than asked for tells whether there are more.
    const found = await parts.queue.list({ owner: c.get('caller').owner, kind, status, conversation }, { after, limit: limit + 1, order });
    const page = found.slice(0, limit);
    const data = await Promise.all(page.map(async (record) => jobView(c, parts, record)));
    return c.json({ object: 'list', data, firstId: page[0]?.id ?? null, lastId: page.at(-1)?.id ?? null, hasMore: found.length > limit });
  });

  documented(app, { method: 'get', path: '/v1/jobs/{id}', tag, summary: 'Look at a job', params, answers: { 200: { description: 'The job and its reply so far.', schema: jobSchema } }, errors: [404] });
  app.get('/v1/jobs/:id', async (c) => c.json(await jobView(c, parts, await ownJob(c, parts, c.req.param('id')))));

  documented(app, {
    method: 'get',
    path: '/v1/jobs/{id}/events',
    tag,
    summary: 'Follow a job',
    description: 'All events from the first on, or after the one that `Last-Event-ID` or `after` names; then those to come. The stream ends after the terminal event.',
    params,
    query: eventsQuery,
    headers: z.object({ 'Last-Event-ID': z.string().optional().openapi({ description: 'Id of the last event seen.' }) }),
    answers: { 200: { description: 'A stream of events.', events: jobEventSchema } },
    errors: [404],
  });
  app.get('/v1/jobs/:id/events', async (c) => {
    const record = await ownJob(c, parts, c.req.param('id'));
    // Nobody reads the stream of a HEAD, so nobody would end it.
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    const after = eventId(c.req.header('last-event-id')) ?? readQuery(c, eventsQuery).after ?? 0;
    return eventStream(c, async function* follow(signal): AsyncGenerator<StreamEvent> {
      for await (const event of parts.queue.events(record.id, after, signal)) yield { id: String(event.id), data: await eventView(c, parts, record.owner, event) };
    });
  });

  documented(app, { method: 'post', path: '/v1/jobs/{id}/cancel', tag, summary: 'Cancel a job', description: 'Ends a job that is queued or running; one that has ended stays as it is.', params, answers: { 200: { description: 'The job, ended.', schema: jobSchema } }, errors: [404] });
  app.post('/v1/jobs/:id/cancel', async (c) => {
    const { id } = await ownJob(c, parts, c.req.param('id'));
    await parts.queue.cancel(id, 'cancelled by the caller');
    return c.json(await jobView(c, parts, await ownJob(c, parts, id)));
  });

  documented(app, { method: 'delete', path: '/v1/jobs/{id}', tag, summary: 'Delete a job', description: 'Cancels it if need be, and removes its record, its events and the media that it made.', params, answers: { 200: { description: 'It is gone.', schema: z.object({ object: z.literal('job.deleted'), id: z.string(), deleted: z.literal(true) }) } }, errors: [404] });
  app.delete('/v1/jobs/:id', async (c) => {
    const { id } = await ownJob(c, parts, c.req.param('id'));
    await parts.queue.remove(id);
    return c.json({ object: 'job.deleted', id, deleted: true });
  });
  return app;
};

/** The id of an event in a header; null without one. Throws `bad_input` for what is none. */
function eventId(header: string | undefined): number | null {
  if (header === undefined || header === '') return null;
  if (!/^\d{1,15}$/.test(header)) throw new AnymodalError('bad_input', 'Last-Event-ID: expected the id of an event, a number.', { field: 'Last-Event-ID' });
  return Number(header);
}
