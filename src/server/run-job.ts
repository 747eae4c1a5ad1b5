// A job from the request that sends it to the reply that answers it: submitted, followed while its client is there, folded into
// an ordered reply. Shared by all routes; knows no wire format.

import { randomBytes, randomInt } from 'node:crypto';
import type { JobRequest, Made, Message } from '../contracts.ts';
import { AnymodalError, isErrorCode } from '../errors.ts';
import type { JobRecord, LoggedEvent, NewJob, Stored, StoredMedia, Warning } from '../queue/contracts.ts';
import type { ServerParts } from './contracts.ts';

type Parts = Pick<ServerParts, 'queue'>;

/** An id that nobody guesses: the prefix, and 128 random bits in base64url. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(16).toString('base64url')}`;
}

/** A seed for a job that was given none. It fits 32-bit fields of clients, and so do those of its variants. */
export function randomSeed(): number {
  return randomInt(2 ** 31);
}

/** A request for a job: what is not given is the plainest, the id new and the seed random. */
export function jobRequest(given: Pick<JobRequest, 'messages' | 'outputs'> & Partial<JobRequest>): JobRequest {
  return { id: newId('job'), route: 'auto', seed: randomSeed(), count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true, ...given };
}

export interface Attached {
  readonly record: JobRecord;
  /** To be read once, to its end or until it is left. */
  readonly events: AsyncGenerator<LoggedEvent>;
}

/**
 * Submits a job that lives as long as its client: it is cancelled when `signal` aborts and when `events` is left.
 * Throws what `Queue.submit` throws, before any status is sent.
 */
