// OpenAI's image routes: generations, edits and variations, at once or as a stream with pictures of the unfinished picture.
// Knows no decoder.

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { LoggedEvent, StoredMedia } from '../../queue/contracts.ts';
import { signedAddress } from '../addresses.ts';
import type { ServerParts } from '../contracts.ts';
import { documented } from '../documented.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { contentPath } from '../media/view.ts';
import { readBody, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { collectReply, ReplyFold, startAttached, throwFailure, type Reply } from '../run-job.ts';
import { imageOrder, picturesOf, type ImageOrder } from './order.ts';
import { editSchema, generationSchema, imageEventSchema, imagesSchema, variationSchema, type EditBody, type ImageBody, type ImagesView } from './schemas.ts';

const tag = 'Images';
const answers = { 200: { description: 'The pictures; with stream, events.', schema: imagesSchema, events: imageEventSchema } };
const errors = [404, 409, 504, 507];

type EventName = 'image_generation' | 'image_edit';

export const imageRoutes: Routes = (parts) => {
  const app = createRoutes();

  documented(app, { method: 'post', path: '/v1/images/generations', tag, summary: 'Draw pictures from words', body: { schema: generationSchema, form: true }, answers, errors });
  app.post('/v1/images/generations', async (c) => {
    const { value, unknown } = await readBody(c, generationSchema);
    warnOfUnknown(c, unknown);
    return answer(c, parts, await imageOrder(c, parts, value, value.prompt, { pictures: [], mask: null }), value, 'image_generation');
  });

  const edits = async (c: Context<AppEnv>, schema: typeof editSchema | typeof variationSchema): Promise<Response> => {
    const { value, unknown } = await readBody<z.ZodRawShape>(c, schema);
    warnOfUnknown(c, unknown);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both schemas have its fields
    const body = value as EditBody & { readonly prompt?: string };
    return answer(c, parts, await imageOrder(c, parts, body, body.prompt ?? '', await picturesOf(c, parts, body)), body, 'image_edit');
  };
  documented(app, { method: 'post', path: '/v1/images/edits', tag, summary: 'Edit a picture by words', body: { schema: editSchema, form: true }, answers, errors });
  app.post('/v1/images/edits', async (c) => edits(c, editSchema));
  documented(app, { method: 'post', path: '/v1/images/variations', tag, summary: 'Draw a picture again, differently', body: { schema: variationSchema, form: true }, answers, errors });
  app.post('/v1/images/variations', async (c) => edits(c, variationSchema));
  return app;
};

async function answer(c: Context<AppEnv>, parts: ServerParts, order: ImageOrder, body: ImageBody, name: EventName): Promise<Response> {
  const { signal } = c.req.raw;
  const { record, events } = await startAttached(parts, order.job, signal);
  c.header('x-anymodal-job', record.id);
  if (body.stream === true) return eventStream(c, streamOf(c, parts, order, events, name, signal));
  const reply = await collectReply(events);
  const data: ImagesView['data'] = [];
  for (const item of reply.items) {
    if (item.type !== 'media' || item.output !== order.output) continue;
    const media = await finished(parts, order, item.media, signal);
    const place = body.response_format === 'url' ? { url: await addressOf(c, parts, order, media, record.id) } : { b64_json: base64(media) };
    data.push({ ...place, seed: item.seed, media_id: item.media.id });
  }
  if (data.length === 0) throw new AnymodalError('internal', 'the job ended without a picture');
  const view: ImagesView = { created: seconds(record.createdAt), data, ...shownOf(order), usage: usageOf(reply), warnings: [...c.get('warnings'), ...reply.warnings] };
  return c.json(view);
}

/** Events as OpenAI's clients read them; a completed one for each picture. */
async function* streamOf(c: Context<AppEnv>, parts: ServerParts, order: ImageOrder, events: AsyncGenerator<LoggedEvent>, name: EventName, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const fold = new ReplyFold();
  const shown = new Map<number, number>();
  const event = (type: string, more: object): StreamEvent => ({ event: `${name}.${type}`, data: { type: `${name}.${type}`, ...more } });
  for await (const next of events) {
    fold.add(next);
    if (next.type === 'media-preview') {
      const index = shown.get(next.variant) ?? 0;
      // Previews go when their job ends, and one that nobody saw in time is of no use.
      const media = index < order.partialImages ? await finished(parts, { ...order, resampled: order.size }, next.media, signal).catch(() => null) : null;
      if (media === null) continue;
      shown.set(next.variant, index + 1);
      yield event('partial_image', { b64_json: base64(media), created_at: seconds(next.at), ...shownOf(order), partial_image_index: index });
    } else if (next.type === 'media-end' && next.output === order.output) {
      const reply = fold.reply();
      const media = await finished(parts, order, next.media, signal);
      yield event('completed', { b64_json: base64(media), created_at: seconds(next.at), ...shownOf(order), usage: usageOf(reply), seed: next.seed, warnings: [...c.get('warnings'), ...reply.warnings] });
    }
  }
  throwFailure(fold.reply().end);
}

/** A picture as the request wants it. */
async function finished({ media, tools }: Pick<ServerParts, 'media' | 'tools'>, { resampled, format, compression }: ImageOrder, stored: StoredMedia, signal: AbortSignal): Promise<Media> {
  const picture = await media.read(stored);
  if (resampled === null && picture.mediaType === `image/${format}`) return picture;
  return tools.picture(picture, { ...resampled, format, fit: 'cover', ...(compression !== null && format !== 'png' && { quality: compression }) }, signal);
}

/** A signed address of a picture; one that was made anew for this answer is kept first. */
async function addressOf(c: Context<AppEnv>, parts: ServerParts, { job }: ImageOrder, media: Media, id: string): Promise<string> {
  const known = await parts.media.find(job.owner, media.id);
  if (known === null) await parts.media.put(media, { owner: job.owner, origin: 'made', job: id, title: null });
  return signedAddress(c, parts, job.owner, contentPath(media.id));
}

function shownOf({ format, quality, size }: ImageOrder): Pick<ImagesView, 'background' | 'output_format' | 'quality' | 'size'> {
  return { background: 'opaque', output_format: format, quality, size: `${size.width}x${size.height}` };
}

function usageOf({ usage: { inputTokens, outputTokens } }: Pick<Reply, 'usage'>): ImagesView['usage'] {
  return { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens, input_tokens_details: { text_tokens: inputTokens, image_tokens: 0 } };
}

function base64({ bytes }: Media): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
