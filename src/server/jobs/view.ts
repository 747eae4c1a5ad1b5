// Jobs and their events as clients see them: the record and its log as one object, media by id and signed address.
// Knows no route.

import type { Context } from 'hono';
import type { Part } from '../../contracts.ts';
import type { JobRecord, LoggedEvent, Stored, StoredMedia } from '../../queue/contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { ServerParts } from '../contracts.ts';
import { mediaView } from '../media/view.ts';
import type { AppEnv } from '../routes.ts';
import { replyOf, type ReplyItem } from '../run-job.ts';
import type { JobView } from './schemas.ts';

/** Bytes of a preview up to which an event carries it. */
const MOST_INLINE_BYTES = 2 ** 16;

type ShownPart = JobView['request']['input'][number];

/** The caller's job; throws `not_found` for one that is somebody else's or nobody's. */
export async function ownJob(c: Context<AppEnv>, { queue }: Pick<ServerParts, 'queue'>, id: string): Promise<JobRecord> {
  const record = await queue.get(id);
  if (record === null || record.owner !== c.get('caller').owner) throw new AnymodalError('not_found', 'there is no such job of yours; it was never there, or it was deleted.');
  return record;
}

/** A job with its reply so far. */
export async function jobView(c: Context<AppEnv>, parts: ServerParts, record: JobRecord): Promise<JobView> {
  const reply = replyOf(await parts.queue.logged(record.id, 0));
  const view = (media: StoredMedia): ReturnType<typeof mediaView> => mediaView(c, parts, record.owner, media);
  const { outputs, route, seed, count, options, negativePrompt, mask, mix, metadata, messages } = record.request;
  const last = messages.at(-1);
  const partView = (part: Stored<Part>): ShownPart => (part.type === 'text' ? { type: 'text', text: part.text } : { type: 'media', media: view(part.media) });
  return {
    object: 'job',
    id: record.id,
    kind: record.kind,
    status: record.status,
    model: record.model,
    conversation: record.conversation,
    attempt: record.attempt,
    position: record.status === 'queued' ? await parts.queue.position(record.id) : null,
    progress: reply.progress,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    deadlineAt: record.deadlineAt,
    request: {
      input: last?.role === 'user' ? last.parts.map(partView) : [],
      outputs: outputs === null ? null : [...outputs],
      route,
      seed,
      count,
      options: Object.fromEntries(Object.entries(options)),
      negativePrompt,
      mask: mask === null ? null : view(mask),
      mix: mix === null ? null : mix.map(({ weight, part }) => ({ weight, part: partView(part) })),
      metadata,
    },
    outputs: reply.items.map((item) => itemView(item, view)),
    usage: { ...reply.usage },
    warnings: [...reply.warnings],
    error: record.error === null ? null : { ...record.error },
  };
}

/** An event with its media by address; a small preview carries its bytes too. */
export async function eventView(c: Context<AppEnv>, parts: ServerParts, owner: string, event: LoggedEvent): Promise<object> {
  if (event.type !== 'media-end' && event.type !== 'media-preview') return event;
  const media = mediaView(c, parts, owner, event.media);
  if (event.type === 'media-end' || event.media.size > MOST_INLINE_BYTES) return { ...event, media };
  // Previews are gone once their job is cleaned up; the event stays.
  const bytes = await parts.media.read(event.media).then(
    (read) => read.bytes,
    () => null,
  );
  return { ...event, media: { ...media, ...(bytes !== null && { data: `data:${event.media.mediaType};base64,${Buffer.from(bytes).toString('base64')}` }) } };
}

function itemView(item: ReplyItem, view: (media: StoredMedia) => ReturnType<typeof mediaView>): JobView['outputs'][number] {
  const { variant, part } = item;
  if (item.type === 'text') return { type: 'text', variant, part, text: item.text };
  const { references, prompt } = item.made;
  return { type: 'media', variant, part, output: item.output, seed: item.seed, references: [...references], ...(prompt !== undefined && { prompt }), media: view(item.media) };
}
