// One request over http or https and its answer as a web Response: no redirect is followed, nothing waits by itself, abort closes the socket.
// Node's fetch gives up after five minutes without an answer, which a picture on a slow machine takes. Knows no route.

import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';

export interface Outgoing {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly signal: AbortSignal;
}

/** Fulfilled when the headers of the answer are there. Rejects as node:http does, and where `signal` is aborted. */
export async function transport(url: URL, { method, headers, body, signal }: Outgoing): Promise<Response> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    // A connection that is kept may be closed by the other side just as the next request is sent on it.
    const request = send(url, { method, signal, agent: false, headers: { 'User-Agent': 'anymodal', ...headers, ...(body !== null && { 'Content-Length': String(body.byteLength) }) } }, resolve);
    request.on('error', reject);
    request.end(body ?? undefined);
  });
  const status = incoming.statusCode ?? 0;
  const answered = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) if (value !== undefined) answered.set(name, String(value));
  if (status < 200 || status > 599 || [204, 205, 304].includes(status)) {
    incoming.resume();
    return new Response(null, { status: status < 200 || status > 599 ? 599 : status, headers: answered });
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's stream types and the web's name the same objects
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers: answered });
}

/** The codes of errors in which no byte of the request was taken. */
export const notTaken: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/** The code of an error of the network, such as ECONNREFUSED; of several attempts the first one's. */
export function networkCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return networkCode(error.errors[0]);
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'no answer';
}
