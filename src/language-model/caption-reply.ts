// A reply of a stock instruction model as it comes: text without the requests in it, and those requests as signals in the order that is wanted.
// Works on text alone; knows no token, no graph and no server.

import type { Context, Signal, TextDelta } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { CaptionForms, type CaptionRequest } from './caption-forms.ts';
import { impliedReferences, latestText, mediaOf, offeredOutputs, type CaptionTask } from './caption-protocol.ts';

/** Most requests of a reply; required ones count and always come. */
const MOST_REQUESTS = 8;

/**
 * One reply as it comes: text goes in piece by piece, text without requests and signals come out. Required outputs come in their order, what may
 * not come is left out. A model that cannot be held to it is asked for `next` once it has ended.
 */
export class CaptionReply {
  readonly #task: CaptionTask;
  readonly #context: Pick<Context, 'warn'>;
  readonly #forms: CaptionForms;
  readonly #offered: readonly string[];
  readonly #pending: string[];
  readonly #early: Signal[] = [];
  readonly #given = new Set<string>();
  #held = '';
  #space = '';
  #afterRequest = false;
  #fenced = false;
  /** The mark at the end of the block of code in which the text is, null outside. */
  #code: string | null = null;
  #count = 0;
  #hasText = false;

  /** Throws `unsupported` where an output is required that the model cannot be told of. */
  constructor(task: CaptionTask, context: Pick<Context, 'warn'>) {
    this.#task = task;
    this.#context = context;
    this.#offered = offeredOutputs(task);
    this.#forms = new CaptionForms(task.outputs);
    this.#pending = Object.keys(task.wants).filter((name) => task.wants[name] === 'required');
    const unknown = this.#pending.find((name) => name !== 'text' && !this.#makersOf(name).some((output) => task.outputs.includes(output)));
    if (unknown !== undefined) throw new AnymodalError('unsupported', `language model: output ${unknown} is required, but this model can ask only for ${task.outputs.join(', ') || 'none'}. Use the direct route for ${unknown}.`);
  }

  /** What must still come, first of all: `text`, the name of an output, or null. */
  get next(): string | null {
    return this.#pending[0] ?? null;
  }

  /** Whether nothing that could follow would be wanted. */
  get isComplete(): boolean {
    return this.#pending.length === 0 && (this.#count >= MOST_REQUESTS || !this.#offered.some((name) => this.#isAllowed(name))) && this.#task.wants['text'] === 'forbidden';
  }

  /** Whether the text so far ends within what may be a request. */
  get isOpen(): boolean {
    return this.#held !== '';
  }

  /** Whether text of this moment is not part of the reply. */
  get hidesText(): boolean {
    return this.#task.wants['text'] === 'forbidden' || this.#pending.indexOf('text') > 0;
  }

