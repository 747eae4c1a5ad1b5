// A job on another server of anymodal from its acceptance to its end: its events with media as bytes, cancelled where it is left, removed after it.
// Knows the client; knows no component.

import type { Client, JobEvent, JobInput } from '../../src/client/index.ts';
import type { Context, Media } from '../../src/contracts.ts';
import { AnymodalError, isErrorCode } from '../../src/errors.ts';
import { apart, eachApart, withName } from '../server/apart.ts';
import type { Server } from '../server/server.ts';
import { failureAt, fetched } from './connection.ts';

/** A job as the server takes it, with what the client's type leaves out. */
export type RemoteJob = Omit<JobInput, 'mask'> & { readonly metadata: boolean; readonly mask?: { readonly data: string } };

/** An event, with the bytes of its medium where it has one. */
export interface Heard {
  readonly event: JobEvent;
  readonly media: Media | null;
}

const STOP_MS = 5000;

/** Events until `job-end`. Throws what the job failed with, `timeout` after `limitMs`, `engine_crashed` where the server begins it anew. */
export async function* runJob(client: Client, server: Server, job: RemoteJob, limitMs: number, context: Pick<Context, 'signal' | 'elsewhere'>): AsyncGenerator<Heard> {
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([context.signal, limit]);
  let id: string | null = null;
  let ended = false;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server takes a mask in the job, the client's type names one that is kept
    const sent = job as unknown as JobInput;
    ({ id } = await apart(context, async () => client.createJob(sent, { signal: withName(signal), idempotencyKey: crypto.randomUUID() })));
    for await (const event of eachApart(context, client.events(id, { signal }))) {
      if (event.attempt > 1) throw new AnymodalError('engine_crashed', `${server.name}: ${server.origin} lost its engine during the job; run it again.`);
      ended = event.type === 'job-end' || event.type === 'job-error' || event.type === 'job-abort';
      if (event.type === 'job-error') throw new AnymodalError(isErrorCode(event.code) ? event.code : 'unavailable', `${server.name}: ${server.origin}: ${event.message}`);
      if (event.type === 'job-abort') throw new AnymodalError('unavailable', `${server.name}: somebody cancelled the job at ${server.origin}; try again.`);
      const isMedia = event.type === 'media-end' || event.type === 'media-preview';
      yield { event, media: isMedia ? await apart(context, async () => fetched(client, server, event.media, event.type === 'media-end' ? event.modality : event.media.modality, signal)) : null };
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (limit.aborted) throw new AnymodalError('timeout', `${server.name}: the job at ${server.origin} was not done within ${limitMs} ms; raise config.timeoutMs, or give it less to do.`);
    throw failureAt(server, error, context.signal);
  } finally {
    if (id !== null) await finish(server, id, ended);
  }
}

/** Stops a job that has not ended, then removes it with what it made, which is here by now. */
async function finish(server: Server, id: string, ended: boolean): Promise<void> {
  const tell = async (path: string, method: 'POST' | 'DELETE'): Promise<void> => {
    await server.json(path, { method, retries: 1, timeoutMs: STOP_MS }, AbortSignal.timeout(STOP_MS)).catch(() => undefined);
  };
  const path = `v1/jobs/${encodeURIComponent(id)}`;
  if (!ended) await tell(`${path}/cancel`, 'POST');
  await tell(path, 'DELETE');
}
