// What is said of an error or an abort: in an event, and across the border of a process.
// Knows no job and no process.

import { AnymodalError, type ErrorCode } from '../errors.ts';

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Code and message of anything thrown. An error that is not ours is `internal`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AnymodalError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** Why a job was stopped, in words. */
export function reasonOf(reason: unknown): string {
  if (typeof reason === 'string') return reason;
  if (reason instanceof AnymodalError) return reason.message;
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'out of time' : 'cancelled';
}
