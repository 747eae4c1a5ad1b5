// Media that callers keep here: upload, list, search, look at, read, delete.
// Knows no modality and no codec.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { MediaRecord } from '../../queue/contracts.ts';
import { documented, pageShape, readQuery, warningsSchema } from '../documented.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import { fileSchema, readBody, warn } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { contentResponse, redirectSecondsOf } from './content.ts';
import { searchMedia } from './search.ts';
import { mediaSchema, recordView } from './view.ts';

const tag = 'Media';
const params = z.object({ id: z.string().openapi({ description: 'Id of a medium: SHA-256 of its bytes, in hex.' }) });
const listSchema = z.object({ object: z.literal('list'), data: z.array(mediaSchema), firstId: z.string().nullable(), lastId: z.string().nullable(), hasMore: z.boolean() }).openapi('MediaList');
const foundSchema = z
  .object({ object: z.literal('list'), data: z.array(mediaSchema.extend({ similarity: z.number().openapi({ description: 'Cosine in the joint space, from -1 to 1.' }) })), hasMore: z.literal(false), warnings: warningsSchema })
  .openapi('MediaFound');

const uploadSchema = z
  .strictObject({
    file: fileSchema.optional().openapi({ type: 'string', format: 'binary', description: 'In a multipart body: the file.' }),
    url: z.string().optional().openapi({ description: 'data:, or http(s) where the server allows it.' }),
    data: z.string().optional().openapi({ description: 'The bytes: a data: URL, or base64.' }),
    title: z.string().max(1000).optional().openapi({ description: 'What its owner calls it; found by search.' }),
    modality: z.string().max(40).optional().openapi({ description: 'Insists on a modality, as for an animated picture that is to be a picture.' }),
  })
  .openapi('Upload');
const uploadQuery = z.object({ name: z.string().max(255).optional().openapi({ description: 'File name of a raw body.' }), title: z.string().max(1000).optional(), modality: z.string().max(40).optional() });
const listQuery = z.object({
  ...pageShape,
  modality: z.string().max(40).optional().openapi({ description: 'Only media of this modality.' }),
  text: z.string().max(1000).optional().openapi({ description: 'Only media whose title has these words.' }),
  job: z.string().max(200).optional().openapi({ description: 'Only media of this job.' }),
  origin: z.enum(['upload', 'input', 'made']).optional().openapi({ description: 'Only media that came here in this way.' }),
});
const limit = z.coerce.number().int().min(1).max(100).default(20).openapi({ type: 'integer', minimum: 1, maximum: 100, default: 20 });
const searchQuery = z.object({ text: z.string().min(1).max(1000).openapi({ description: 'Words to look for.' }), limit, modality: z.string().max(40).optional() });
const searchSchema = z
  .strictObject({
    text: z.string().min(1).max(4000).optional().openapi({ description: 'Words to look for; or' }),
    id: z.string().optional().openapi({ description: 'a medium that is kept here; or' }),
    url: z.string().optional().openapi({ description: 'an address; or' }),
    data: z.string().optional().openapi({ description: 'bytes as a data: URL or base64; or' }),
    file: fileSchema.optional().openapi({ type: 'string', format: 'binary', description: 'a file in a multipart body.' }),
    limit,
    modality: z.string().max(40).optional().openapi({ description: 'Only media of this modality.' }),
  })
  .openapi('MediaSearch');
const contentQuery = z.object({ download: z.string().max(255).optional().openapi({ description: 'Present: to be saved, under this name if it says one.' }) });

