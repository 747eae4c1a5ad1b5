// OpenAI's video routes: videos are made in the background, looked at, read, changed and deleted.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, NewJob } from '../../queue/contracts.ts';
import { documented, pageShape, readQuery } from '../documented.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import { idempotencyHeader, idempotencyOf } from '../jobs/idempotency.ts';
import { contentResponse, redirectSecondsOf } from '../media/content.ts';
import { readBody, warnOfUnknown, type ReadBody } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { videoOrder } from './order.ts';
import { createSchema, editSchema, remixSchema, videoListSchema, videoSchema, type VideoReference } from './schemas.ts';
import { madeVideo, ownVideo, videoView } from './view.ts';

const tag = 'Videos';
const params = z.object({ id: z.string().openapi({ description: 'Id of a video.' }) });
const listQuery = z.object({ ...pageShape });
const contentQuery = z.object({ variant: z.enum(['video', 'thumbnail', 'spritesheet']).default('video').openapi({ description: 'The video, or its first frame; spritesheet is refused.' }) });
const created = { 200: { description: 'It is accepted and waits for its turn.', schema: videoSchema, headers: { 'x-anymodal-job': 'The job behind it.' } } };
const errors = [404, 409, 507];

export const videoRoutes: Routes = (parts) => {
  const app = createRoutes();
  const submit = async (c: Context<AppEnv>, job: NewJob, { value, files }: ReadBody<object>): Promise<Response> => {
    const idempotency = await idempotencyOf(c.req.header('idempotency-key'), value, files);
    const record = await parts.queue.submit({ ...job, ...(idempotency !== null && { idempotency }) }, c.req.raw.signal);
    if (record.id !== job.request.id) c.header('Idempotency-Replayed', 'true');
    c.header('x-anymodal-job', record.id);
    return c.json(await videoView(parts, (await parts.queue.get(record.id)) ?? record));
  };
  const readOf = async (c: Context<AppEnv>, input: MediaInput, field: string, as?: string): Promise<Media> => mediaFromInput(parts, c.get('caller'), input, field, c.req.raw.signal, as);

  documented(app, { method: 'post', path: '/v1/videos', tag, summary: 'Make a video', headers: idempotencyHeader, description: 'It is made in the background: look at it until it is completed, then read its content.', body: { schema: createSchema, form: true }, answers: created, errors });
  app.post('/v1/videos', async (c) => {
    const body = await readBody(c, createSchema);
    warnOfUnknown(c, body.unknown);
    const { input_reference: reference = null } = body.value;
    const shown = reference === null ? null : { media: await readOf(c, inputOf(reference), 'input_reference'), field: 'input_reference' };
    return submit(c, await videoOrder(c, parts, body.value, shown), body);
  });

  documented(app, { method: 'post', path: '/v1/videos/edits', tag, summary: 'Change a video by words', headers: idempotencyHeader, body: { schema: editSchema, form: true }, answers: created, errors });
  app.post('/v1/videos/edits', async (c) => {
    const body = await readBody(c, editSchema);
    warnOfUnknown(c, body.unknown);
    const { video } = body.value;
    if (video instanceof File) return submit(c, await videoOrder(c, parts, body.value, { media: await readOf(c, { file: video }, 'video', 'video'), field: 'video' }), body);
    if (typeof video === 'string' && !video.startsWith('video_')) return submit(c, await videoOrder(c, parts, body.value, { media: await readOf(c, inputOf(video), 'video', 'video'), field: 'video' }), body);
    const from = await ownVideo(c, parts, typeof video === 'string' ? video : video.id);
    return submit(c, await videoOrder(c, parts, body.value, { media: await parts.media.read(await madeVideo(parts, from)), field: 'video' }, { id: from.id, request: null }), body);
  });

  documented(app, { method: 'post', path: '/v1/videos/extensions', tag, summary: 'Make a video longer', description: 'Not supported.', body: { schema: z.looseObject({}), form: true, optional: true }, answers: {}, errors: [] });
  app.post('/v1/videos/extensions', () => {
    throw new AnymodalError('unsupported', 'videos are not made longer here; ask for more seconds, or send the last frame as input_reference.');
  });

  documented(app, { method: 'get', path: '/v1/videos', tag, summary: 'List videos', query: listQuery, answers: { 200: { description: 'A page of videos.', schema: videoListSchema } }, errors: [404] });
  app.get('/v1/videos', async (c) => {
    const { after, limit, order } = readQuery(c, listQuery);
    const found = await parts.queue.list({ owner: c.get('caller').owner, kind: 'video' }, { after, limit: limit + 1, order });
    const page = found.slice(0, limit);
    const data = await Promise.all(page.map(async (record) => videoView(parts, record)));
    return c.json({ object: 'list', data, first_id: page[0]?.id ?? null, last_id: page.at(-1)?.id ?? null, has_more: found.length > limit });
  });

  documented(app, { method: 'get', path: '/v1/videos/{id}', tag, summary: 'Look at a video', params, answers: { 200: { description: 'How far it is.', schema: videoSchema } }, errors: [404] });
  app.get('/v1/videos/:id', async (c) => c.json(await videoView(parts, await ownVideo(c, parts, c.req.param('id')))));

  documented(app, {
    method: 'get',
    path: '/v1/videos/{id}/content',
    tag,
    summary: 'Read a video',
    description: 'One range of bytes at a time.',
    params,
    query: contentQuery,
    answers: { 200: { description: 'The bytes.', bytes: ['video/mp4', 'video/webm', 'image/gif', 'image/webp'] }, 206: { description: 'The range that was asked for.', bytes: ['video/mp4'] }, 304: { description: 'The client has it already.' }, 307: { description: 'It is read from the store where it lies.' } },
    errors: [404, 409, 416],
  });
  app.get('/v1/videos/:id/content', async (c) => {
    const { variant } = readQuery(c, contentQuery);
    const record = await ownVideo(c, parts, c.req.param('id'));
    if (variant === 'spritesheet') throw new AnymodalError('unsupported', 'variant: there is video and thumbnail.', { field: 'variant' });
    const stored = await madeVideo(parts, record);
    const kept = await parts.media.find(record.owner, stored.id);
    if (kept === null) throw new AnymodalError('not_found', 'the bytes of this video were deleted.');
    if (variant === 'video') return contentResponse(c, parts.media, kept, { redirectSeconds: redirectSecondsOf(parts.settings), download: false, name: record.id });
    const first = await parts.tools.thumbnail(await parts.media.read(kept), c.req.raw.signal);
    const { bytes, mediaType } = await parts.tools.picture(first, { format: 'webp' }, c.req.raw.signal);
    return c.body(new Uint8Array(bytes), 200, { 'Content-Type': mediaType, 'Cache-Control': 'private, max-age=3600' });
  });

  documented(app, { method: 'post', path: '/v1/videos/{id}/remix', tag, headers: idempotencyHeader, summary: 'Make a finished video again, differently', description: 'From its frames, with its seed and settings where the body says nothing else.', params, body: { schema: remixSchema, form: true }, answers: created, errors });
  app.post('/v1/videos/:id/remix', async (c) => {
    const body = await readBody(c, remixSchema);
    warnOfUnknown(c, body.unknown);
    const from = await ownVideo(c, parts, c.req.param('id'));
    const media = await parts.media.read(await madeVideo(parts, from));
    return submit(c, await videoOrder(c, parts, { ...body.value, model: body.value.model ?? from.model }, { media, field: 'id' }, from), body);
  });

  const cancel = async (c: Context<AppEnv>): Promise<JobRecord> => {
    const record = await ownVideo(c, parts, c.req.param('id') ?? '');
    await parts.queue.cancel(record.id, 'cancelled by the caller');
    return ownVideo(c, parts, record.id);
  };
  documented(app, { method: 'post', path: '/v1/videos/{id}/cancel', tag, summary: 'Cancel a video', params, answers: { 200: { description: 'The video, as it ended.', schema: videoSchema } }, errors: [404] });
  app.post('/v1/videos/:id/cancel', async (c) => c.json(await videoView(parts, await cancel(c))));

  documented(app, { method: 'delete', path: '/v1/videos/{id}', tag, summary: 'Delete a video', description: 'Cancels it if need be, and removes it.', params, answers: { 200: { description: 'It is gone.', schema: z.object({ id: z.string(), object: z.literal('video.deleted'), deleted: z.literal(true) }) } }, errors: [404] });
  app.delete('/v1/videos/:id', async (c) => {
    const { id } = await ownVideo(c, parts, c.req.param('id'));
    await parts.queue.remove(id);
    return c.json({ id, object: 'video.deleted', deleted: true });
  });
  return app;
};

function inputOf(reference: VideoReference): MediaInput {
  if (reference instanceof File) return { file: reference };
  if (typeof reference === 'string') {
    if (/^(data|https?):/i.test(reference)) return { url: reference };
    return /^[0-9a-f]{64}$/.test(reference) ? { id: reference } : { base64: reference };
  }
  if ('file_id' in reference && typeof reference.file_id === 'string') return { id: reference.file_id };
  const address: unknown = 'image_url' in reference ? reference.image_url : undefined;
  const url: unknown = typeof address === 'object' && address !== null ? Reflect.get(address, 'url') : address;
  if (typeof url !== 'string') throw new AnymodalError('bad_input', 'input_reference: expected a file, a data: URL, base64, an address or an id.', { field: 'input_reference' });
  return { url };
}
