// What a job looks like at a moment, from its events alone: the parts of the reply in order, progress, previews, trace.
// A plain function of events; knows no page and no server.

import type { JobEvent, JobStatus, MediaObject } from '../../../src/client/index.ts';

export interface TextView {
  readonly type: 'text';
  readonly variant: number;
  readonly part: number;
  readonly text: string;
}
export interface Preview {
  readonly step: number;
  readonly url: string;
}
export interface MediaView {
  readonly type: 'media';
  readonly variant: number;
  readonly part: number;
  readonly output: string;
  readonly modality: string;
  readonly seed: number;
  /** Ordinals of the media of the conversation that it edits or follows. */
  readonly references: readonly number[];
  /** What the language model wrote for it, on the caption route. */
  readonly prompt: string | null;
  readonly step: number;
  /** 0 until the first step. */
  readonly steps: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly previews: readonly Preview[];
  readonly media: MediaObject | null;
}
export type PartView = TextView | MediaView;

export interface Trace {
  readonly stage: string;
  readonly component: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly milliseconds: number;
}

export interface JobView {
  readonly id: string;
  readonly status: JobStatus;
  readonly attempt: number;
  readonly position: number | null;
  readonly model: string | null;
  readonly seed: number | null;
  readonly parts: readonly PartView[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly traces: readonly Trace[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly tokens: { readonly input: number; readonly output: number } | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Id of the last event. */
  readonly last: number;
}

export function emptyJob(id: string): JobView {
  return { id, status: 'queued', attempt: 1, position: null, model: null, seed: null, parts: [], warnings: [], traces: [], error: null, tokens: null, startedAt: null, endedAt: null, last: 0 };
}

/** The job after one more event. */
export function withEvent(before: JobView, event: JobEvent): JobView {
  // What a lost attempt made is void.
  const begun = event.attempt > before.attempt ? { ...emptyJob(before.id), attempt: event.attempt } : before;
  const job = { ...begun, last: event.id };
  switch (event.type) {
    case 'job-queued':
      return { ...job, position: event.position };
    case 'job-start':
      return { ...job, status: 'running', position: null, model: event.bundle, seed: event.seed, startedAt: event.at };
    case 'text-delta':
      return withPart(job, event, (old) => ({ type: 'text', variant: event.variant, part: event.part, text: (old?.type === 'text' ? old.text : '') + event.text }));
    case 'media-start':
      return withPart(job, event, () => ({
        type: 'media', variant: event.variant, part: event.part, output: event.output, modality: event.modality, seed: event.seed, references: event.references,
        prompt: event.prompt ?? null, step: 0, steps: 0, startedAt: event.at, endedAt: null, previews: [], media: null,
      }));
    case 'media-progress':
      return withMedia(job, event, (old) => ({ ...old, step: event.step, steps: event.steps }));
    case 'media-preview':
      return withMedia(job, event, (old) => ({ ...old, previews: [...old.previews, { step: event.step, url: event.media.data ?? event.media.url }] }));
    case 'media-end':
      return withMedia(job, event, (old) => ({ ...old, media: event.media, endedAt: event.at, modality: event.modality }));
    case 'trace':
      return { ...job, traces: [...job.traces, { stage: event.stage, component: event.component, shapes: event.shapes, milliseconds: event.milliseconds }] };
    case 'job-warning':
      return { ...job, warnings: [...job.warnings, { code: event.code, message: event.message }] };
    case 'job-end':
      return { ...job, status: 'completed', endedAt: event.at, tokens: { input: event.usage.inputTokens, output: event.usage.outputTokens } };
    case 'job-abort':
      return { ...job, status: 'cancelled', endedAt: event.at, error: { code: 'aborted', message: event.reason } };
    case 'job-error':
      return { ...job, status: 'failed', endedAt: event.at, error: { code: event.code, message: event.message } };
    case 'embedding':
      return job;
  }
}

interface Place {
  readonly variant: number;
  readonly part: number;
}

function withPart(job: JobView, { variant, part }: Place, change: (old: PartView | undefined) => PartView): JobView {
  const at = (view: Place): boolean => view.variant === variant && view.part === part;
  const changed = change(job.parts.find(at));
  const others = job.parts.filter((view) => !at(view));
  const parts = [...others, changed].toSorted((a, b) => a.variant - b.variant || a.part - b.part);
  return { ...job, parts };
}

function withMedia(job: JobView, place: Place, change: (old: MediaView) => MediaView): JobView {
  const old = job.parts.find((view) => view.variant === place.variant && view.part === place.part);
  return old?.type === 'media' ? withPart(job, place, () => change(old)) : job;
}

export function hasEnded(job: JobView): boolean {
  return job.status !== 'queued' && job.status !== 'running';
}

/** Seconds that a medium still needs at the pace so far; null before the first step. */
export function secondsLeft(view: MediaView, now: number): number | null {
  if (view.step < 1 || view.steps === 0 || view.media !== null) return null;
  return ((now - view.startedAt) / view.step) * (view.steps - view.step) / 1000;
}
