// A WebSocket to a server as messages to loop over, bounded in size and number; leaving the loop closes it.
// Knows no protocol.

import { AnymodalError } from '../../src/errors.ts';
import type { Server } from './server.ts';

/** Most bytes of one message, and most messages that wait to be read. */
const MOST_BYTES = 16 * 2 ** 20;
const MOST_WAITING = 1024;
const OPEN_MS = 15_000;

export type SocketMessage = string | Uint8Array;

export interface Socket {
  /** Messages in order until the socket is closed by the other side, or `signal` is aborted, whose reason is thrown. */
  messages(signal: AbortSignal): AsyncGenerator<SocketMessage>;
  close(): void;
}

/** Fulfilled when the socket is open. Throws `unavailable`, and the signal's reason. */
export async function openSocket(server: Server, path: string, signal: AbortSignal): Promise<Socket> {
  const url = server.address(path);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  // The second argument is Node's own; browsers have no way to send a key.
  const socket = server.key === null ? new WebSocket(url) : new WebSocket(url, { headers: { Authorization: `Bearer ${server.key}` } });
  socket.binaryType = 'arraybuffer';
  const waiting: SocketMessage[] = [];
  let ended = false;
  let news = Promise.withResolvers<void>();
  const tell = (): void => {
    news.resolve();
    news = Promise.withResolvers<void>();
  };
  const end = (): void => {
    ended = true;
    tell();
  };
  socket.addEventListener('message', ({ data }: { readonly data: unknown }) => {
    const message = typeof data === 'string' ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : null;
    // Of too many messages the latest are lost; what counts is asked for again.
    if (message !== null && message.length <= MOST_BYTES && waiting.length < MOST_WAITING) waiting.push(message);
    tell();
  });
  socket.addEventListener('close', end);
  socket.addEventListener('error', end);
  await opened(socket, server, signal);
  return {
    close: () => socket.close(),
    async *messages(stop) {
      stop.addEventListener('abort', tell, { once: true });
      try {
        for (;;) {
          stop.throwIfAborted();
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else if (ended) return;
          else await news.promise;
        }
      } finally {
        stop.removeEventListener('abort', tell);
      }
    },
  };
}

async function opened(socket: WebSocket, server: Server, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(OPEN_MS)]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (): void => reject(new AnymodalError('unavailable', `${server.name}: no WebSocket can be opened to ${server.origin}; check that config.url is the address of its API.`));
  const abort = (): void => (signal.aborted ? reject(signal.reason instanceof Error ? signal.reason : new Error('aborted')) : fail());
  socket.addEventListener('open', () => resolve(), { once: true });
  socket.addEventListener('error', fail, { once: true });
  socket.addEventListener('close', fail, { once: true });
  limit.addEventListener('abort', abort, { once: true });
  if (limit.aborted) abort();
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    limit.removeEventListener('abort', abort);
  }
}
