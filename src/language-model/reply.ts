// The decode loop of one reply: sample, feed, and give out text and signals in the order in which they come.
// Knows token ids and text; knows no prompt format, no file and no cache.

import type { Context, LanguageModelEnd, SamplingOptions, Signal, TextDelta } from '../contracts.ts';
import { Detokenizer } from './detokenizer.ts';
import { Sampler } from './sampling.ts';
import { throwIfAborted, type Sequence } from './sequence.ts';
import type { Move, SignalGrammar } from './signal-grammar.ts';
import { StopSequences } from './stop-sequences.ts';

export interface ReplyRequest {
  /** Logits [V] after the prompt; owned by the loop. */
  readonly logits: Float32Array;
  readonly grammar: SignalGrammar;
  readonly options: Required<SamplingOptions>;
  /** Texts with which the model itself ends a reply. */
  readonly ends: readonly string[];
  /** Most tokens that fit into the context; required signal groups have their room beyond it. */
  readonly room: number;
  readonly inputTokens: number;
  /** `Signal.prompt` on the signal route, and in place of a caption without words. */
  readonly prompt: string;
  readonly decode: (ids: readonly number[]) => string;
}

/**
 * Generates until the model ends, `maxTokens` or the context is used up, or a stop sequence comes; a required output
 * that is still missing then is made first, and a group or a caption that has begun is completed whatever the limit.
 * Draws from `context.random`. Throws `aborted`.
 */
export async function* generateReply(sequence: Sequence, request: ReplyRequest, context: Context): AsyncGenerator<TextDelta | Signal | LanguageModelEnd> {
  const { grammar, options } = request;
  const sampler = new Sampler(options, context.random);
  // Words for an output are often the user's own and come as often as the user said them.
  const captionSampler = new Sampler({ ...options, repetitionPenalty: 1 }, context.random);
  const text = new ReplyText(grammar, request.decode, request.ends, options.stop);
  const budget = Math.min(options.maxTokens, request.room);
  let logits = request.logits;
  let unfed: number | null = null;
  let outputTokens = 0;
  let closing: LanguageModelEnd['reason'] | null = null;
  let caption: number[] | null = null;

  while (!grammar.exhausted) {
    throwIfAborted(context.signal);
    // References that have just come decide at the next token whether they belong to a group.
    if (closing === null && outputTokens >= budget && !grammar.open) closing = 'length';
    if (closing !== null && grammar.end()) break;
    if (unfed !== null) logits = await sequence.step(unfed);
    unfed = null;
    throwIfAborted(context.signal);

    grammar.mask(logits);
    const id = (caption === null ? sampler : captionSampler).next(logits);
    const move = grammar.accept(id);
    warnOfDropped(move.dropped, context);
    if (move.type === 'group') {
      yield* text.flush();
      outputTokens += move.ids.length;
      const { hidden, embedded, logits: after } = await sequence.group(move.ids);
      logits = after;
      yield { type: 'signal', output: move.output, prompt: request.prompt, references: move.references, states: { hidden, embedded } };
      // A model that was held back from ending may go on; a reply without budget may not.
      if (closing === 'stop' && !text.stopped) closing = null;
    } else if (move.type === 'stop') {
      closing = 'stop';
    } else if (move.type === 'text' && outputTokens >= budget) {
      closing = 'length';
    } else {
      unfed = id;
      outputTokens += 1;
      if (move.type === 'text') {
        sampler.use(id);
        yield* text.push(id);
        if (text.stopped) closing = 'stop';
      } else if (move.type === 'caption-begin') {
        yield* text.flush();
        caption = [];
      } else if (move.type === 'caption') {
        caption?.push(id);
      } else if (move.type === 'caption-end') {
        yield { type: 'signal', output: move.output, prompt: wordsOf(caption ?? [], move, request, context), references: move.references, states: null };
        caption = null;
        if (closing === 'stop' && !text.stopped) closing = null;
      }
    }
  }
  warnOfDropped(grammar.dropReferences(), context);
  yield* text.flush();
  yield { type: 'end', reason: closing ?? 'stop', usage: { inputTokens: request.inputTokens, outputTokens } };
}

/** Tokens of text to text deltas; those of text that does not belong to the reply are taken and not shown. */
class ReplyText {
  readonly #grammar: SignalGrammar;
  readonly #detokenizer: Detokenizer;
  readonly #ends: StopSequences;
  readonly #stops: StopSequences;
  #stopped = false;
  #shown = true;

  constructor(grammar: SignalGrammar, decode: (ids: readonly number[]) => string, ends: readonly string[], stops: readonly string[]) {
    this.#grammar = grammar;
    this.#detokenizer = new Detokenizer(decode);
    this.#ends = new StopSequences(ends);
    this.#stops = new StopSequences(stops);
  }

  /** Whether the model's own end or a stop sequence has come. */
  get stopped(): boolean {
    return this.#stopped;
  }

  *push(id: number): Generator<TextDelta> {
    // What was held back of hidden text must not come with text that is shown.
    if (this.#grammar.textVisible !== this.#shown) this.#ends.flush();
    this.#shown = this.#grammar.textVisible;
    const own = this.#ends.push(this.#detokenizer.push(id));
    this.#stopped = own.stopped;
    if (!this.#shown) return;
    const { text, stopped } = this.#stops.push(own.text);
    this.#stopped ||= stopped;
    yield* this.#delta(text);
  }

  /** Gives out what was held back, where the text ends or a signal interrupts it. */
  *flush(): Generator<TextDelta> {
    this.#detokenizer.flush();
    const held = this.#ends.flush();
    if (this.#shown) yield* this.#delta(this.#stops.push(held).text);
    yield* this.#delta(this.#stops.flush());
  }

  *#delta(text: string): Generator<TextDelta> {
    if (text === '') return;
    if (text.trim() !== '') this.#grammar.sawText();
    yield { type: 'text-delta', text };
  }
}

/** The words of a caption, or those of the user where it has none. */
function wordsOf(ids: readonly number[], { output, cut }: Extract<Move, { type: 'caption-end' }>, request: ReplyRequest, context: Context): string {
  // A limit may fall into a character.
  const words = request.decode(ids).replace(/\uFFFD+$/u, '').trim();
  if (cut) context.warn('caption_cut', `language model: its words for ${output} had no end after ${ids.length} tokens and were ended there.`);
  if (words === '') context.warn('caption_empty', `language model: it asked for ${output} and wrote no words for it; those of the request are taken.`);
  return words === '' ? request.prompt : words;
}

function warnOfDropped(ordinals: Move['dropped'], context: Context): void {
  if (ordinals.length === 0) return;
  context.warn('reference_dropped', `language model: it pointed at medium ${ordinals.join(', ')} without asking for an output after it; the reference is ignored.`);
}
