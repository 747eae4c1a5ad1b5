// Errors to HTTP: one table from code to status, the body that OpenAI's clients read, and whether they should try again.
// Knows no route.

import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { AnymodalError, isErrorCode, type ErrorCode } from '../errors.ts';

/** HTTP status of every code. */
export const statusOfCode: Readonly<Record<ErrorCode, ContentfulStatusCode>> = {
  bad_option: 400,
  bad_input: 400,
  bad_media: 400,
  unknown_model: 404,
  unknown_output: 400,
  unsupported: 400,
  bundle_invalid: 500,
  device_unavailable: 503,
  access_denied: 502,
  download_failed: 502,
  aborted: 409,
  engine_crashed: 500,
  timeout: 504,
  not_found: 404,
  conflict: 409,
  unauthorized: 401,
  forbidden: 403,
  too_large: 413,
  rate_limited: 429,
  queue_full: 429,
  disk_full: 507,
  unavailable: 503,
  shutting_down: 503,
  internal: 500,
};

/** Codes after which the same request may do better; all others say `x-should-retry: false`, so that no client repeats minutes of work by itself. */
const worthRetrying: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'queue_full', 'unavailable', 'shutting_down']);

/** Milliseconds that a client waits where the error does not say. */
const RETRY_AFTER_MS = 1000;

export interface ErrorBody {
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string };
}

/** The body of an error, in an answer or in an event of a stream. What is no AnymodalError tells nothing of itself. */
export function errorBody(error: unknown): ErrorBody {
  const { code, message, field } = asAnymodalError(error);
  return { error: { message, type: typeOf(statusOfCode[code]), param: field, code } };
}

/** The answer for an error, with `x-should-retry` and `Retry-After`. */
export function errorResponse(c: Context, error: unknown): Response {
  const known = asAnymodalError(error);
  const status = error instanceof HTTPException ? error.status : statusOfCode[known.code];
  const retry = worthRetrying.has(known.code);
  c.header('x-should-retry', String(retry));
  if (retry) {
    const waitMs = known.retryAfterMs ?? RETRY_AFTER_MS;
    c.header('Retry-After', String(Math.max(1, Math.ceil(waitMs / 1000))));
    c.header('retry-after-ms', String(Math.max(1, Math.ceil(waitMs))));
  }
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="anymodal"');
  return c.json(errorBody(known), status);
}

/** The error of a job, as an event tells it, as an error to throw. */
export function jobFault({ code, message }: { readonly code: string; readonly message: string }): AnymodalError {
  return new AnymodalError(isErrorCode(code) ? code : 'internal', message);
}

/** `error` as one of ours: hono's own as `bad_input`, anything else as `internal` without its words. */
export function asAnymodalError(error: unknown): AnymodalError {
  if (error instanceof AnymodalError) return error;
  if (error instanceof HTTPException) return new AnymodalError('bad_input', httpFaults[error.status] ?? `the request cannot be read (HTTP ${error.status})`, { cause: error });
  return new AnymodalError('internal', 'something went wrong in the server; its log has it under this request id', { cause: error });
}

const httpFaults: Readonly<Partial<Record<number, string>>> = {
  400: 'the body is neither the JSON nor the form that its content-type says',
  405: 'this address does not know that method; `Allow` names those that it knows',
  415: 'content-type: expected application/json, or multipart/form-data where the route takes files',
};

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