export const mediaRoutes: Routes = (parts) => {
  const app = createRoutes();
  const ownMedia = async (c: Context<AppEnv>, id: string): Promise<MediaRecord> => {
    const record = /^[0-9a-f]{64}$/.test(id) ? await parts.media.find(c.get('caller').owner, id) : null;
    if (record === null) throw new AnymodalError('not_found', 'there is no such medium of yours; it was never there, or it was deleted.');
    return record;
  };

  documented(app, {
    method: 'post',
    path: '/v1/media',
    tag,
    summary: 'Keep a medium',
    description: 'A multipart body with `file`, JSON with `url` or `data`, or the bytes themselves under any other content-type. What it is, its bytes tell. The same bytes are one medium.',
    query: uploadQuery,
    body: { schema: uploadSchema, form: true, bytes: true },
    answers: { 201: { description: 'It is kept.', schema: mediaSchema } },
    errors: [404, 507],
  });
  app.post('/v1/media', async (c) => {
    const { name, ...query } = readQuery(c, uploadQuery);
    const type = c.req.header('content-type')?.toLowerCase() ?? '';
    const isStructured = type.startsWith('multipart/') || type.startsWith('application/json') || type.startsWith('application/x-www-form-urlencoded');
    const body = isStructured ? (await readBody(c, uploadSchema)).value : { file: new File([new Uint8Array(await c.req.arrayBuffer())], name ?? '') };
    const { title = null, modality, ...reference } = { ...query, ...body };
    const media = await mediaFromInput(parts, c.get('caller'), oneInput(reference), 'file', c.req.raw.signal, modality);
    return c.json(recordView(c, parts, await parts.media.put(media, { owner: c.get('caller').owner, origin: 'upload', job: null, title })), 201);
  });

  documented(app, { method: 'get', path: '/v1/media', tag, summary: 'List media', query: listQuery, answers: { 200: { description: 'A page of media, previews left out.', schema: listSchema } } });
  app.get('/v1/media', async (c) => {
    const { after, limit: most, order, modality, text, job, origin } = readQuery(c, listQuery);
    const origins = origin === undefined ? (['upload', 'input', 'made'] as const) : [origin];
    const found = await parts.media.list({ owner: c.get('caller').owner, modality, text, job, origins }, { after, limit: most + 1, order });
    const page = found.slice(0, most);
    return c.json({ object: 'list', data: page.map((record) => recordView(c, parts, record)), firstId: page[0]?.id ?? null, lastId: page.at(-1)?.id ?? null, hasMore: found.length > most });
  });

  const search = async (c: Context<AppEnv>, like: Part, most: number, modality: string | undefined): Promise<Response> => {
    const { found, warnings } = await searchMedia(parts, c.get('caller').owner, like, { limit: most, modality }, c.req.raw.signal);
    for (const warning of warnings) warn(c, warning);
    return c.json({ object: 'list', data: found.map(({ media, similarity }) => ({ ...recordView(c, parts, media), similarity })), hasMore: false, warnings });
  };
  documented(app, { method: 'get', path: '/v1/media/search', tag, summary: 'Search media by words', description: 'By what media show and sound like, best first: words and media have places in one space.', query: searchQuery, answers: { 200: { description: 'Media, the nearest first.', schema: foundSchema } } });
  app.get('/v1/media/search', async (c) => {
    const { text, limit: most, modality } = readQuery(c, searchQuery);
    return search(c, { type: 'text', text }, most, modality);
  });
  documented(app, { method: 'post', path: '/v1/media/search', tag, summary: 'Search media by words or by a medium', body: { schema: searchSchema, form: true }, answers: { 200: { description: 'Media, the nearest first.', schema: foundSchema } }, errors: [404] });
  app.post('/v1/media/search', async (c) => {
    const { text, limit: most, modality, ...reference } = (await readBody(c, searchSchema)).value;
    if (text !== undefined && Object.values(reference).every((value) => value === undefined)) return search(c, { type: 'text', text }, most, modality);
    if (text !== undefined) throw new AnymodalError('bad_input', 'text: search by words or by a medium, not both.', { field: 'text' });
    const media = await mediaFromInput(parts, c.get('caller'), oneInput(reference), 'id', c.req.raw.signal);
    return search(c, { type: 'media', media }, most, modality);
  });

  documented(app, { method: 'get', path: '/v1/media/{id}', tag, summary: 'Look at a medium', params, answers: { 200: { description: 'What it is, and a signed address of its bytes.', schema: mediaSchema } }, errors: [404] });
  app.get('/v1/media/:id', async (c) => c.json(recordView(c, parts, await ownMedia(c, c.req.param('id')))));

  documented(app, {
    method: 'get',
    path: '/v1/media/{id}/content',
    tag,
    summary: 'Read the bytes of a medium',
    description: 'By its owner, or by whoever has the signed address until it expires. One range of bytes at a time; `HEAD` tells the size alone.',
    params,
    query: contentQuery,
    answers: { 200: { description: 'All bytes.', bytes: ['*/*'], headers: { ETag: 'The id, quoted.' } }, 206: { description: 'The range that was asked for.', bytes: ['*/*'] }, 304: { description: 'The client has it already (If-None-Match).' }, 307: { description: 'It is read from the store where it lies.' } },
    errors: [404, 416],
  });
  app.get('/v1/media/:id/content', async (c) => {
    const { download } = readQuery(c, contentQuery);
    return contentResponse(c, parts.media, await ownMedia(c, c.req.param('id')), { redirectSeconds: redirectSecondsOf(parts.settings), download: download !== undefined, ...(download !== undefined && !['', '1', 'true'].includes(download) && { name: download }) });
  });

  documented(app, { method: 'delete', path: '/v1/media/{id}', tag, summary: 'Delete a medium', params, answers: { 200: { description: 'It is gone.', schema: z.object({ object: z.literal('media.deleted'), id: z.string(), deleted: z.literal(true) }) } }, errors: [404] });
  app.delete('/v1/media/:id', async (c) => {
    const { id, owner } = await ownMedia(c, c.req.param('id'));
    await parts.media.remove(owner, id);
    return c.json({ object: 'media.deleted', id, deleted: true });
  });
  return app;
};

/** The one of several ways to name a medium that a body uses. Throws `bad_input`. */
function oneInput({ id, url, data, file }: { readonly id?: string | undefined; readonly url?: string | undefined; readonly data?: string | undefined; readonly file?: File | undefined }): MediaInput {
  const given = [id !== undefined && { id }, url !== undefined && { url }, data !== undefined && (/^data:/i.test(data) ? { dataUrl: data } : { base64: data }), file !== undefined && { file }].filter((each) => each !== false);
  const [only] = given;
  if (only === undefined || given.length > 1) throw new AnymodalError('bad_input', 'expected exactly one of file, id, url and data.', { field: 'file' });
  return only;
}
