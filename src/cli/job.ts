// Runs one job of an engine: shows its events, writes its media, and gathers its reply.
// Knows no command line; errors of a job are events here and never thrown.
import { randomUUID } from 'node:crypto';
import type { Engine, JobEvent, JobRequest, Part } from '../contracts.ts';
import { AnymodalError, isCallerFault, isErrorCode, type ErrorCode } from '../errors.ts';
import type { MadeFiles } from './made-files.ts';
import type { Report } from './report.ts';
import { exitCode } from './shell.ts';

export interface Outcome {
  readonly exitCode: number;
  /** Parts of the first variant's reply in order; empty unless the job ended well. */
  readonly reply: readonly Part[];
}

/** Runs `job` to its one terminal event; aborting `signal` cancels it. */
export async function runJob(engine: Engine, job: JobRequest, files: MadeFiles, report: Report, settings: { previews: boolean }, signal: AbortSignal): Promise<Outcome> {
  const reply = new Map<number, Part>();
  const starts = new Map<string, MediaStart>();
  let end: JobEvent | null = null;
  try {
    for await (const event of engine.run(job, signal)) {
      if (event.type === 'media-start') starts.set(placeOf(event), event);
      gather(event, reply, starts);
      report.event(event, writeMedia(event, files, starts, settings.previews));
      if (isTerminal(event)) end = event;
    }
  } catch (error) {
    // Leaving the loop by an error of ours, such as a full disk, has cancelled the job: this is its terminal event.
    const code = codeOf(error);
    report.failure(code, messageOf(error), job.id);
    return { exitCode: exitCodeOf(code), reply: [] };
  }
  report.finish();
  if (end === null) {
    report.failure('internal', 'the engine ended the job without saying how; run `anymodal doctor`.', job.id);
    return { exitCode: exitCode.failed, reply: [] };
  }
  if (end.type === 'job-abort') return { exitCode: exitCode.cancelled, reply: [] };
  if (end.type === 'job-error') return { exitCode: exitCodeOf(end.code), reply: [] };
  return { exitCode: exitCode.good, reply: [...reply.entries()].toSorted(([a], [b]) => a - b).map(([, part]) => part) };
}

/** The embedding of each of `parts` as it comes; warnings go to `report`. Throws the error that ends the request. */
export async function* embeddingsOf(engine: Engine, parts: readonly Part[], report: Report, signal: AbortSignal): AsyncGenerator<Extract<JobEvent, { type: 'embedding' }>> {
  for await (const event of engine.embed({ id: randomUUID(), inputs: parts }, signal)) {
    if (event.type === 'embedding') yield event;
    else if (event.type === 'job-warning') report.event(event, null);
    else if (event.type === 'job-error') throw errorOf(event);
    else if (event.type === 'job-abort') throw new AnymodalError('aborted', 'cancelled');
  }
}

/** Exit code for the code of an error or of a `job-error`; `aborted` counts as cancelled. */
export function exitCodeOf(code: string): number {
  if (code === 'aborted') return exitCode.cancelled;
  return isErrorCode(code) && isCallerFault(code) ? exitCode.badInput : exitCode.failed;
}

/** The error that a `job-error` tells of. */
export function errorOf(event: { readonly code: string; readonly message: string }): AnymodalError {
  return new AnymodalError(isErrorCode(event.code) ? event.code : 'internal', event.message);
}

/** The closed code of any thrown value. */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof AnymodalError) return error.code;
  return error instanceof Error && error.name === 'AbortError' ? 'aborted' : 'internal';
}

/** What to tell a person of any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof AnymodalError) return error.message;
  return codeOf(error) === 'aborted' ? 'cancelled' : `an error of ours: ${error instanceof Error ? error.message : String(error)}`;
}

function isTerminal(event: JobEvent): boolean {
  return event.type === 'job-end' || event.type === 'job-abort' || event.type === 'job-error';
}

type MediaStart = Extract<JobEvent, { type: 'media-start' }>;

function writeMedia(event: JobEvent, files: MadeFiles, starts: ReadonlyMap<string, MediaStart>, previews: boolean): string | null {
  if (event.type === 'media-end') return files.write(event.media, event.output, event.seed);
  if (event.type !== 'media-preview' || !previews) return null;
  const start = starts.get(placeOf(event));
  return start === undefined ? null : files.writePreview(event.media, start.output, start.seed, event.step);
}

/** Builds the first variant's reply: text grows, a medium keeps what its start said it is made from. */
function gather(event: JobEvent, reply: Map<number, Part>, starts: ReadonlyMap<string, MediaStart>): void {
  if (event.type === 'text-delta' && event.variant === 0) {
    const before = reply.get(event.part);
    reply.set(event.part, { type: 'text', text: `${before?.type === 'text' ? before.text : ''}${event.text}` });
  }
  if (event.type === 'media-end' && event.variant === 0) {
    const { references = [], prompt } = starts.get(placeOf(event)) ?? {};
    reply.set(event.part, { type: 'media', media: event.media, made: { output: event.output, references, ...(prompt !== undefined && { prompt }) } });
  }
}

function placeOf(event: { readonly variant: number; readonly part: number }): string {
  return `${event.variant}/${event.part}`;
}
