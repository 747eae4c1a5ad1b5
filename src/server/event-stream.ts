// Events to a client over SSE: one write an event, a comment every ten seconds, and an end of the source when the client is gone.
// Knows no event.

import type { Context } from 'hono';
import type { AppEnv } from './routes.ts';
import { errorBody } from './errors.ts';

export interface StreamEvent {
  readonly id?: string;
  readonly event?: string;
  /** JSON, or the text `[DONE]` as it stands. */
  readonly data: unknown;
}

const PING_MS = 10_000;

/**
 * A stream of events. The source's `return` is called when the client is gone. A generator that waits hears of that only after its
 * next event; one that is given as a function of a signal hears at once. An error of the source is the last event: `event: error` with
 * `{ error: { message, type, param, code } }`.
 */
export function eventStream(c: Context<AppEnv>, events: AsyncIterable<StreamEvent> | ((signal: AbortSignal) => AsyncIterable<StreamEvent>)): Response {
  const gone = new AbortController();
  const { signal: clientSignal } = c.req.raw;
  const leave = (): void => {
    gone.abort(new DOMException('the client is gone', 'AbortError'));
  };
  if (clientSignal.aborted) leave();
  else clientSignal.addEventListener('abort', leave, { once: true });

  const iterator = (typeof events === 'function' ? events(gone.signal) : events)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let ping: NodeJS.Timeout | null = null;
  const stop = (): void => {
    if (ping !== null) clearInterval(ping);
    clientSignal.removeEventListener('abort', leave);
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      ping = setInterval(() => {
        // A client that does not read needs no sign of life.
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': ping\n\n'));
      }, PING_MS);
      ping.unref();
    },
    async pull(controller) {
      try {
        const next = await iterator.next();
        if (gone.signal.aborted) return;
        if (next.done !== true) {
          controller.enqueue(encoder.encode(textOf(next.value)));
          return;
        }
      } catch (error) {
        if (gone.signal.aborted) return;
        controller.enqueue(encoder.encode(textOf({ event: 'error', data: errorBody(error) })));
      }
      stop();
      controller.close();
    },
    async cancel() {
      leave();
      stop();
      await iterator.return?.();
    },
  });
  // The abort of a request does not cancel its answer's body where nobody reads it.
  gone.signal.addEventListener('abort', () => void iterator.return?.().then(undefined, () => undefined), { once: true });
  return c.body(body, 200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
  });
}

function textOf({ id, event, data }: StreamEvent): string {
  const lines = [...(id === undefined ? [] : [`id: ${id}`]), ...(event === undefined ? [] : [`event: ${event}`]), `data: ${data === '[DONE]' ? data : JSON.stringify(data)}`];
  return `${lines.join('\n')}\n\n`;
}
