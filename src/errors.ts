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
  'aborted', // cancelled by the caller
  'engine_crashed', // the engine's process ended during the job
  'timeout', // a limit of time was exceeded
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
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AnymodalError';
    this.code = code;
  }
}

/** Whether the caller can mend it (exit code 2, HTTP 4xx) rather than us. */
export function isCallerFault(code: ErrorCode): boolean {
  return ['bad_option', 'bad_input', 'bad_media', 'unknown_model', 'unknown_output', 'unsupported', 'bundle_invalid', 'device_unavailable'].includes(code);
}
