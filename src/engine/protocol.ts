// What the engine's process and its client say to each other. Plain data; a tensor never crosses.
// `key` names one piece of work on one connection; its events end with a terminal one.

import type { DeviceChoice, EmbedRequest, EngineDescription, JobEvent, JobRequest } from '../contracts.ts';
import type { Failure } from './failures.ts';

export type Work =
  /** Its only event is the terminal one. */
  | { readonly type: 'check'; readonly job: JobRequest; readonly isNext: boolean }
  | { readonly type: 'run'; readonly job: JobRequest; readonly isLong: boolean }
  | { readonly type: 'embed'; readonly request: EmbedRequest };

export type ToChild =
  | { readonly type: 'open'; readonly bundle: string; readonly device: DeviceChoice; readonly factoryModules: readonly string[] }
  | { readonly type: 'work'; readonly key: number; readonly work: Work }
  | { readonly type: 'cancel'; readonly key: number; readonly reason: string }
  | { readonly type: 'close' };

export type FromChild =
  | { readonly type: 'opened'; readonly description: EngineDescription }
  | ({ readonly type: 'failed' } & Failure)
  | { readonly type: 'event'; readonly key: number; readonly event: JobEvent }
  | { readonly type: 'closed' };

export function isTerminal(event: JobEvent): boolean {
  return event.type === 'job-end' || event.type === 'job-abort' || event.type === 'job-error';
}
