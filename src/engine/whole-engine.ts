// A bundle whose one component is an engine elsewhere: checks what it is asked for here, hands the rest on, and ends every job with one event.
// Knows no protocol; takes no turns, since nothing of it runs here.

import type { OpenedBundle } from '../bundle/open.ts';
import type { EmbedRequest, Engine, EngineDescription, JobEvent, JobEventBody, JobRequest, WholeEngine } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { failureOf, reasonOf } from './failures.ts';
import { checkEmbedRequest, resolveJob } from './resolve-job.ts';

/** Opens the engine that a bundle names. The caller closes it. Throws what its factory throws. */
export async function openWholeEngine(opened: OpenedBundle, name: string): Promise<Engine> {
  const notes: string[] = [];
  const { factory, source } = opened.component(name, 'cpu');
  if (factory.kind !== 'engine') throw new AnymodalError('bundle_invalid', `engine: component "${name}" is of kind ${factory.kind}, expected engine`);
  const engine = await factory.open({ ...source, note: (text) => void notes.push(text) });
  try {
    const told = await engine.describe();
    const { id, version, licence, limits } = opened.bundle;
    const all = [...opened.notes, ...notes, ...(told.notes ?? [])];
    return new ElsewhereEngine(engine, { ...told, bundle: id, version, licence, ...(all.length > 0 && { notes: all }), limits: [...(limits ?? []), ...(told.limits ?? [])] });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

class ElsewhereEngine implements Engine {
  readonly #engine: WholeEngine;
  readonly #description: EngineDescription;
  readonly #closing = new AbortController();
  #active = 0;

  constructor(engine: WholeEngine, description: EngineDescription) {
    this.#engine = engine;
    this.#description = description;
  }

  async describe(): Promise<EngineDescription> {
    return this.#description;
  }

  async check(job: JobRequest): Promise<void> {
    resolveJob(this.#description, job);
  }

  run(job: JobRequest, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    return this.#events(job.id, signal, (stop) => this.#engine.run(resolveJob(this.#description, job), stop));
  }

  embed(request: EmbedRequest, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    return this.#events(request.id, signal, (stop) => {
      checkEmbedRequest(this.#description, request);
      return this.#engine.embed(request, stop);
    });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort('the engine was closed');
    await this.#engine.dispose();
  }

  /** Events of a piece of work under the names of this engine; it is queued elsewhere as soon as it is sent. */
  async *#events(job: string, signal: AbortSignal | undefined, work: (stop: AbortSignal) => AsyncGenerator<JobEvent>): AsyncGenerator<JobEvent> {
    const event = (body: JobEventBody): JobEvent => ({ ...body, job, attempt: 1 });
    const left = new AbortController();
    const stop = AbortSignal.any([left.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const position = this.#active;
    this.#active += 1;
    let queued = false;
    try {
      stop.throwIfAborted();
      for await (const told of work(stop)) {
        if (!queued) yield event({ type: 'job-queued', position });
        queued = true;
        if (told.type === 'job-queued') continue;
        yield told.type === 'job-start' ? { ...told, bundle: this.#description.bundle, job, attempt: 1 } : { ...told, job, attempt: 1 };
        if (told.type === 'job-end') return;
      }
      throw new AnymodalError('unavailable', 'the engine elsewhere ended the job without a last event; try again');
    } catch (error) {
      yield event(stop.aborted ? { type: 'job-abort', reason: reasonOf(stop.reason) } : { type: 'job-error', ...failureOf(error) });
    } finally {
      this.#active -= 1;
      left.abort('the loop was left');
    }
  }
}
