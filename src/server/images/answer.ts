// What the image routes answer with: the pictures of a job as the request wants them, at once or as a stream of events.
// Knows no request.

import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { LoggedEvent, StoredMedia } from '../../queue/contracts.ts';
import { signedAddress } from '../addresses.ts';
import type { ServerParts } from '../contracts.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { contentPath } from '../media/view.ts';
import type { AppEnv } from '../routes.ts';
import { collectReply, ReplyFold, startAttached, throwFailure, type Reply } from '../run-job.ts';
import type { ImageOrder } from './order.ts';
import type { ImageBody, ImagesView } from './schemas.ts';

type EventName = 'image_generation' | 'image_edit';

/** Runs the job of an order and answers with its pictures, or with events where a stream is asked for. */
export async function answer(c: Context<AppEnv>, parts: ServerParts, order: ImageOrder, body: ImageBody, name: EventName): Promise<Response> {
  const { signal } = c.req.raw;
  const { record, events } = await startAttached(parts, order.job, signal);
  c.header('x-anymodal-job', record.id);
  if (body.stream === true) return eventStream(c, streamOf(c, parts, order, events, name, signal));
  const reply = await collectReply(events);
  const data: ImagesView['data'] = [];
  for (const { media, seed, id } of await picturesIn(parts, order, reply, signal)) {
    const place = body.response_format === 'url' ? { url: await addressOf(c, parts, order, media, record.id) } : { b64_json: base64(media) };
    data.push({ ...place, seed, media_id: id });
  }
  const view: ImagesView = { created: seconds(record.createdAt), data, ...shownOf(order), usage: usageOf(reply), warnings: [...c.get('warnings'), ...reply.warnings] };
  return c.json(view);
}

/** The pictures of a reply as the request wants them, in order, with the ids of what the decoder made. Throws `internal` where there are none. */
export async function picturesIn(parts: Pick<ServerParts, 'media' | 'tools'>, order: ImageOrder, reply: Reply, signal: AbortSignal): Promise<readonly { readonly media: Media; readonly seed: number; readonly id: string }[]> {
  const pictures: { media: Media; seed: number; id: string }[] = [];
  for (const item of reply.items) {
    if (item.type === 'media' && item.output === order.output) pictures.push({ media: await finished(parts, order, item.media, signal), seed: item.seed, id: item.media.id });
  }
  if (pictures.length === 0) throw new AnymodalError('internal', 'the job ended without a picture');
  return pictures;
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

export function base64({ bytes }: Media): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Seconds since 1970. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
