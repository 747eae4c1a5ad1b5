// One attempt of one job: its request read back, its events on their way to the log, its media to the store.
// Says how the engine ended it; what follows from that is the queue's to decide.

import type { Engine, JobEventBody, JobRequest, Media } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { Channel } from './channel.ts';
import type { JobLog, JobRecord, MediaStore } from './contracts.ts';
import { isTerminal, restoredRequest, storedEvent } from './stored.ts';
import { LONG_WEIGHT } from './weight.ts';

export type Terminal = Extract<JobEventBody, { type: 'job-end' | 'job-abort' | 'job-error' }>;

export interface Attempt {
  readonly record: JobRecord;
  readonly attempt: number;
  readonly channel: Channel;
  readonly log: JobLog;
  readonly media: MediaStore;
  readonly signal: AbortSignal;
  /** Told what could not be kept on the way. */
  readonly failed: (error: unknown) => void;
  readonly now: () => number;
}

/** Longest title that is kept of a prompt, in characters. */
const TITLE_LENGTH = 300;

/** Runs the attempt in an engine, and returns how it ended; the terminal event is not kept yet. Throws what reading the request and keeping a medium throw. */
export async function runAttempt(engine: Engine, { record, attempt, channel, log, media, signal, failed, now }: Attempt): Promise<Terminal> {
  const request = await restoredRequest(record.request, async (stored) => media.read(stored));
  const title = titleOf(request);
  const keep = async (medium: Media, origin: 'made' | 'preview'): Promise<void> => {
    await media.put(medium, { owner: record.owner, origin, job: record.id, title });
  };
  let previewsFit = true;
  for await (const event of engine.run(request, signal, record.weight >= LONG_WEIGHT)) {
    const { job: _job, attempt: _attempt, ...body } = event;
    if (isTerminalBody(body)) return body;
    // It was said when the job was accepted.
    if (body.type === 'job-queued') continue;
    // It is kept before the event is, for both take their turn in the log.
    if (body.type === 'job-start') log.update(record.id, { status: 'running', startedAt: now() }).catch(failed);
    if (body.type === 'media-end') await keep(body.media, 'made');
    if (body.type === 'media-preview') {
      if (!previewsFit) continue;
      try {
        await keep(body.media, 'preview');
      } catch (error) {
        // A job can do without previews, and its medium may still find room.
        if (!(error instanceof AnymodalError) || error.code !== 'disk_full') throw error;
        previewsFit = false;
        continue;
      }
    }
    channel.write(attempt, storedEvent(body));
  }
  throw new AnymodalError('internal', 'the engine ended the job without saying how');
}

function isTerminalBody(event: JobEventBody): event is Terminal {
  return isTerminal(event);
}

/** The user's latest words. */
function titleOf({ messages }: JobRequest): string | null {
  const parts = messages.findLast(({ role }) => role === 'user')?.parts ?? [];
  const words = parts.flatMap((part) => (part.type === 'text' ? [part.text.trim()] : [])).join(' ').trim();
  return words === '' ? null : Array.from(words).slice(0, TITLE_LENGTH).join('');
}
