// The page's one connection to its server, by the public client.
import { Client, ServerError } from '../../src/client/index.ts';
import { text } from './text.ts';

export const client = new Client();

/** What went wrong, for people. */
export function messageOf(error: unknown): string {
  if (error instanceof ServerError && error.status === 0) return text.errors.unreachable;
  return error instanceof Error ? error.message : String(error);
}
