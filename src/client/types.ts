// The job API as a client sees it: what is sent, what comes back, what happens in between. Types only.
// The same objects as the events of `anymodal --json`, with media by address instead of bytes.

import type { JobEventBody, Media, Route } from '../contracts.ts';

/** A medium that the server keeps. */
export interface MediaObject {
  readonly id: string;
  readonly modality: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** Address of the bytes; signed, and good for a limited time. */
  readonly url: string;
  /** The bytes as a data address; only of small previews in events. */
  readonly data?: string;
  readonly name?: string;
  /** What it was made from, or what its owner calls it. */
  readonly title?: string | null;
  readonly createdAt?: number;
  readonly job?: string | null;
}

/** Something to work from: words, a medium that the server keeps, bytes as a data address, or an address where the server allows it. */
export type InputPart = { readonly type: 'text'; readonly text: string } | ({ readonly type: 'media' } & ({ readonly id: string } | { readonly data: string } | { readonly url: string }));

/** A job to be done. What is absent has a default. */
export interface JobInput {
  readonly input: readonly InputPart[];
  /** Outputs in order; null or absent lets the language model decide. */
  readonly outputs?: readonly string[] | null;
  readonly model?: string;
  readonly conversation?: string;
  readonly route?: Route;
  readonly seed?: number;
  readonly count?: number;
  /** By output, such as `{ image: { steps: 8 } }`. */
  readonly options?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly negativePrompt?: string;
  /** Id of a medium: white may change, black stays. */
  readonly mask?: string;
  /** Weighted sum of joint embeddings as the source. */
  readonly mix?: readonly { readonly weight: number; readonly part: InputPart }[];
}

export type JobStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** A part of an answer. */
export type OutputPart = { readonly type: 'text'; readonly text: string } | { readonly type: 'media'; readonly output: string; readonly seed: number; readonly media: MediaObject };

export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  readonly model: string;
  readonly conversation: string | null;
  readonly attempt: number;
  /** Jobs that start before it; null where it is not queued. */
  readonly position: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly progress: { readonly step: number; readonly steps: number };
  /** The reply so far, by variant and place. */
  readonly outputs: readonly ({ readonly variant: number; readonly part: number } & OutputPart)[];
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** `T` with every medium in it by address. */
export type Wire<T> = T extends Media ? MediaObject : T extends readonly (infer Item)[] ? readonly Wire<Item>[] : T extends object ? { readonly [Key in keyof T]: Wire<T[Key]> } : T;

/** What happens to a job. Exactly one of `job-end`, `job-abort`, `job-error` comes, last. `id` counts from 1; `at` in milliseconds since 1970. */
export type JobEvent = Wire<JobEventBody> & { readonly job: string; readonly attempt: number; readonly id: number; readonly at: number };

export interface Conversation {
  readonly id: string;
  readonly title: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
export interface ConversationMessage {
  readonly id: string;
  readonly role: 'system' | 'user' | 'assistant';
  readonly parts: readonly ({ readonly type: 'text'; readonly text: string } | { readonly type: 'media'; readonly media: MediaObject })[];
  /** The job that answered. */
  readonly job: string | null;
  readonly createdAt: number;
}

export interface Model {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly title: string;
  readonly state: 'unloaded' | 'loading' | 'ready' | 'failed';
  readonly error: string | null;
  /** SPDX. */
  readonly licence: string;
  readonly architecture: { readonly input_modalities: readonly string[]; readonly output_modalities: readonly string[] };
}

/** A model with what it reads and makes; options as JSON Schema. */
export interface WholeModel extends Model {
  readonly version: string;
  readonly device: string;
  /** What it cannot do, in plain sentences. */
  readonly limits: readonly string[];
  /** Its model card in Markdown; null where it has none. */
  readonly card: string | null;
  readonly inputs: readonly { readonly modality: string; readonly mediaTypes: readonly string[]; readonly joint: boolean; readonly chat: boolean }[];
  readonly outputs: readonly { readonly name: string; readonly modality: string; readonly options: Readonly<Record<string, unknown>>; readonly references: readonly string[]; readonly negative: boolean }[];
  readonly text: Readonly<Record<string, unknown>> | null;
}

export interface Session {
  /** Whether the server needs a key at all. */
  readonly keysRequired: boolean;
  readonly signedIn: boolean;
}

export interface List<T> {
  readonly data: readonly T[];
  /** Cursor for `after` of the next page. */
  readonly lastId?: string | null;
  readonly hasMore: boolean;
}
