// Calls that a server makes and any worker with the model answers: what it can do, whether a job is sound, embeddings.
// Short, and not kept: a call that nobody took in time is an error. Media go by the media store.

import { randomUUID } from 'node:crypto';
import type { EmbedRequest, EngineDescription, JobRequest } from '../../contracts.ts';
import { AnymodalError, isErrorCode } from '../../errors.ts';
import type { Stored, Warning } from '../contracts.ts';
import type { RedisLink } from './connection.ts';
import type { Listener } from './listener.ts';

export type Question =
  | { readonly kind: 'describe' }
  | { readonly kind: 'check'; readonly request: Stored<JobRequest> }
  | { readonly kind: 'embed'; readonly request: Stored<EmbedRequest> };

export interface Answers {
  readonly describe: EngineDescription;
  readonly check: null;
  readonly embed: { readonly embeddings: readonly (readonly number[])[]; readonly warnings: readonly Warning[] };
}

/** A question on its way; `server` hears the answer. */
export interface Call {
  readonly id: string;
  readonly server: string;
  /** Nobody waits for an answer after this, in milliseconds since 1970. */
  readonly until: number;
  readonly question: Question;
}

export type Said =
  /** A worker is at it still. */
  | { readonly id: string; readonly said: 'working' }
  | { readonly id: string; readonly said: 'answer'; /** JSON. */ readonly answer: string }
  | { readonly id: string; readonly said: 'error'; readonly code: string; readonly message: string; readonly field: string | null };

/** A worker that says nothing for this long has ended. */
const SILENCE_MS = 8000;
/** How often a worker says that it is at it. */
export const WORKING_MS = 2000;
/** How long a call waits for a worker that takes it, and for its answer: a model may have to load. */
const TAKEN_MS = 60_000;
const WHOLE_MS = 300_000;
/** Workers that may end over one call. */
const MOST_TRIES = 3;

export class Calls {
  readonly #link: RedisLink;
  readonly #listener: Listener;
  readonly #waiting = new Map<string, (said: Said | null) => void>();
  #open: Promise<() => void> | null = null;

  constructor(link: RedisLink, listener: Listener) {
    this.#link = link;
    this.#listener = listener;
  }

  /** Throws what the worker's engine throws, `unavailable` where none takes it, `aborted`. */
  async ask<Kind extends Question['kind']>(model: string, question: Question & { readonly kind: Kind }, signal?: AbortSignal): Promise<Answers[Kind]> {
    this.#open ??= this.#listener.hear(`answers:${this.#link.id}`, (message) => {
      // After a time without a connection, answers may have been missed.
      if (message === null) for (const tell of this.#waiting.values()) tell(null);
      else {
        const said: Said = JSON.parse(message);
        this.#waiting.get(said.id)?.(said);
      }
    });
    await this.#open;
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#try(model, question, signal);
      if (answer !== null) {
        const value: Answers[Kind] = JSON.parse(answer);
        return value;
      }
      if (tries >= MOST_TRIES) throw new AnymodalError('unavailable', `model ${model}: ${MOST_TRIES} workers ended over this request; look at their logs`, { retryAfterMs: 10_000 });
    }
  }

  /** Null where the worker that took it has ended, or its answer was missed. */
  async #try(model: string, question: Question, signal: AbortSignal | undefined): Promise<string | null> {
    const call: Call = { id: randomUUID(), server: this.#link.id, until: Date.now() + WHOLE_MS, question };
    const list = this.#link.key('calls', model);
    const text = JSON.stringify(call);
    const done = Promise.withResolvers<string | null>();
    let taken = false;
    const late = (): void => {
      if (taken) done.resolve(null);
      else done.reject(new AnymodalError('unavailable', `model ${model}: no worker takes requests for it; start one, \`anymodal worker --redis URL --model ${model}\`, or try again later`, { retryAfterMs: 10_000 }));
    };
    let timer = setTimeout(late, TAKEN_MS);
    const again = (milliseconds: number): void => {
      clearTimeout(timer);
      timer = setTimeout(late, milliseconds);
    };
    const leave = (): void => done.reject(new AnymodalError('aborted', 'the client is gone'));
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting.set(call.id, (said) => {
      if (said === null) done.resolve(null);
      else if (said.said === 'answer') done.resolve(said.answer);
      else if (said.said === 'error') done.reject(new AnymodalError(isErrorCode(said.code) ? said.code : 'internal', said.message, said.field === null ? {} : { field: said.field }));
      else {
        taken = true;
        again(SILENCE_MS);
      }
    });
    try {
      if (signal?.aborted === true) leave();
      else await this.#link.within(async () => this.#link.client.lpush(list, text));
      return await done.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
      this.#waiting.delete(call.id);
      if (!taken) void this.#link.client.lrem(list, 1, text).catch(() => undefined);
    }
  }
}
