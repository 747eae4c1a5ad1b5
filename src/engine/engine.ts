// The engine in this process: opens a bundle, runs jobs and embeddings step by step in turns, ends each with one event.
// Knows no modality, no queue and no conversation.

import type { AnyFactory, Context, EmbedRequest, Engine, EngineDescription, JobEvent, JobEventBody, JobRequest, Media } from '../contracts.ts';
import { readCard } from '../bundle/card.ts';
import { openBundle } from '../bundle/open.ts';
import { resolveModel } from '../bundle/resolve.ts';
import { createSteps, joint, textMedia } from '../chain.ts';
import { AnymodalError } from '../errors.ts';
import { generate, type Usage } from '../generate.ts';
import { chosenBeforehand } from '../references.ts';
import { chooseDevice } from '../runtime/devices.ts';
import { createRandom } from '../runtime/random.ts';
import { failureOf, reasonOf } from './failures.ts';
import { describeChain, openChain, type OpenChain } from './open-chain.ts';
import type { EngineOptions } from './options.ts';
import { Recent } from './recent.ts';
import { checkEmbedRequest, resolveJob } from './resolve-job.ts';
import { Turns } from './turns.ts';
import { openWholeEngine } from './whole-engine.ts';

type Elsewhere = NonNullable<Context['elsewhere']>;
type Work = (signal: AbortSignal, position: number, elsewhere: Elsewhere) => AsyncGenerator<JobEventBody, Usage>;

/** Media that were checked and found good, by encoder; a key has some 80 bytes. */
const CHECKED_MEDIA_BYTES = 2 ** 18;

