// A job of the video routes as OpenAI's clients see it.
// Knows no route.

import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, StoredMedia } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';
import { replyOf } from '../run-job.ts';
import { viewSchema, type VideoView } from './schemas.ts';

const statuses = { queued: 'queued', running: 'in_progress', completed: 'completed', failed: 'failed', cancelled: 'failed' } as const;

/** The caller's video; throws `not_found`. */
export async function ownVideo(c: Context<AppEnv>, { queue }: Pick<ServerParts, 'queue'>, id: string): Promise<JobRecord> {
  const record = await queue.get(id);
  if (record?.kind !== 'video' || record.owner !== c.get('caller').owner) throw new AnymodalError('not_found', 'there is no such video of yours; it was never there, or it was deleted.');
  return record;
}

export async function videoView({ queue }: Pick<ServerParts, 'queue'>, record: JobRecord): Promise<VideoView> {
  const kept = viewSchema.parse(record.view);
  const { progress, warnings } = replyOf(await queue.logged(record.id, 0));
  const share = progress.steps === 0 ? 0 : Math.min(99, Math.floor((100 * progress.step) / progress.steps));
  const error = record.error ?? { code: 'cancelled', message: 'the video was cancelled' };
  return {
    id: record.id,
    object: 'video',
    model: record.model,
    status: statuses[record.status],
    progress: record.status === 'completed' ? 100 : share,
    created_at: seconds(record.createdAt),
    completed_at: record.status === 'completed' && record.endedAt !== null ? seconds(record.endedAt) : null,
    expires_at: null,
    error: statuses[record.status] === 'failed' ? { code: record.status === 'cancelled' ? 'cancelled' : error.code, message: error.message } : null,
    prompt: kept.prompt,
    remixed_from_video_id: kept.remixedFrom,
    seconds: kept.seconds,
    size: kept.size,
    seed: record.request.seed,
    queue_position: record.status === 'queued' ? await queue.position(record.id) : null,
    warnings: [...kept.warnings, ...warnings],
  };
}

/** The video that a job made; throws `conflict` while it is not ready, and for one that failed. */
export async function madeVideo({ queue }: Pick<ServerParts, 'queue'>, record: JobRecord): Promise<StoredMedia> {
  if (record.status !== 'completed') throw new AnymodalError('conflict', `the video is ${statuses[record.status]}; there is nothing to read ${record.endedAt === null ? 'yet; ask again later' : 'of it'}.`);
  const video = replyOf(await queue.logged(record.id, 0)).items.find((item) => item.type === 'media' && item.media.modality === 'video');
  if (video?.type !== 'media') throw new AnymodalError('internal', 'the job ended without a video');
  return video.media;
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
