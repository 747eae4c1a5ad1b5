// Waiting for what comes from elsewhere: without keeping others from their steps, and not so briefly that what was begun is lost sight of.

import type { Context } from '../../src/contracts.ts';

/** Runs `work` while others take their steps. */
export async function apart<T>(context: Pick<Context, 'elsewhere'>, work: () => Promise<T>): Promise<T> {
  return context.elsewhere === undefined ? work() : context.elsewhere(work);
}

/** The items of a stream, each waited for apart. Leaving the loop ends the stream. */
export async function* eachApart<T>(context: Pick<Context, 'elsewhere'>, stream: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await apart(context, async () => stream.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await stream.return(undefined);
  }
}

/** Milliseconds that a cancel waits for the name of what was just begun, without which it could not be stopped; less than an engine's grace. */
const NAME_MS = 4000;

/** Aborted a moment after `signal`, for requests whose answer says how to stop what they begin. */
export function withName(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const abort = (): void => void setTimeout(() => late.abort(signal.reason), NAME_MS).unref();
  if (signal.aborted) late.abort(signal.reason);
  else signal.addEventListener('abort', abort, { once: true });
  return late.signal;
}
