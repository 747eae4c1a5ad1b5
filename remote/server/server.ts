// One server that a component asks: requests with its key, within its limits of time, size and number, sent again where they were not taken.
// What comes back is a stranger's: bounded here, judged by whoever reads it. Knows no route and no protocol.

import { setTimeout as pause } from 'node:timers/promises';
import type { ComponentSource } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { errorOf } from './failures.ts';
import { Gate } from './gate.ts';
import { readKey, type ServerConfig } from './settings.ts';
import { networkCode, notTaken, transport } from './transport.ts';

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly json?: unknown;
  readonly form?: FormData;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds in the place of the config's. */
  readonly timeoutMs?: number;
  /** Times in the place of the config's. */
  readonly retries?: number;
  /** Whether to send it again where its answer was lost, so that the server may do it twice. */
  readonly repeatable?: boolean;
}

/** Most bytes of an answer that is no medium. */
const MOST_JSON_BYTES = 96 * 2 ** 20;
/** Statuses that say that the server did not take the request. */
const REFUSED: readonly number[] = [408, 425, 429, 502, 503];
const LONGEST_WAIT_MS = 30_000;
const MOST_REDIRECTS = 3;

export class Server {
  readonly name: string;
  readonly base: URL;
  readonly gate: Gate;
  readonly #config: ServerConfig;
  readonly #key: string | null;

  /** Asks nothing yet. Throws `access_denied` where the key's variable is not set. */
  constructor(source: Pick<ComponentSource, 'name'>, config: ServerConfig) {
    this.name = source.name;
    this.#config = config;
    this.base = new URL(config.url.endsWith('/') ? config.url : `${config.url}/`);
    this.gate = new Gate(config.concurrency);
    this.#key = readKey(source, config);
  }

  /** Where it is, for messages: no path, nothing secret. */
  get origin(): string {
    return this.base.origin;
  }

  get key(): string | null {
    return this.#key;
  }

  /** The address of a route, such as `v1/models`; of a whole address, that one where it is this server's. Throws `unavailable` for another's. */
  address(path: string): URL {
    const url = new URL(path.replace(/^\/+/, ''), this.base);
    if (url.origin !== this.base.origin) throw new AnymodalError('unavailable', `${this.name}: ${this.origin} names a file on another server, which is not asked; let it send the bytes, or serve them itself.`);
    return url;
  }

  /** The answer as JSON; undefined where it has none. */
  async json(path: string, call: Call, signal: AbortSignal): Promise<unknown> {
    const bytes = await this.bytes(path, call, signal, MOST_JSON_BYTES);
    if (bytes.byteLength === 0) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new AnymodalError('unavailable', `${this.name}: ${this.origin} answered ${path} with something that is no JSON; check that config.url is the address of its API.`);
    }
  }

  /** The answer's bytes; throws `too_large` beyond `most`. */
  async bytes(path: string, call: Call, signal: AbortSignal, most: number): Promise<Uint8Array> {
    return this.#within(call, signal, async (stop) => {
      const response = await this.#send(path, call, stop);
      return readBody(response, most, `${this.name}: ${this.origin}`);
    });
  }

  /** The answer piece by piece, within the limit of time; leaving the loop closes the connection. */
  async *stream(path: string, call: Call, signal: AbortSignal): AsyncGenerator<{ readonly headers: Headers; readonly chunk: Uint8Array }> {
    const left = new AbortController();
    const limitMs = call.timeoutMs ?? this.#config.timeoutMs;
    const limit = AbortSignal.timeout(limitMs);
    const stop = AbortSignal.any([signal, limit, left.signal]);
    try {
      const response = await this.#send(path, call, stop);
      for await (const chunk of response.body ?? []) yield { headers: response.headers, chunk };
    } catch (error) {
      throw this.#failure(error, signal, limit, limitMs);
    } finally {
      left.abort();
    }
  }

  async #within<T>(call: Call, signal: AbortSignal, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const limitMs = call.timeoutMs ?? this.#config.timeoutMs;
    const limit = AbortSignal.timeout(limitMs);
    try {
      return await work(AbortSignal.any([signal, limit]));
    } catch (error) {
      throw this.#failure(error, signal, limit, limitMs);
    }
  }

  #failure(error: unknown, signal: AbortSignal, limit: AbortSignal, limitMs: number): unknown {
    signal.throwIfAborted();
    if (limit.aborted) return new AnymodalError('timeout', `${this.name}: ${this.origin} did not answer within ${limitMs} ms; look whether it works, raise config.timeoutMs, or give it less to do.`);
    if (error instanceof AnymodalError) return error;
    return new AnymodalError('unavailable', `${this.name}: the connection to ${this.origin} was lost (${networkCode(error)}); try again.`, { cause: error });
  }

  /** A good answer, after as many attempts as it takes and may take. */
  async #send(path: string, call: Call, signal: AbortSignal): Promise<Response> {
    const { body, type } = await encoded(call);
    const headers = { Accept: '*/*', ...(type !== null && { 'Content-Type': type }), ...(this.#key !== null && { Authorization: `Bearer ${this.#key}` }), ...call.headers };
    const method = call.method ?? (body === null ? 'GET' : 'POST');
    const retries = call.retries ?? this.#config.retries;
    let url = this.address(path);
    let redirects = 0;
    for (let attempt = 0; ; ) {
      signal.throwIfAborted();
      let waitMs = Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt);
      try {
        const response = await transport(url, { method, headers, body, signal });
        if (response.ok) return response;
        const to = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
        if (to !== null) {
          await response.body?.cancel();
          url = this.#redirected(new URL(to, url), method, redirects);
          redirects += 1;
          continue;
        }
        const error = await errorOf(response, this.name, this.origin, path, call);
        if (attempt >= retries || !REFUSED.includes(response.status)) throw error;
        waitMs = Math.min(LONGEST_WAIT_MS, error.retryAfterMs ?? waitMs);
      } catch (error) {
        if (error instanceof AnymodalError || signal.aborted) throw error;
        const code = networkCode(error);
        const again = notTaken.has(code) || method === 'GET' || call.repeatable === true;
        if (attempt >= retries || !again) {
          throw new AnymodalError('unavailable', notTaken.has(code) ? `${this.name}: ${this.origin} cannot be reached (${code}); start that server, or correct config.url.` : `${this.name}: ${this.origin} closed the connection before it answered (${code}); look into its log.`, { cause: error });
        }
      }
      attempt += 1;
      await pause(waitMs, undefined, { signal });
    }
  }

  #redirected(to: URL, method: string, redirects: number): URL {
    if (to.origin === this.base.origin && method === 'GET' && redirects < MOST_REDIRECTS) return to;
    throw new AnymodalError('unavailable', `${this.name}: ${this.origin} points to ${to.origin === this.base.origin ? 'another of its routes' : to.origin}, which is not followed${method === 'GET' ? '' : ' with a body'}; write the right address into config.url.`);
  }
}

async function encoded({ json, form }: Call): Promise<{ readonly body: Uint8Array | null; readonly type: string | null }> {
  if (json !== undefined) return { body: new TextEncoder().encode(JSON.stringify(json)), type: 'application/json' };
  if (form === undefined) return { body: null, type: null };
  const response = new Response(form);
  return { body: new Uint8Array(await response.arrayBuffer()), type: response.headers.get('content-type') };
}

/** Throws `too_large`. */
async function readBody(response: Response, most: number, who: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > most) throw new AnymodalError('too_large', `${who} sent more than ${most} bytes, which are not taken; ask it for less.`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
