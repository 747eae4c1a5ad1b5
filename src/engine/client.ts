// The engine in a process of its own, behind the same interface: started, cancelled, killed as the last resort, started again.
// Imports no runtime and no component; knows no modality.

import type { EmbedRequest, Engine, EngineDescription, JobEvent, JobEventBody, JobRequest } from '../contracts.ts';
import { AnymodalError, isErrorCode } from '../errors.ts';
import { connect, type Connection } from './connection.ts';
import { failureOf, reasonOf } from './failures.ts';
import type { EngineOptions } from './options.ts';
import { isTerminal, type Work } from './protocol.ts';

/** Milliseconds that a cancelled job has to stop by itself before its process is killed. */
const DEFAULT_GRACE_MS = 10_000;

export interface ChildEngineOptions extends EngineOptions {
  readonly graceMs?: number;
}

/**
 * Starts an engine in a child process and opens its bundle. A process that is lost ends its jobs with `engine_crashed`;
 * the next job starts another. Throws what opening throws, and `aborted` where `signal` ends it meanwhile. The caller closes the engine.
 */
export async function startEngine(options: ChildEngineOptions, signal?: AbortSignal): Promise<Engine> {
  const engine = new ChildEngine(options);
  await engine.open(signal);
  return engine;
}

class ChildEngine implements Engine {
  readonly #options: ChildEngineOptions;
  #connection: Promise<Connection> | null = null;
  #closing = false;

  constructor(options: ChildEngineOptions) {
    this.#options = options;
  }

  async open(signal?: AbortSignal): Promise<void> {
    await this.#connect(signal);
  }

  async describe(): Promise<EngineDescription> {
    return (await this.#connect()).opened;
  }

  async check(job: JobRequest, signal?: AbortSignal, isNext = false): Promise<void> {
    for await (const event of this.#events(job.id, { type: 'check', job, isNext }, signal)) {
      if (event.type === 'job-abort') throw new AnymodalError('aborted', event.reason);
      if (event.type === 'job-error') throw new AnymodalError(isErrorCode(event.code) ? event.code : 'internal', event.message);
    }
  }

  run(job: JobRequest, signal?: AbortSignal, isLong = false): AsyncGenerator<JobEvent> {
    return this.#events(job.id, { type: 'run', job, isLong }, signal);
  }

  embed(request: EmbedRequest, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    return this.#events(request.id, { type: 'embed', request }, signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    // A process that never opened its bundle ends by itself.
    const connection = await this.#connection?.catch(() => null);
    await connection?.close();
  }

  async *#events(job: string, work: Work, signal: AbortSignal | undefined): AsyncGenerator<JobEvent> {
    const event = (body: JobEventBody): JobEvent => ({ ...body, job, attempt: 1 });
    const aborted = (): JobEvent | null => {
      if (signal?.aborted === true) return event({ type: 'job-abort', reason: reasonOf(signal.reason) });
      return this.#closing ? event({ type: 'job-abort', reason: 'the engine was closed' }) : null;
    };
    let connection: Connection | null = null;
    let failure: JobEvent | null = aborted();
    if (failure === null) {
      try {
        connection = await this.#connect();
      } catch (error) {
        failure = event({ type: 'job-error', ...failureOf(error) });
      }
    }
    if (connection === null) {
      if (failure !== null) yield failure;
      return;
    }

    const received: (JobEvent | null)[] = [];
    let waiting = Promise.withResolvers<void>();
    const key = connection.start(work, (next) => {
      received.push(next);
      waiting.resolve();
    });
    const cancel = (): void => connection.cancel(key, reasonOf(signal?.reason));
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    let ended = false;
    try {
      while (!ended) {
        await waiting.promise;
        waiting = Promise.withResolvers<void>();
        for (const next of received.splice(0)) {
          ended = next === null || isTerminal(next);
          if (next === null) yield aborted() ?? event({ type: 'job-error', code: 'engine_crashed', message: `the engine's process ended during the job (${await connection.gone}); run it again` });
          else yield next;
        }
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      if (!ended) connection.cancel(key, 'the loop was left');
    }
  }

  /** The process that is there, or a new one. */
  async #connect(signal?: AbortSignal): Promise<Connection> {
    const known = this.#connection;
    const connection = await known?.catch(() => null);
    if (connection?.isGone === false) return connection;
    // Of several jobs that find the process gone, the first starts another.
    if (this.#connection === known) this.#connection = connect(this.#options, this.#options.graceMs ?? DEFAULT_GRACE_MS, signal);
    return this.#connection ?? this.#connect();
  }
}
