// The data of server-sent events out of the pieces of an answer, each as JSON.
// Knows the format through a library, and no route.

import { createParser } from 'eventsource-parser';
import { AnymodalError } from '../../src/errors.ts';
import type { Call, Server } from './server.ts';

/** Most letters of one event: a picture in base64. */
const MOST_LETTERS = 96 * 2 ** 20;

/**
 * Every event's data as JSON until the stream ends or says `[DONE]`. An answer that is no stream is one event.
 * Leaving the loop closes the connection. Throws as the server does, `unavailable` for what is no JSON, `too_large`.
 */
export async function* events(server: Server, path: string, call: Call, signal: AbortSignal): AsyncGenerator {
  const ready: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => void ready.push(data) });
  const decoder = new TextDecoder();
  let pending = 0;
  let whole: string | null = null;
  for await (const { headers, chunk } of server.stream(path, { ...call, headers: { Accept: 'text/event-stream', ...call.headers } }, signal)) {
    const text = decoder.decode(chunk, { stream: true });
    pending += text.length;
    if (pending > MOST_LETTERS) throw new AnymodalError('too_large', `${server.name}: ${server.origin} sent an event of more than ${MOST_LETTERS} letters, which is not taken.`);
    if (whole === null && (headers.get('content-type') ?? '').includes('application/json')) whole = '';
    if (whole !== null) {
      whole += text;
      continue;
    }
    parser.feed(text);
    for (const data of ready.splice(0)) {
      pending = 0;
      if (data === '[DONE]') return;
      yield parsed(data, server);
    }
  }
  if (whole !== null) yield parsed(whole, server);
}

function parsed(data: string, { name, origin }: Server): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new AnymodalError('unavailable', `${name}: ${origin} sent an event that is no JSON; check that config.url is the address of its API.`);
  }
}
