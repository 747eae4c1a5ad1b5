// The decode loop of a stock instruction model: text as it comes, requests in words, and what is required begun for a model that does not.
// Knows token ids and text; knows no prompt format, no file and no cache.

import type { Context, LanguageModelEnd, SamplingOptions, Signal, TextDelta } from '../contracts.ts';
import { captionClosing, captionOpening, type CaptionTask } from './caption-protocol.ts';
import { CaptionReply } from './caption-reply.ts';
import { Detokenizer } from './detokenizer.ts';
import { Sampler } from './sampling.ts';
import { throwIfAborted, type Position } from './sequence.ts';
import { StopSequences } from './stop-sequences.ts';
import { Thoughts } from './thoughts.ts';

/** A sequence that grows token by token; logits are [V] and the caller's to change. */
export interface TokenSequence {
  prefill(prompt: readonly Position[], signal: AbortSignal): Promise<Float32Array>;
  step(id: number): Promise<Float32Array>;
}

export interface CaptionRun {
  readonly task: CaptionTask;
  readonly prompt: readonly Position[];
  readonly options: Required<SamplingOptions>;
  /** Most tokens of text that fit into the context; requests have their room beyond them. */
  readonly room: number;
  /** Most tokens of the words of a request that was begun for the model. */
  readonly maxCaption: number;
  readonly stops: ReadonlySet<number>;
  /** Control tokens that never come, the stops not among them. */
  readonly barred: readonly number[];
  readonly encode: (text: string) => number[];
  readonly decode: (ids: readonly number[]) => string;
}

/**
 * Generates until the model ends, the budget is used up or a stop sequence comes. An output that is required and has not been asked for then is
 * begun with its tag, and the model writes the words; where nothing may precede it, it is begun at once. Throws `aborted`, `unsupported`.
 */
export async function* generateCaptions(sequence: TokenSequence, run: CaptionRun, context: Context): AsyncGenerator<TextDelta | Signal | LanguageModelEnd> {
  const loop = new CaptionLoop(sequence, run, context);
  yield* loop.run();
}

class CaptionLoop {
  readonly #sequence: TokenSequence;
  readonly #run: CaptionRun;
  readonly #context: Context;
  readonly #reply: CaptionReply;
  readonly #sampler: Sampler;
  /** Words of requests are often the user's own, and tags come as often as there are requests. */
  readonly #plainSampler: Sampler;
  readonly #stopTexts: StopSequences;
  readonly #thoughts = new Thoughts();
  #detokenizer: Detokenizer;
  #logits: Float32Array = new Float32Array(0);
  #unfed: number[] = [];
  #outputTokens = 0;

  constructor(sequence: TokenSequence, run: CaptionRun, context: Context) {
    this.#sequence = sequence;
    this.#run = run;
    this.#context = context;
    this.#reply = new CaptionReply(run.task, context);
    this.#sampler = new Sampler(run.options, context.random);
    this.#plainSampler = new Sampler({ ...run.options, repetitionPenalty: 1 }, context.random);
    this.#stopTexts = new StopSequences(run.options.stop);
    this.#detokenizer = new Detokenizer(run.decode);
  }

  async *run(): AsyncGenerator<TextDelta | Signal | LanguageModelEnd> {
    const { prompt, options, room } = this.#run;
    this.#logits = await this.#sequence.prefill(prompt, this.#context.signal);
    const budget = Math.min(options.maxTokens, room);
    const reply = this.#reply;
    let reason: LanguageModelEnd['reason'] | null = null;
    while (reason === null && !reply.isComplete) {
      // What is required first is not preceded by text that nobody sees.
      const { next } = reply;
      if (next !== null && next !== 'text' && reply.hidesText) {
        yield* this.#demand(next);
        continue;
      }
      if (this.#outputTokens >= budget && (!reply.isOpen || this.#thoughts.isOpen)) {
        reason = 'length';
        break;
      }
      const id = await this.#next(next === 'text', reply.isOpen);
      if (this.#run.stops.has(id)) {
        reason = 'stop';
        break;
      }
      if (this.#outputTokens >= budget + this.#run.maxCaption) {
        reason = 'length';
        break;
      }
      if (!reply.isOpen) this.#sampler.use(id);
      const { text, stopped } = this.#stopTexts.push(this.#take(id));
      yield* reply.push(this.#thoughts.push(text));
      if (stopped) reason = 'stop';
    }
    yield* reply.push(this.#thoughts.push(this.#stopTexts.flush()) + this.#thoughts.flush());
    yield* reply.settle();
    for (let { next } = reply; next !== null; { next } = reply) {
      if (next === 'text') yield* reply.giveUpText();
      else yield* this.#demand(next);
    }
    yield* reply.end();
    yield { type: 'end', reason: reason ?? 'stop', usage: { inputTokens: prompt.length, outputTokens: this.#outputTokens } };
  }

  /** Begins a request for `output` and lets the model write its words: one line, as long as a caption may be. */
  async *#demand(output: string): AsyncGenerator<TextDelta | Signal> {
    const { encode, maxCaption, stops } = this.#run;
    const reply = this.#reply;
    yield* reply.settle();
    this.#write(captionOpening(output));
    this.#detokenizer = new Detokenizer(this.#run.decode);
    let words = '';
    let isWhole = false;
    for (let length = 0; length < maxCaption && !isWhole; length += 1) {
      const id = await this.#next(false, true);
      isWhole = stops.has(id);
      if (isWhole) break;
      words = (words + this.#take(id)).trimStart();
      // The next tag or line is not part of the words; its token is not fed.
      isWhole = /[\n<]/.test(words);
    }
    if (!isWhole) this.#context.warn('caption_cut', `language model: its words for ${output} had no end after ${maxCaption} tokens and were ended there.`);
    this.#unfed = encode(captionClosing(output));
    this.#detokenizer = new Detokenizer(this.#run.decode);
    yield* reply.push(`${captionOpening(output)}${words.split(/[\n<]/)[0] ?? ''}${captionClosing(output)}`);
  }

  /** The next token, after those that are not fed yet. */
  async #next(mustGoOn: boolean, isPlain: boolean): Promise<number> {
    throwIfAborted(this.#context.signal);
    for (const id of this.#unfed) {
      this.#logits = await this.#sequence.step(id);
      throwIfAborted(this.#context.signal);
    }
    this.#unfed = [];
    for (const id of this.#run.barred) this.#logits[id] = -Infinity;
    if (mustGoOn) for (const id of this.#run.stops) this.#logits[id] = -Infinity;
    return (isPlain ? this.#plainSampler : this.#sampler).next(this.#logits);
  }

  /** Counts a token as part of the reply; its text. */
  #take(id: number): string {
    this.#outputTokens += 1;
    this.#unfed.push(id);
    return this.#detokenizer.push(id);
  }

  /** Text that the model did not choose. */
  #write(text: string): void {
    const ids = this.#run.encode(text);
    this.#outputTokens += ids.length;
    this.#unfed.push(...ids);
  }
}