export async function startAttached({ queue }: Parts, job: NewJob, signal: AbortSignal): Promise<Attached> {
  const record = await queue.submit(job, signal);
  // The log tells what becomes of it; a fault here has no reader.
  const cancel = (): void => void queue.cancel(record.id, 'the client is gone').catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  async function* follow(): AsyncGenerator<LoggedEvent> {
    let ended = false;
    try {
      for await (const event of queue.events(record.id, 0)) {
        ended = isTerminal(event);
        yield event;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      if (!ended) await queue.cancel(record.id, 'the client is gone');
    }
  }
  return { record, events: follow() };
}

/** `startAttached` as one generator, for callers that send no status before its first event. */
export async function* runAttached(parts: Parts, job: NewJob, signal: AbortSignal): AsyncGenerator<LoggedEvent> {
  yield* (await startAttached(parts, job, signal)).events;
}

export function isTerminal(event: Pick<LoggedEvent, 'type'>): boolean {
  return event.type === 'job-end' || event.type === 'job-abort' || event.type === 'job-error';
}

/** Text or medium at its place in the reply. */
export type ReplyItem = ReplyText | ReplyMedia;
export interface ReplyText {
  readonly type: 'text';
  readonly variant: number;
  readonly part: number;
  readonly text: string;
}
export interface ReplyMedia {
  readonly type: 'media';
  readonly variant: number;
  readonly part: number;
  readonly output: string;
  readonly seed: number;
  readonly media: StoredMedia;
  readonly made: Made;
}

/** What a job has answered so far. */
export interface Reply {
  /** By variant, then by place in the reply. */
  readonly items: readonly ReplyItem[];
  readonly warnings: readonly Warning[];
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
  /** Bundle and device that answered; null before it starts. */
  readonly start: { readonly bundle: string; readonly device: string; readonly seed: number; readonly count: number } | null;
  /** Steps taken and steps known of, over all media begun; both 0 before the first. */
  readonly progress: { readonly step: number; readonly steps: number };
  /** The terminal event, or null while the job is under way. */
  readonly end: LoggedEvent | null;
}

/** Folds the events of one job, as they come, into its reply; an attempt that follows another makes its output void. */
export class ReplyFold {
  #attempt = 0;
  #places = new Map<string, ReplyItem>();
  #starts = new Map<string, Made>();
  #steps = new Map<string, { step: number; steps: number }>();
  #warnings = new Map<string, Warning>();
  #start: Reply['start'] = null;
  #usage = { inputTokens: 0, outputTokens: 0 };
  #end: LoggedEvent | null = null;

  add(event: LoggedEvent): void {
    if (event.attempt > this.#attempt) this.#begin(event.attempt);
    switch (event.type) {
      case 'job-start':
        this.#start = { bundle: event.bundle, device: event.device, seed: event.seed, count: event.count };
        break;
      case 'text-delta': {
        const known = this.#places.get(place(event));
        const text = (known?.type === 'text' ? known.text : '') + event.text;
        this.#places.set(place(event), { type: 'text', variant: event.variant, part: event.part, text });
        break;
      }
      case 'media-start':
        this.#starts.set(place(event), { output: event.output, references: event.references, ...(event.prompt !== undefined && { prompt: event.prompt }) });
        break;
      case 'media-progress':
        this.#steps.set(place(event), { step: event.step, steps: event.steps });
        break;
      case 'media-end': {
        const { variant, part, output, seed, media } = event;
        this.#places.set(place(event), { type: 'media', variant, part, output, seed, media, made: this.#starts.get(place(event)) ?? { output, references: [] } });
        break;
      }
      case 'job-warning':
        this.#warnings.set(`${event.code} ${event.message}`, { code: event.code, message: event.message });
        break;
      case 'job-end':
        this.#usage = { ...event.usage };
        break;
      default:
        break;
    }
    if (isTerminal(event)) this.#end = event;
  }

  reply(): Reply {
    const items = [...this.#places.values()].toSorted((a, b) => a.variant - b.variant || a.part - b.part);
    const steps = [...this.#steps.values()];
    const sum = (key: 'step' | 'steps'): number => steps.reduce((total, value) => total + value[key], 0);
    return { items, warnings: [...this.#warnings.values()], usage: this.#usage, start: this.#start, progress: { step: sum('step'), steps: sum('steps') }, end: this.#end };
  }

  #begin(attempt: number): void {
    this.#attempt = attempt;
    for (const map of [this.#places, this.#starts, this.#steps, this.#warnings]) map.clear();
    this.#usage = { inputTokens: 0, outputTokens: 0 };
    this.#end = null;
  }
}

/** The reply that a log of events tells. */
export function replyOf(events: Iterable<LoggedEvent>): Reply {
  const fold = new ReplyFold();
  for (const event of events) fold.add(event);
  return fold.reply();
}

/** The reply of a job that is followed to its end; `seen` is told each event as it comes. Throws the job's error. */
export async function collectReply(events: AsyncIterable<LoggedEvent>, seen?: (event: LoggedEvent) => void): Promise<Reply> {
  const fold = new ReplyFold();
  for await (const event of events) {
    fold.add(event);
    seen?.(event);
  }
  const reply = fold.reply();
  throwFailure(reply.end);
  return reply;
}

/** Submits an attached job and waits for its reply. Throws what submitting throws, and the job's error. */
export async function collectJob(parts: Parts, job: NewJob, signal: AbortSignal): Promise<Reply & { readonly record: JobRecord }> {
  const { record, events } = await startAttached(parts, job, signal);
  return { record, ...(await collectReply(events)) };
}

/** Throws what a terminal event other than `job-end` says; `internal` for a log that ends without one. */
export function throwFailure(end: LoggedEvent | null): void {
  if (end?.type === 'job-end') return;
  if (end?.type === 'job-error') throw new AnymodalError(isErrorCode(end.code) ? end.code : 'internal', end.message);
  if (end?.type === 'job-abort') throw new AnymodalError('aborted', end.reason);
  throw new AnymodalError('internal', 'the job ended without saying how');
}

/** One variant of a reply as the message that a conversation keeps. */
export function messageOfReply(reply: Pick<Reply, 'items'>, variant = 0): Stored<Message> {
  const items = reply.items.filter((item) => item.variant === variant);
  return { role: 'assistant', parts: items.map((item) => (item.type === 'text' ? { type: 'text', text: item.text } : { type: 'media', media: item.media, made: item.made })) };
}

function place({ variant, part }: { readonly variant: number; readonly part: number }): string {
  return `${variant}/${part}`;
}
