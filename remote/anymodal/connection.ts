// The client of the job API over the transport of remote components: this server alone, with its key, answers bounded, media checked.
// Knows the client and no job.

import { createHash } from 'node:crypto';
import { Client, ServerError, type MediaObject } from '../../src/client/index.ts';
import type { Media } from '../../src/contracts.ts';
import { AnymodalError, isErrorCode } from '../../src/errors.ts';
import type { Server } from '../server/server.ts';
import { transport } from '../server/transport.ts';

/** Most bytes of an answer that is no stream of events. */
const MOST_BYTES = 96 * 2 ** 20;

/** A client whose every request goes to `server`. */
export function clientOf(server: Server): Client {
  return new Client({ baseUrl: server.base.href, ...(server.key !== null && { apiKey: server.key }), fetch: fetcher(server) });
}

function fetcher(server: Server): typeof fetch {
  return async (input, init = {}) => {
    const url = server.address(input instanceof Request ? input.url : String(input));
    const sent = new Response(init.body ?? null);
    const body = init.body === undefined || init.body === null ? null : new Uint8Array(await sent.arrayBuffer());
    const headers = Object.fromEntries(new Headers(init.headers));
    // A form has its type from its encoding.
    const type = headers['content-type'] ?? sent.headers.get('content-type');
    const response = await transport(url, { method: init.method ?? 'GET', headers: { ...headers, ...(type !== null && type !== undefined && { 'content-type': type }) }, body, signal: init.signal ?? new AbortController().signal });
    if (response.status >= 300 && response.status < 400) throw new Error('a redirect is not followed');
    const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    return isStream || response.body === null ? response : new Response(response.body.pipeThrough(limit(server)), { status: response.status, headers: response.headers });
  };
}

function limit({ name, origin }: Server): TransformStream<Uint8Array, Uint8Array> {
  let size = 0;
  return new TransformStream({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > MOST_BYTES) controller.error(new AnymodalError('too_large', `${name}: ${origin} sent more than ${MOST_BYTES} bytes, which are not taken; ask it for less.`));
      else controller.enqueue(chunk);
    },
  });
}

/** What went wrong at the server, or on the way to it, as an error of this component. */
export function failureAt(server: Server, error: unknown, signal: AbortSignal): unknown {
  signal.throwIfAborted();
  if (!(error instanceof ServerError)) return error instanceof AnymodalError ? error : new AnymodalError('unavailable', `${server.name}: the connection to ${server.origin} was lost; try again.`, { cause: error });
  const retry = error.retryAfterMs === null ? {} : { retryAfterMs: error.retryAfterMs };
  if (error.status === 0) return new AnymodalError('unavailable', `${server.name}: ${server.origin} cannot be reached; start that server, or correct config.url.`, { cause: error });
  if (error.status === 401 || error.status === 403) return new AnymodalError('access_denied', `${server.name}: ${server.origin} refuses the key (${error.status}); put the right one into the variable that config.keyVariable names.`);
  const code = ['queue_full', 'rate_limited', 'shutting_down'].includes(error.code) || !isErrorCode(error.code) ? 'unavailable' : error.code;
  return new AnymodalError(code, `${server.name}: ${server.origin}: ${error.message}`, retry);
}

/** The bytes of a medium that the server made, of the hash that it says. Throws `unavailable` where they are others. */
export async function fetched(client: Client, server: Server, media: MediaObject, modality: string, signal: AbortSignal): Promise<Media> {
  const bytes = await bytesOf(client, media, signal);
  const id = createHash('sha256').update(bytes).digest('hex');
  const isType = /^[a-z]+\/[\w.+-]{1,80}$/.test(media.mediaType);
  if (id !== media.id || !isType) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} sent a medium that is not the one it announced; try again.`);
  return { id, modality, mediaType: media.mediaType, bytes };
}

async function bytesOf(client: Client, media: MediaObject, signal: AbortSignal): Promise<Uint8Array> {
  const inline = /^data:[^,]*;base64,(.*)$/s.exec(media.data ?? '')?.[1];
  return inline === undefined ? new Uint8Array(await (await client.download(media, { signal })).arrayBuffer()) : new Uint8Array(Buffer.from(inline, 'base64'));
}

/** A medium as a part of a job or a message. */
export function inlineMedia({ mediaType, bytes }: Media): { readonly data: string } {
  return { data: `data:${mediaType};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}` };
}
