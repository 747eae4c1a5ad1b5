// The worker's side of calls: takes those for the models that are loaded here, a few at a time, and says what the engine says.
// Keeps nothing; a call that nobody waits for any more is dropped.

import type { Redis } from 'ioredis';
import { AnymodalError, isErrorCode } from '../../errors.ts';
import type { Engines, MediaStore, Warning } from '../contracts.ts';
import { restoredRequest } from '../stored.ts';
import { WORKING_MS, type Answers, type Call, type Question, type Said } from './calls.ts';
import type { RedisLink } from './connection.ts';

export interface AnsweringOptions {
  readonly link: RedisLink;
  readonly engines: Engines;
  readonly media: MediaStore;
  /** Models whose calls are taken at the moment. */
  readonly models: () => readonly string[];
}

/** Calls that are answered at once. */
const MOST_AT_ONCE = 8;
/** How long one look for a call lasts, in seconds; models that were loaded meanwhile are looked at then. */
const LOOK_SECONDS = 1;
const PAUSE_MS = 200;

export class Answering {
  readonly #options: AnsweringOptions;
  readonly #client: Redis;
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  readonly #at = new Set<Promise<void>>();

  /** Begins at once; the link closes the connection that it opens. */
  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#client = options.link.open();
    this.#loop = this.#look();
  }

  /** Takes no more calls; fulfilled when those under way are answered. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#client.disconnect();
    await this.#loop;
    await Promise.all(this.#at);
  }

  async #look(): Promise<void> {
    const { link, models } = this.#options;
    while (!this.#closing.signal.aborted) {
      if (this.#at.size >= MOST_AT_ONCE) await Promise.race(this.#at);
      const lists = models().map((model) => link.key('calls', model));
      try {
        const taken = lists.length === 0 ? null : await this.#client.brpop(lists, LOOK_SECONDS);
        if (lists.length === 0) await this.#pause();
        if (taken === null) continue;
        const [list, text] = taken;
        const answer = this.#answer(list.slice(link.key('calls', '').length), JSON.parse(text)).finally(() => this.#at.delete(answer));
        this.#at.add(answer);
      } catch {
        // Redis is away, or this ends.
        await this.#pause();
      }
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS));
  }

  async #answer(model: string, { id, server, until, question }: Call): Promise<void> {
    if (Date.now() > until) return;
    const { link } = this.#options;
    const say = async (said: Said): Promise<void> => {
      // Who asked asks again when it hears nothing.
      await link.client.publish(link.key(`answers:${server}`), JSON.stringify(said)).catch(() => undefined);
    };
    void say({ id, said: 'working' });
    const working = setInterval(() => void say({ id, said: 'working' }), WORKING_MS);
    try {
      await say({ id, said: 'answer', answer: JSON.stringify(await this.#twice(async () => this.#ask(model, question))) });
    } catch (error) {
      const known = error instanceof AnymodalError ? error : new AnymodalError('internal', error instanceof Error ? error.message : 'the worker failed');
      await say({ id, said: 'error', code: known.code, message: known.message, field: known.field });
    } finally {
      clearInterval(working);
    }
  }

  async #ask(model: string, question: Question): Promise<Answers[Question['kind']]> {
    const { engines, media } = this.#options;
    if (question.kind === 'describe') return engines.describe(model);
    const lease = await engines.lease(model);
    try {
      if (question.kind === 'check') {
        await lease.engine.check(await restoredRequest(question.request, async (stored) => media.read(stored)));
        return null;
      }
      const inputs = await Promise.all(question.request.inputs.map(async (part) => (part.type === 'media' ? { ...part, media: await media.read(part.media) } : part)));
      const embeddings: (readonly number[])[] = [];
      const warnings: Warning[] = [];
      for await (const event of lease.engine.embed({ ...question.request, inputs })) {
        if (event.type === 'embedding') embeddings[event.input] = event.embedding;
        else if (event.type === 'job-warning') warnings.push({ code: event.code, message: event.message });
        else if (event.type === 'job-error') throw new AnymodalError(isErrorCode(event.code) ? event.code : 'internal', event.message);
      }
      return { embeddings, warnings };
    } finally {
      lease.release();
    }
  }

  /** A job beside it may end the engine meanwhile. */
  async #twice<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AnymodalError) || error.code !== 'engine_crashed') throw error;
      return work();
    }
  }
}
