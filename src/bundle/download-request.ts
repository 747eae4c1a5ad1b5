// One HTTP request of a download: redirects followed by hand so that the token stays with its own host, stalls noticed.
// Knows no file and no hub; says of a failure whether to try again is of use.

import { AnymodalError } from '../errors.ts';

/** Whom we talk to, and what may be told to whom. */
export interface Door {
  /** Origin (scheme, host, port) that alone is sent the token. */
  readonly origin: string;
  readonly token: string | null;
  /** Without a byte for so long a connection is given up and made anew. */
  readonly stallMs: number;
}

export interface Answer {
  readonly status: number;
  /** Headers of the last host. */
  readonly headers: Headers;
  /** Headers of the host that was asked first; a hub tells of a file here before it sends us elsewhere for its content. */
  readonly first: Headers;
  /** Pieces of the body as they come. */
  body(): AsyncGenerator<Uint8Array>;
  /** Lets the rest of the body go. */
  drop(): void;
}

/** A failure that may pass: a connection that broke, a server that is busy. */
export class PassingFailure extends Error {
  /** What the server asks us to wait, if it does. */
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

const mostRedirects = 10;

/**
 * Sends one request and returns its answer, whatever the status, save those that pass (408, 425, 429, 5xx): they throw
 * `PassingFailure`, as broken connections do. Throws `download_failed` for redirects that lead nowhere safe.
 */
export async function request(address: URL, door: Door, signal: AbortSignal, { method = 'GET', headers = {} }: { method?: 'GET' | 'HEAD'; headers?: Readonly<Record<string, string>> } = {}): Promise<Answer> {
  const stall = new AbortController();
  const both = AbortSignal.any([signal, stall.signal]);
  let timer = setTimeout(() => stall.abort(), door.stallMs);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(), door.stallMs);
  };
  const passing = (error: unknown): unknown => {
    clearTimeout(timer);
    if (signal.aborted) return signal.reason;
    if (stall.signal.aborted) return new PassingFailure(`${address.host} sent nothing for ${Math.round(door.stallMs / 1000)} s`, null, { cause: error });
    return new PassingFailure(`the connection to ${address.host} broke (${reasonOf(error)})`, null, { cause: error });
  };

  let at = address;
  let first: Headers | null = null;
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const own = door.token !== null && at.origin === door.origin ? { authorization: `Bearer ${door.token}` } : {};
    // Ranges count the bytes of a file as it is; a body compressed on the way would be another.
    const sent = { 'accept-encoding': 'identity', 'user-agent': 'anymodal', ...headers, ...own };
    const response = await fetch(at, { method, headers: sent, redirect: 'manual', signal: both }).catch((error: unknown) => {
      throw passing(error);
    });
    alive();
    first ??= response.headers;
    const drop = (): void => {
      clearTimeout(timer);
      // What is cancelled may have failed already, and of no use it is either way.
      void response.body?.cancel().catch(() => undefined);
    };
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (location !== null) {
      drop();
      const next = new URL(location, at);
      if (!['https:', 'http:'].includes(next.protocol) || (at.protocol === 'https:' && next.protocol === 'http:')) {
        throw new AnymodalError('download_failed', `${at.host} sends us on to ${next.protocol}//${next.host}, which is less safe than ${at.protocol}; give another mirror.`);
      }
      at = next;
      alive();
      continue;
    }
    if ([408, 425, 429].includes(response.status) || response.status >= 500) {
      drop();
      throw new PassingFailure(`${at.host} answers ${response.status}`, waitOf(response.headers));
    }
    return {
      status: response.status,
      headers: response.headers,
      first,
      drop,
      async *body() {
        try {
          for await (const piece of response.body ?? []) {
            alive();
            yield piece;
          }
        } catch (error) {
          throw passing(error);
        } finally {
          clearTimeout(timer);
        }
      },
    };
  }
  clearTimeout(timer);
  throw new AnymodalError('download_failed', `${address.host} sends us on more than ${mostRedirects} times; give another mirror.`);
}

/** Repeats `work` while it fails in a way that may pass, at most `attempts` times. Throws `download_failed` after the last. */
export async function persist<T>(work: () => Promise<T>, attempts: number, pause: Pause, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      if (attempt >= attempts) throw givenUp(error, attempts);
      await pause(waitBefore(attempt, error), signal);
    }
  }
}

/** Waits; ends early with the reason of `signal`. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** How long to wait after the `attempt`-th failure in a row. */
export function waitBefore(attempt: number, failure: PassingFailure): number {
  return failure.retryAfterMs ?? Math.min(30_000, 250 * 2 ** attempt);
}

export function givenUp(failure: PassingFailure, attempts: number): AnymodalError {
  return new AnymodalError('download_failed', `${failure.message}, ${attempts} times in a row. What was fetched is kept; run the same command again later, or set another mirror with --hub or HF_ENDPOINT.`, { cause: failure });
}

function waitOf(headers: Headers): number | null {
  const value = headers.get('retry-after') ?? '';
  return /^\d{1,4}$/.test(value) ? Math.min(120, Number(value)) * 1000 : null;
}

/** The innermost cause that has a code, such as ECONNRESET; addresses are left out, since they may be signed. */
function reasonOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && typeof at.code === 'string') return at.code;
  return error instanceof Error ? error.name : 'unknown';
}
