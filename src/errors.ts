// The one error class and its closed set of codes. Importable everywhere; imports nothing.

/** What can go wrong. Each code is one kind of mend on the caller's side. */
const errorCodes = [
  'bad_option', // an option is unknown or out of its range
  'bad_input', // a request that makes no sense, such as no prompt
  'bad_media', // bytes that cannot be read as what they claim to be, or exceed a limit
  'unknown_model', // no such bundle
  'unknown_output', // no such output or modality in the bundle
  'unsupported', // the bundle or the decoder cannot do this
  'bundle_invalid', // bundle.json or its files are wrong
  'device_unavailable', // the device that was insisted on cannot be had
  'access_denied', // a hub wants a token, or a licence has to be accepted first
  'download_failed', // a file of a model could not be fetched whole
  'aborted', // cancelled by the caller
  'engine_crashed', // the engine's process ended during the job
  'timeout', // a limit of time was exceeded
  'not_found', // no such job, medium, conversation or key of this caller
  'conflict', // the same key under another request, or a state that forbids it
  'unauthorized', // a key is missing, unknown or revoked
  'forbidden', // the key lacks the scope, or a page of another origin asks
  'too_large', // a body of more bytes than is taken
  'rate_limited', // too many requests of one key in a minute
  'queue_full', // too much waits already; try again later
  'disk_full', // nothing more can be kept
  'unavailable', // a service behind the server does not answer; try again later
  'shutting_down', // the server ends; try another or later
  'internal', // a fault of ours
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** Whether a text from another process is one of the codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return errorCodes.some((code) => code === text);
}

/** An error that says where it happened, what was got, what was expected and what to do. */
export class AnymodalError extends Error {
  readonly code: ErrorCode;
  /** Name of the field of the request that is at fault, such as `n` or `messages.0.content`; null where none is. */
  readonly field: string | null;
  /** Milliseconds after which it is worth trying again; null where it is not. */
  readonly retryAfterMs: number | null;
  constructor(code: ErrorCode, message: string, options: ErrorOptions & { readonly field?: string; readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.name = 'AnymodalError';
    this.code = code;
    this.field = options.field ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Whether the caller can mend it (exit code 2, HTTP 4xx) rather than us. */
export function isCallerFault(code: ErrorCode): boolean {
  return ['bad_option', 'bad_input', 'bad_media', 'unknown_model', 'unknown_output', 'unsupported', 'bundle_invalid', 'device_unavailable', 'access_denied', 'not_found', 'conflict', 'unauthorized', 'forbidden', 'too_large'].includes(code);
}
