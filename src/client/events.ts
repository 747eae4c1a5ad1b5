// The events of a job as a loop that outlives lost connections: it goes on after the last event it saw, until the terminal one.
// Knows the event stream's format through a library, and no other route.

import { EventSourceParserStream } from 'eventsource-parser/stream';
import { send, ServerError, type Connection } from './http.ts';
import type { JobEvent } from './types.ts';

/** Attempts without any event between them before the loop gives up. */
const MOST_FAILURES = 8;

export function isTerminal(event: Pick<JobEvent, 'type'>): boolean {
  return event.type === 'job-end' || event.type === 'job-abort' || event.type === 'job-error';
}

/**
 * Every event of a job after the one with id `after`, once and in order, ended by the terminal one. A lost connection is taken up again.
 * Leaving the loop ends the stream and leaves the job alone.
 * Throws `ServerError` for a job that is not there, and where the server stays away.
 */
export async function* jobEvents(connection: Connection, job: string, after = 0, signal?: AbortSignal): AsyncGenerator<JobEvent> {
  let last = after;
  for (let failures = 0; ; failures += 1) {
    const left = new AbortController();
    const stop = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    try {
      const headers = { Accept: 'text/event-stream', ...(last > 0 && { 'Last-Event-ID': String(last) }) };
      const response = await send(connection, `/v1/jobs/${encodeURIComponent(job)}/events`, { headers, signal: stop });
      for await (const event of eventsOf(response)) {
        if (event.id <= last) continue;
        last = event.id;
        failures = 0;
        yield event;
        if (isTerminal(event)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      const passing = !(error instanceof ServerError) || error.status === 0 || error.status >= 500 || error.status === 429;
      if (!passing || failures >= MOST_FAILURES) throw error;
    } finally {
      left.abort();
    }
    if (failures >= MOST_FAILURES) throw new ServerError(0, 'unreachable', `job ${job}: its events ended before its end`);
    await pause(Math.min(4000, 250 * 2 ** failures), signal);
  }
}

async function* eventsOf(response: Response): AsyncGenerator<JobEvent> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border of the process
      if (value.data !== '' && value.data !== '[DONE]') yield JSON.parse(value.data) as JobEvent;
    }
  } finally {
    // The connection may be gone already.
    await reader.cancel().catch(() => undefined);
  }
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    }, { once: true });
  });
}
