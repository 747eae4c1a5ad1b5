// What crosses the border between the client and the decoding process: tasks, and what became of them.
// Types and one number; knows neither side's work.
import type { Target } from './resize.ts';

/** Frames at the middles of the four quarters, or at times in seconds. */
export type FrameTimes = 'quarters' | readonly number[];

export type DecodeTask =
  | { readonly type: 'inspect-image' }
  | { readonly type: 'decode-image'; readonly target: Target }
  | { readonly type: 'inspect-audio' }
  /** Without a rate the sound's own one, or 48,000 Hz where that is higher. */
  | { readonly type: 'decode-audio'; readonly sampleRateHz: number | null; readonly startSeconds: number; readonly maxSeconds: number }
  | { readonly type: 'inspect-video' }
  | { readonly type: 'decode-video'; readonly target: Target; readonly times: FrameTimes };

export interface DecodeRequest {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly task: DecodeTask;
  readonly maxPixels: number;
  readonly maxResidentBytes: number;
}

export type DecodeResult =
  | { readonly type: 'image-header'; readonly width: number; readonly height: number; readonly pages: number }
  | { readonly type: 'image'; readonly pixels: Uint8Array }
  | { readonly type: 'audio-header'; readonly seconds: number; readonly sampleRateHz: number; readonly channels: number }
  | { readonly type: 'audio'; readonly samples: Float32Array; readonly sampleRateHz: number; readonly seconds: number }
  | { readonly type: 'video-header'; readonly seconds: number; readonly width: number; readonly height: number; readonly frames: number | null; readonly hasSound: boolean }
  | { readonly type: 'video'; readonly frames: readonly Uint8Array[]; readonly times: readonly number[]; readonly seconds: number };

export type DecodeFailure =
  | { readonly type: 'too-many-pixels'; readonly width: number; readonly height: number }
  | { readonly type: 'damaged'; readonly reason: 'truncated' | 'unreadable'; readonly detail: string }
  /** A whole file that is not read; `because` goes on from its name: "has ...; expected ...". */
  | { readonly type: 'refused'; readonly because: string }
  /** Nothing wrong with the file: what would read it is not installed. */
  | { readonly type: 'unsupported'; readonly message: string };

/** What decodes is loaded, the work begins; a reply follows. */
export interface DecodeStart {
  readonly type: 'started';
}

export type DecodeReply = { readonly id: number } & (DecodeStart | DecodeResult | DecodeFailure);

/** Exit status of a process that ended itself for memory. */
export const memoryExit = 77;
