// What crosses the border between the client and the decoding process.
// Types and one number; knows neither side's work.
import type { Target } from './resize.ts';

export interface DecodeRequest {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** null asks for the header alone. */
  readonly target: Target | null;
  readonly maxPixels: number;
  readonly maxResidentBytes: number;
}

export type DecodeReply = { readonly id: number } & (
  | { readonly type: 'inspected'; readonly width: number; readonly height: number; readonly pages: number }
  | { readonly type: 'decoded'; readonly pixels: Uint8Array }
  | { readonly type: 'too-many-pixels'; readonly width: number; readonly height: number }
  | { readonly type: 'damaged'; readonly reason: 'truncated' | 'unreadable'; readonly detail: string }
);

/** Exit status of a process that ended itself for memory. */
export const memoryExit = 77;
