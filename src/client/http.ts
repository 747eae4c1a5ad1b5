// Requests to a server and what goes wrong with them. Uses fetch alone, so that it runs in browsers and in every JavaScript runtime.
// Knows no route.

/** An answer of the server that is an error, or no answer (`status` 0). */
export class ServerError extends Error {
  /** HTTP status; 0 where the server could not be reached. */
  readonly status: number;
  readonly code: string;
  /** Name of the field of the request that is at fault. */
  readonly field: string | null;
  readonly requestId: string | null;
  /** Milliseconds after which it is worth trying again; null where it is not known. */
  readonly retryAfterMs: number | null;
  constructor(status: number, code: string, message: string, more: { readonly field?: string | null; readonly requestId?: string | null; readonly retryAfterMs?: number | null; readonly cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = 'ServerError';
    this.status = status;
    this.code = code;
    this.field = more.field ?? null;
    this.requestId = more.requestId ?? null;
    this.retryAfterMs = more.retryAfterMs ?? null;
  }
}

export interface Connection {
  /** Address of the server, without `/v1`; empty for the page's own server. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  readonly fetch: typeof fetch;
}

export interface Call {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | number | null | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Sends a request. Throws `ServerError` for an error and where the server cannot be reached; what `signal` throws passes through. */
export async function send(connection: Connection, path: string, call: Call = {}): Promise<Response> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== null && value !== undefined) query.set(name, String(value));
  const headers = new Headers(call.headers);
  if (connection.apiKey !== null) headers.set('Authorization', `Bearer ${connection.apiKey}`);
  if (call.json !== undefined) headers.set('Content-Type', 'application/json');
  const body = call.json === undefined ? call.body : JSON.stringify(call.json);
  const init: RequestInit = { method: call.method ?? 'GET', headers, ...(body !== undefined && { body }), ...(call.signal && { signal: call.signal }) };
  let response: Response;
  try {
    response = await connection.fetch(`${connection.baseUrl}${path}${query.size === 0 ? '' : `?${query.toString()}`}`, init);
  } catch (error) {
    call.signal?.throwIfAborted();
    throw new ServerError(0, 'unreachable', `the server ${connection.baseUrl} cannot be reached`, { cause: error });
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Sends a request and reads the answer as JSON of type `T`, which the server's own schema vouches for. */
export async function sendForJson<T>(connection: Connection, path: string, call: Call = {}): Promise<T> {
  const response = await send(connection, path, call);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the border of the process
  return (await response.json()) as T;
}

async function errorOf(response: Response): Promise<ServerError> {
  const requestId = response.headers.get('x-request-id');
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
  const body: unknown = await response.json().catch(() => null);
  const error = fieldOf(body, 'error');
  const text = (name: string): string | null => {
    const value = fieldOf(error, name);
    return typeof value === 'string' ? value : null;
  };
  return new ServerError(response.status, text('code') ?? 'internal', text('message') ?? `the server answered with status ${response.status}`, { field: text('param'), requestId, retryAfterMs });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
