// Engines without a process that do as they are told, and jobs for them. Used by tests and by the processes that tests kill:
// imports nothing that runs a model, and no test runner.

import { createHash } from 'node:crypto';
import type { EmbedRequest, Engine, EngineDescription, JobEvent, JobEventBody, JobRequest, Media } from '../../src/contracts.ts';
import type { Engines, NewJob } from '../../src/queue/contracts.ts';

export const description: EngineDescription = {
  bundle: 'fake', version: '1.0.0', licence: 'Apache-2.0', device: 'cpu', deviceNote: null, inputs: [], text: {},
  outputs: ['image', 'audio', 'video'].map((name) => ({
    name, modality: name, options: { type: 'object', properties: { steps: { type: 'integer', default: 10 } } }, sources: ['prompt'], references: [], negative: false,
  })),
};

/** A job that a fake engine runs: the test says what happens to it. */
export class FakeJob {
  readonly request: JobRequest;
  readonly signal: AbortSignal;
  #events: JobEventBody[] = [];
  #more = Promise.withResolvers<void>();

  constructor(request: JobRequest, signal: AbortSignal) {
    this.request = request;
    this.signal = signal;
    const abort = (): void => this.say({ type: 'job-abort', reason: String(signal.reason) });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }

  say(...events: JobEventBody[]): void {
    this.#events.push(...events);
    this.#more.resolve();
  }

  /** Ends it well. */
  end(): void {
    this.say({ type: 'job-end', usage: { inputTokens: 1, outputTokens: 2 } });
  }

  async *events(): AsyncGenerator<JobEvent> {
    for (;;) {
      for (const event of this.#events.splice(0)) {
        yield { ...event, job: this.request.id, attempt: 1 };
        if (isTerminal(event)) return;
      }
      await this.#more.promise;
      this.#more = Promise.withResolvers<void>();
    }
  }
}

/** An engine whose jobs wait for the test, unless `auto` ends them. */
export class FakeEngine implements Engine {
  readonly jobs: FakeJob[] = [];
  readonly embedded: EmbedRequest[] = [];
  /** Ids of the jobs that it was told are long. */
  readonly long: string[] = [];
  closed = false;
  /** What each job is told when it starts. */
  auto: ((job: FakeJob) => void) | null = null;
  checkFault: ((job: JobRequest) => Error | null) | null = null;

  async describe(): Promise<EngineDescription> {
    return description;
  }

  async check(job: JobRequest): Promise<void> {
    const fault = this.checkFault?.(job) ?? null;
    if (fault !== null) throw fault;
  }

  async *run(request: JobRequest, signal = new AbortController().signal, isLong = false): AsyncGenerator<JobEvent> {
    if (isLong) this.long.push(request.id);
    const job = new FakeJob(request, signal);
    this.jobs.push(job);
    job.say({ type: 'job-queued', position: 0 }, { type: 'job-start', bundle: 'fake', device: 'cpu', seed: request.seed, count: request.count });
    this.auto?.(job);
    yield* job.events();
  }

  async *embed(request: EmbedRequest): AsyncGenerator<JobEvent> {
    this.embedded.push(request);
    const of = { job: request.id, attempt: 1 };
    for (const input of request.inputs.keys()) yield { type: 'embedding', input, modality: 'text', embedding: [input, 1], ...of };
    yield { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 }, ...of };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Its process ends: every job is lost. */
  crash(): void {
    for (const job of this.jobs.splice(0)) job.say({ type: 'job-error', code: 'engine_crashed', message: 'gone' });
  }

  /** Ids of the jobs that it runs or ran. */
  get ids(): string[] {
    return this.jobs.map(({ request }) => request.id);
  }

  job(id: string): FakeJob {
    const found = this.jobs.findLast(({ request }) => request.id === id);
    if (found === undefined) throw new Error(`${id} does not run`);
    return found;
  }
}

/** One engine for every model. */
export function enginesOf(engine: Engine): Engines {
  return {
    models: () => [],
    resolve: (name) => name ?? 'fake',
    describe: async () => engine.describe(),
    lease: async () => ({ engine, release: () => undefined }),
    close: async () => engine.close(),
  };
}

export function isTerminal({ type }: { readonly type: string }): boolean {
  return ['job-end', 'job-abort', 'job-error'].includes(type);
}

export function medium(content: string, modality = 'image', mediaType = 'image/png'): Media {
  const bytes = new TextEncoder().encode(content);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType, bytes };
}

export function requestOf(id: string, changes: Partial<JobRequest> = {}): JobRequest {
  return { id, messages: [{ role: 'user', parts: [{ type: 'text', text: `a drawing for ${id}` }] }], outputs: ['image'], route: 'direct', seed: 7, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true, ...changes };
}

export function newJob(id: string, changes: Partial<NewJob> & { readonly of?: Partial<JobRequest> } = {}): NewJob {
  const { of, ...others } = changes;
  return { owner: 'ann', model: 'fake', kind: 'job', detached: true, request: requestOf(id, of), ...others };
}