  /** Text of the reply as the model wrote it. */
  push(text: string): (TextDelta | Signal)[] {
    this.#held += text;
    return joined(this.#read(false));
  }

  /** A request that came beside the text, as the call of a tool. */
  request(request: CaptionRequest): (TextDelta | Signal)[] {
    return joined([...this.#read(true), ...this.#take(request)]);
  }

  /** The text ends here for now: what was held back is what it is. */
  settle(): (TextDelta | Signal)[] {
    return joined(this.#read(true));
  }

  /** Text that is to come next will not come; what was written too early for it comes out. */
  giveUpText(): Signal[] {
    if (this.#pending[0] === 'text') this.#pending.shift();
    return this.#release();
  }

  /** The reply is over: gives out what is left, whatever is missing. */
  end(): (TextDelta | Signal)[] {
    return joined([...this.#read(true), ...this.giveUpText(), ...this.#early.splice(0)]);
  }

  #read(isLast: boolean): (TextDelta | Signal)[] {
    const events: (TextDelta | Signal)[] = [];
    // Without an output to ask for, tags are what the user talks about.
    if (this.#offered.length === 0) {
      events.push(...this.#say(this.#held));
      this.#held = '';
      return events;
    }
    while (this.#held !== '') {
      if (this.#afterRequest && !isLast && /^[.,;:]?\s*((`{0,2}|~{0,2})|\[[A-Za-z]*( \d*)?)$/.test(this.#held)) return events;
      // A model that has read numbers after its requests writes one itself.
      if (this.#afterRequest) this.#held = this.#held.replace(/^\s*\[[A-Za-z]+ \d+\]/, '');
      if (this.#afterRequest && this.#fenced && /^[.,;:]?\s*(```|~~~)/.test(this.#held)) {
        this.#held = this.#held.replace(/^[.,;:]?\s*(```|~~~)/, '');
        this.#fenced = false;
      } else if (this.#afterRequest) this.#held = this.#held.replace(/^[.,;:](?=\s|$)/, '');
      this.#afterRequest = false;
      if (this.#code !== null) {
        const { text, rest, ended } = codeOf(this.#held, this.#code, isLast);
        events.push(...this.#say(text));
        this.#held = rest;
        if (!ended) return events;
        this.#code = null;
        continue;
      }
      const at = this.#forms.next(this.#held, 0);
      events.push(...this.#say(this.#held.slice(0, at)));
      this.#held = this.#held.slice(at);
      if (this.#held === '') return events;
      const found = this.#forms.at(this.#held, isLast);
      if (found === 'undecided') return events;
      if (found === 'nothing') {
        const run = /^(.)\1*/su.exec(this.#held)?.[0] ?? '';
        events.push(...this.#say(run));
        this.#held = this.#held.slice(run.length);
        continue;
      }
      const written = this.#held.slice(0, found.length);
      this.#held = this.#held.slice(found.length);
      this.#code = found.code ?? null;
      if (this.#isEcho(written, found.pieces)) {
        events.push(...this.#say(written));
        continue;
      }
      for (const piece of found.pieces) events.push(...(typeof piece === 'string' ? this.#say(piece) : this.#take(piece)));
      this.#fenced ||= found.fence === true;
      this.#afterRequest = found.pieces.some((piece) => typeof piece !== 'string');
    }
    return events;
  }

  /** Whether a request stands word for word in the question: the model speaks of it. */
  #isEcho(written: string, pieces: readonly (string | CaptionRequest)[]): boolean {
    const requests = pieces.filter((piece) => typeof piece !== 'string');
    return requests.length > 0 && !requests.some(({ output }) => this.#isDue(output)) && latestText(this.#task.messages).includes(written.trim());
  }

  /** Text that belongs to the reply; white space waits for what follows it. */
  #say(text: string): (TextDelta | Signal)[] {
    if (text === '' || this.hidesText) return [];
    const body = (this.#space + text).trimEnd();
    if (body.trim() === '') {
      this.#space += text;
      return [];
    }
    const all = this.#hasText ? body : body.trimStart();
    this.#space = (this.#space + text).slice(body.length);
    this.#hasText = true;
    this.#fenced = false;
    if (this.#pending[0] === 'text') this.#pending.shift();
    return [{ type: 'text-delta', text: all }, ...this.#release()];
  }

  /** A request that may come now becomes a signal, one that is due later waits, another is left out. */
  #take({ output, prompt, references }: CaptionRequest): Signal[] {
    const { messages } = this.#task;
    const words = prompt === '' ? latestText(messages) : prompt;
    const media = mediaOf(messages);
    const named = references.filter((ordinal) => media.some((medium) => medium.ordinal === ordinal));
    const signal: Signal = { type: 'signal', output, prompt: words, references: named.length > 0 ? named : impliedReferences(output, messages), states: null };
    const key = `${output}\n${words}\n${signal.references.join()}`;
    this.#space = '';
    if (this.#given.has(key) && !this.#isDue(output)) return [];
    if (prompt === '') this.#context.warn('caption_empty', `language model: it asked for ${output} and wrote no words for it; those of the request are taken.`);
    if (this.#isDue(output) || this.#isAllowed(output)) {
      this.#given.add(key);
      return [...this.#accept(signal), ...this.#release()];
    }
    if (!this.#pending.some((name) => this.#makersOf(name).includes(output)) || this.#early.some((early) => early.output === output)) return [];
    this.#given.add(key);
    this.#early.push(signal);
    return [];
  }

  #accept(signal: Signal): Signal[] {
    const name = this.#pending[0];
    if (name !== undefined && this.#makersOf(name).includes(signal.output)) this.#pending.shift();
    this.#count += 1;
    this.#hasText = false;
    return [signal];
  }

  /** Requests that came before their turn and whose turn it is. */
  #release(): Signal[] {
    const due = this.#early.findIndex(({ output }) => this.#isDue(output));
    return due < 0 ? [] : [...this.#accept(this.#early.splice(due, 1)[0]!), ...this.#release()];
  }

  #isDue(output: string): boolean {
    const [next] = this.#pending;
    return next !== undefined && this.#makersOf(next).includes(output);
  }

  #isAllowed(output: string): boolean {
    return this.#task.wants[output] === 'allowed' && this.#pending.length === 0 && this.#count < MOST_REQUESTS;
  }

  #makersOf(name: string): string[] {
    const { satisfies = {}, wants } = this.#task;
    return [name, ...Object.keys(satisfies).filter((other) => satisfies[other] === name && wants[other] !== 'required')];
  }
}

/** What of a text is code up to its end, and what is behind it or may yet be its end. */
function codeOf(text: string, mark: string, isLast: boolean): { readonly text: string; readonly rest: string; readonly ended: boolean } {
  const end = new RegExp(String.raw`(^|\n)[ \t]*${mark}`).exec(text);
  if (end !== null) return { text: text.slice(0, end.index + end[0].length), rest: text.slice(end.index + end[0].length), ended: true };
  const open = isLast ? '' : (/(^|\n)[ \t]*[`~]{0,2}$/.exec(text)?.[0] ?? '');
  return { text: text.slice(0, text.length - open.length), rest: open, ended: false };
}

/** Neighbouring texts as one. */
function joined(events: readonly (TextDelta | Signal)[]): (TextDelta | Signal)[] {
  const all: (TextDelta | Signal)[] = [];
  for (const event of events) {
    const last = all.at(-1);
    if (event.type === 'text-delta' && last?.type === 'text-delta') all[all.length - 1] = { type: 'text-delta', text: last.text + event.text };
    else all.push(event);
  }
  return all;
}
