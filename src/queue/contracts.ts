// What the server is built on: jobs and media as they are kept, the job log, the queue and the engines behind it.
// Types only. One machine's implementations are in this folder; several machines share others behind the same types.

import type { EmbedRequest, Engine, EngineDescription, JobEventBody, JobRequest, Media } from '../contracts.ts';

/** A medium by its content: the bytes lie in the media store. */
export interface StoredMedia {
  readonly id: string;
  readonly modality: string;
  readonly mediaType: string;
  /** Length of its bytes. */
  readonly size: number;
  readonly name?: string;
}

/** `T` with every medium in it replaced by its reference. */
export type Stored<T> = T extends Media ? StoredMedia : T extends readonly (infer Item)[] ? readonly Stored<Item>[] : T extends object ? { readonly [Key in keyof T]: Stored<T[Key]> } : T;

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type JobStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** One accepted job. Times are milliseconds since 1970. */
export interface JobRecord {
  readonly id: string;
  /** Who sent it: the id of a key, `local` where none is needed. Nobody else sees it. */
  readonly owner: string;
  /** Id of the bundle that runs it. */
  readonly model: string;
  /** Which route accepted it: `job`, `image`, `video`, `audio`, `speech`, `chat`, `response`. */
  readonly kind: string;
  /** How much work it is, in units of a short reply; of one owner's jobs the short ones go first. */
  readonly weight: number;
  readonly status: JobStatus;
  /** 0 until it starts; an attempt that lost its engine or its server is followed by another. */
  readonly attempt: number;
  /** Engines that ended under it; the second ends it. */
  readonly losses: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** It is stopped at this time, wherever it stands. */
  readonly deadlineAt: number | null;
  /** True for a job that outlives the request that sent it. An attached one is cancelled at a restart of the server. */
  readonly detached: boolean;
  readonly conversation: string | null;
  readonly request: Stored<JobRequest>;
  /** What the route that accepted it needs to answer for it later, such as the size asked for. */
  readonly view: Json;
  /** Why it failed or was cancelled. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** One event as it is kept. `id` counts from 1 within the job, without gaps; it is the `id` of the event stream. `at`: when it came, in milliseconds since 1970. */
export type LoggedEvent = Stored<JobEventBody> & { readonly job: string; readonly attempt: number; readonly id: number; readonly at: number };

/** A page of a list: newest first, what follows the item `after`. */
export interface Page {
  readonly after?: string | undefined;
  readonly limit: number;
  readonly order?: 'asc' | 'desc' | undefined;
}

/** Identity that a client gave to a request, so that sending it again does nothing twice. `digest` tells requests apart. */
export interface Idempotency {
  readonly key: string;
  readonly digest: string;
}

/** Where jobs and their events are kept. What is fulfilled is on disk. */
export interface JobLog {
  /**
   * Keeps a job with its first event, `job-queued`. With an idempotency key: the job that the owner sent before under the same key
   * instead, if any. Throws `conflict` where its digest differs, or for an id that is taken.
   */
  add(job: JobRecord, position: number, idempotency?: Idempotency): Promise<JobRecord>;
  /** The job that the owner sent before under the key. Throws `conflict` where its digest differs. */
  byKey(owner: string, idempotency: Idempotency): Promise<JobRecord | null>;
  get(id: string): Promise<JobRecord | null>;
  list(filter: { readonly owner: string; readonly kind?: string | undefined; readonly status?: JobStatus | undefined; readonly conversation?: string | undefined }, page: Page): Promise<readonly JobRecord[]>;
  /** Changes a job that has not ended; an ended one stays as it is. */
  update(id: string, change: { readonly status?: 'queued' | 'running'; readonly attempt?: number; readonly losses?: number; readonly startedAt?: number | null }): Promise<void>;
  /**
   * Adds events that came at `times` (milliseconds since 1970; now, where none are given). A terminal one ends the job: its status, error and time are those of the event, in the same moment.
   * Throws `conflict` after the terminal event, of which a job has one, and `not_found`.
   */
  append(id: string, attempt: number, events: readonly Stored<JobEventBody>[], times?: readonly number[]): Promise<readonly LoggedEvent[]>;
  /** Events with an id above `after`, at most `limit`. */
  events(id: string, after: number, limit?: number): Promise<readonly LoggedEvent[]>;
  /** Jobs that are queued or were running, in the order in which they were accepted. */
  unfinished(): Promise<readonly JobRecord[]>;
  /** Removes a finished job, its events and its keys. False where there was none, or it has not ended. */
  remove(id: string): Promise<boolean>;
  /** Finished jobs that ended before `before`, the oldest first; with or without those of conversations. */
  endedBefore(before: number, limit: number, of?: { readonly conversations: boolean }): Promise<readonly JobRecord[]>;
  /** How many finished jobs are kept. */
  ended(): Promise<number>;
}

/** One owner's medium. The same bytes of two owners are one file and two records. */
export interface MediaRecord extends StoredMedia {
  readonly owner: string;
  readonly createdAt: number;
  /** `preview` is dropped when its job ends; the others stay until they or their job are deleted, or retention takes them. */
  readonly origin: 'upload' | 'input' | 'made' | 'preview';
  /** The job that made it. */
  readonly job: string | null;
  /** What it was made from, or what its owner calls it; found by search. */
  readonly title: string | null;
}

/** What an address of a medium answers with, and for how long. `disposition` is the header of that name. */
export interface MediaAnswer {
  readonly seconds: number;
  readonly disposition: string;
}

/** Where media are kept: files by content, records by owner. What is fulfilled is on disk. */
export interface MediaStore {
  /**
   * Keeps a medium. With a job it goes when the job is removed, unless another job or `hold` uses it; without one it stays until it is
   * removed. The record of a medium that the owner has already stays, but for an origin that says more. Throws `disk_full`.
   */
  put(media: Media, record: Pick<MediaRecord, 'owner' | 'origin' | 'job' | 'title'>): Promise<MediaRecord>;
  /** The record of an owner's medium; null for one that is somebody else's or nobody's. */
  find(owner: string, id: string): Promise<MediaRecord | null>;
  /** The bytes, whoever owns them; ask `find` first. Throws `not_found`. */
  read(media: StoredMedia): Promise<Media>;
  /** Part of the bytes as a stream, both ends included. Throws `not_found`. */
  stream(media: StoredMedia, range?: { readonly start: number; readonly end: number }): Promise<ReadableStream<Uint8Array>>;
  /** An address of the place where the bytes lie, which answers anybody for so many seconds; null or absent where there is none. */
  address?(media: StoredMedia, answer: MediaAnswer): Promise<string | null>;
  list(filter: { readonly owner: string; readonly modality?: string | undefined; readonly text?: string | undefined; readonly job?: string | undefined; readonly origins?: readonly MediaRecord['origin'][] }, page: Page): Promise<readonly MediaRecord[]>;
  /** Removes the owner's record, and the file with the last record of it unless it is held. False where there was none. */
  remove(owner: string, id: string): Promise<boolean>;
  /** Keeps the files of media, whoever removes their records, for `holder` to read: a job (`job/ID`), a conversation. */
  hold(holder: string, ids: readonly string[]): Promise<void>;
  release(holder: string): Promise<void>;
  /** Removes what came with a job: its previews, all that it made, or its inputs too. What else uses them stays. */
  removeOfJob(job: string, what: 'previews' | 'output' | 'all'): Promise<void>;
  /** Jobs that brought media or hold some. */
  jobs(): Promise<readonly { readonly id: string; readonly holds: boolean }[]>;
  /** Keeps a joint embedding for search by likeness. */
  setEmbedding(id: string, space: string, embedding: readonly number[]): Promise<void>;
  embedding(id: string, space: string): Promise<readonly number[] | null>;
  /** The owner's media nearest to an embedding, best first. */
  nearest(owner: string, space: string, embedding: readonly number[], limit: number): Promise<readonly { readonly media: MediaRecord; readonly similarity: number }[]>;
  /** Bytes that all files take. */
  size(): Promise<number>;
}

/** Where bytes lie, by the SHA-256 of their content; records of them are elsewhere. Shared by all servers and workers. */
export interface MediaBytes {
  /** Keeps them until `remove`, once a record tells of them; before that they may go after an hour. Throws `too_large`, `disk_full`, `unavailable`. */
  write(id: string, bytes: Uint8Array): Promise<void>;
  has(id: string): Promise<boolean>;
  /** Null where they are gone. Throws `unavailable`. */
  read(id: string): Promise<Uint8Array | null>;
  /** From `start` to `end`, both included. Null where they are gone, before anything is read. */
  stream(id: string, size: number, range?: { readonly start: number; readonly end: number }): Promise<ReadableStream<Uint8Array> | null>;
  /** An address of the place itself, good for so long; absent where it has none. */
  address?(id: string, mediaType: string, answer: MediaAnswer): Promise<string>;
  remove(id: string): Promise<void>;
}

/** A media store that keeps within a number of bytes. */
export interface LimitedMediaStore extends MediaStore {
  /** Sets how many bytes all files may take, and what is done before a medium is refused for want of room. */
  limit(limit: MediaLimit | null): void;
  /** Removes records without a job and a holder from before `before` (milliseconds since 1970), at most `limit`; uploads stay. Returns how many. */
  removeLoose(before: number, limit: number): Promise<number>;
}
export interface MediaLimit {
  readonly bytes: number;
  /** Makes room for so many bytes, if it can. */
  makeRoom(bytes: number): Promise<void>;
}

/** A job to be accepted. */
export interface NewJob {
  readonly owner: string;
  readonly model: string;
  readonly kind: string;
  readonly detached: boolean;
  readonly conversation?: string | null;
  readonly view?: Json;
  /** Milliseconds from acceptance; null for the queue's own limit. */
  readonly deadlineMs?: number | null;
  readonly idempotency?: Idempotency;
  readonly request: JobRequest;
}

/** The order of work. Jobs of one owner run in turn with those of others; the log is its memory. */
export interface Queue {
  /**
   * Validates (through the engine) and keeps a job; it is on disk when this is fulfilled.
   * Throws what validation throws, `queue_full` with `retryAfterMs`, `unknown_model`, `conflict`, `disk_full`, `shutting_down`.
   */
  submit(job: NewJob, signal?: AbortSignal): Promise<JobRecord>;
  get(id: string): Promise<JobRecord | null>;
  list: JobLog['list'];
  /** Ends a job that has not ended; an ended one stays as it is. Fulfilled when it is terminal. */
  cancel(id: string, reason: string): Promise<void>;
  /** Ends it if need be, and removes its record, events, previews and the media that it made. */
  remove(id: string): Promise<void>;
  /** Events after the one with id `after`, then those to come, until the terminal one; from the log, so that they outlive the server. */
  events(id: string, after: number, signal?: AbortSignal): AsyncGenerator<LoggedEvent>;
  /** Events after the one with id `after` that are there by now; waits for none. */
  logged(id: string, after: number): Promise<readonly LoggedEvent[]>;
  /** Jobs that will start before it, from 0; null where it is not queued. */
  position(id: string): Promise<number | null>;
  /** Of all servers that share the queue, a moment old where there are several. */
  state(): { readonly queued: number; readonly running: number; readonly capacity: number };
  /** Embeddings are short and not kept: they take their turn in the engine at once. */
  embed(model: string, request: EmbedRequest, signal?: AbortSignal): Promise<{ readonly embeddings: readonly (readonly number[])[]; readonly warnings: readonly Warning[] }>;
  /** Accepts nothing more, and waits until running jobs have ended or `graceMs` are over; what is left is kept for the next start. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** One model that the server offers. */
export interface ModelState {
  /** What `model` in a request may be; the bundle's own id first. */
  readonly id: string;
  readonly aliases: readonly string[];
  readonly state: 'unloaded' | 'loading' | 'ready' | 'failed';
  /** Known before it is loaded, from its bundle.json. */
  readonly title: string;
  readonly licence: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Bytes that it is counted with while loaded. */
  readonly bytes: number;
  readonly error: string | null;
}

/** The engines of the models under one budget of memory: loaded on demand, the least recently used unloaded. */
export interface Engines {
  /** The default first. */
  models(): readonly ModelState[];
  /** False for a model that nobody can run at the moment, such as while its workers are away; absent: all can be run. */
  isServed?(model: string): boolean;
  /** Bundle id of a name or alias; null names the default. Throws `unknown_model`, which lists the models. */
  resolve(name: string | null): string;
  /** Loads it if need be. */
  describe(model: string, signal?: AbortSignal): Promise<EngineDescription>;
  /** An engine that stays loaded until it is released. Waits for memory; throws what opening throws. */
  lease(model: string, signal?: AbortSignal): Promise<{ readonly engine: Engine; release(): void }>;
  close(): Promise<void>;
}