/**
 * Opens a bundle in this process. A run of a graph blocks this thread: a server uses `startEngine` instead.
 * Throws `unknown_model`, `bundle_invalid`, `device_unavailable`. The caller closes the engine.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const factories = await loadFactories(options.factoryModules);
  const opened = await openBundle(await resolveModel(options.bundle, process.cwd()), factories);
  if (opened.bundle.engine !== undefined) return openWholeEngine(opened, opened.bundle.engine);
  const { device, note } = await chooseDevice(options.device);
  const chain = await openChain(opened, device);
  const { licence, limits } = opened.bundle;
  const description = describeChain(chain, licence, device, note);
  const card = await readCard(opened.folder);
  const notes = [...opened.notes, ...chain.notes];
  return new ChainEngine(chain, { ...description, ...(card !== null && { card }), ...(notes.length > 0 && { notes }), ...(limits !== undefined && { limits }) });
}

class ChainEngine implements Engine {
  readonly #chain: OpenChain;
  readonly #description: EngineDescription;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  readonly #checked = new Recent<true>(CHECKED_MEDIA_BYTES, () => 80);
  #active = 0;

  constructor(chain: OpenChain, description: EngineDescription) {
    this.#chain = chain;
    this.#description = description;
  }

  async describe(): Promise<EngineDescription> {
    return this.#description;
  }

  async check(job: JobRequest, signal = new AbortController().signal, isNext = false): Promise<void> {
    // Runs no graph, and so waits for no turn: who asks is answered between two steps of others.
    await this.#resolve(job, AbortSignal.any([signal, this.#closing.signal]));
    if (isNext) this.#turns.expect(job.id);
  }

  run(job: JobRequest, signal?: AbortSignal, isLong = false): AsyncGenerator<JobEvent> {
    return this.#events(job.id, signal, (stop, position, elsewhere) => this.#generate(job, position, stop, elsewhere), isLong);
  }

  embed(request: EmbedRequest, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    return this.#events(request.id, signal, (stop, position, elsewhere) => this.#embed(request, position, stop, elsewhere));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort('the engine was closed');
    // The step under way ends first; no other begins after it.
    await this.#turns.join().take(new AbortController().signal, async () => this.#chain.dispose());
  }

  /** Steps of one piece of work as events, ended by exactly one terminal event. */
  async *#events(job: string, signal: AbortSignal | undefined, work: Work, isLong = false): AsyncGenerator<JobEvent> {
    const event = (body: JobEventBody): JobEvent => ({ ...body, job, attempt: 1 });
    const left = new AbortController();
    const stop = AbortSignal.any([left.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const seat = this.#turns.join(job, isLong);
    const steps = work(stop, this.#active, async (elsewhere) => seat.away(elsewhere));
    this.#active += 1;
    try {
      for (;;) {
        const step = await seat.take(stop, async () => steps.next());
        if (step.done !== true) {
          yield event(step.value);
          continue;
        }
        yield event({ type: 'job-end', usage: step.value });
        return;
      }
    } catch (error) {
      yield event(stop.aborted ? { type: 'job-abort', reason: reasonOf(stop.reason) } : { type: 'job-error', ...failureOf(error) });
    } finally {
      this.#active -= 1;
      left.abort('the loop was left');
      await steps.return({ inputTokens: 0, outputTokens: 0 });
    }
  }

  async *#generate(request: JobRequest, position: number, signal: AbortSignal, elsewhere: Elsewhere): AsyncGenerator<JobEventBody, Usage> {
    const job = await this.#resolve(request, signal);
    yield { type: 'job-queued', position };
    yield this.#start(job.seed, job.count);
    const usage = { inputTokens: 0, outputTokens: 0 };
    for (let variant = 0; variant < job.count; variant += 1) {
      const used = yield* generate(this.#chain, job, variant, signal, elsewhere);
      usage.inputTokens += used.inputTokens;
      usage.outputTokens += used.outputTokens;
    }
    return usage;
  }

  /** The job with its route decided and its options complete, all of it validated. */
  async #resolve(request: JobRequest, signal: AbortSignal): Promise<JobRequest> {
    const job = resolveJob(this.#description, request);
    await this.#check(mediaOf(job), signal);
    await this.#checkReferences(job, signal);
    return job;
  }

  async *#embed(request: EmbedRequest, position: number, signal: AbortSignal, elsewhere: Elsewhere): AsyncGenerator<JobEventBody, Usage> {
    checkEmbedRequest(this.#description, request);
    const media = request.inputs.map((part) => (part.type === 'text' ? textMedia(part.text) : part.media));
    await this.#check(media, signal);
    yield { type: 'job-queued', position };
    yield this.#start(0, 1);
    const steps = createSteps(this.#chain, signal, elsewhere);
    for (const [input, medium] of media.entries()) {
      signal.throwIfAborted();
      const embedding = await joint(steps, medium);
      yield* steps.notes.splice(0);
      yield { type: 'embedding', input, modality: medium.modality, embedding: [...embedding.data] };
    }
    return { inputTokens: 0, outputTokens: 0 };
  }

  #start(seed: number, count: number): JobEventBody {
    return { type: 'job-start', bundle: this.#description.bundle, device: this.#description.device, seed, count };
  }

  /** Asks the encoder of each medium whether it can be read; throws `bad_media`. */
  async #check(media: readonly Media[], signal: AbortSignal): Promise<void> {
    const context = createSteps(this.#chain, signal).context(createRandom(0));
    for (const medium of media) {
      const encoder = this.#chain.inputs.get(medium.modality)?.encoder;
      // The same bytes can be a picture in one place and a video in another.
      const key = `${encoder?.name}/${medium.id}`;
      if (encoder?.component.check === undefined || this.#checked.get(key) === true) continue;
      signal.throwIfAborted();
      await encoder.component.check(medium, context);
      this.#checked.set(key, true);
    }
  }

  /** Asks the decoder of each output that the job may make whether the references that are known by now go together; throws `bad_input`. */
  async #checkReferences(job: JobRequest, signal: AbortSignal): Promise<void> {
    const context = createSteps(this.#chain, signal).context(createRandom(0));
    for (const [output, { decoder }] of this.#chain.outputs) {
      if (decoder.component.check === undefined || job.outputs?.includes(output) === false) continue;
      signal.throwIfAborted();
      await decoder.component.check(chosenBeforehand(decoder.component, output, job), context, job.outputs === null ? null : (job.options[output] ?? {}));
    }
  }
}

function mediaOf({ messages, mask, mix }: JobRequest): Media[] {
  const parts = [...messages.flatMap((message) => message.parts), ...(mix ?? []).map(({ part }) => part)];
  return [...parts.flatMap((part) => (part.type === 'media' ? [part.media] : [])), ...(mask === null ? [] : [mask])];
}

async function loadFactories(modules: readonly URL[]): Promise<AnyFactory[]> {
  const factories: AnyFactory[] = [];
  for (const url of modules) {
    const module: { readonly factories?: readonly AnyFactory[] } = await import(url.href);
    if (module.factories === undefined) throw new AnymodalError('internal', `${url.href} exports no factories`);
    factories.push(...module.factories);
  }
  return factories;
}
