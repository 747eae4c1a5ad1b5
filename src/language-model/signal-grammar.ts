// The state machine over the token ids of a reply: which control tokens may come next, and which signal groups, captions,
// references and ends they make. Works on ids alone; knows no text, no graph and no sampling.

import type { Wants } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';

/** The control tokens of one model. */
export interface ControlTokens {
  /** Per output the ids of its signal group, in order. */
  readonly groups: ReadonlyMap<string, readonly number[]>;
  /** Per output the ids around the words that the model writes for it. */
  readonly captions: ReadonlyMap<string, { readonly begin: number; readonly end: number }>;
  /** Id of the reference token of each medium that the prompt shows, by its ordinal (from 1). */
  readonly references: ReadonlyMap<number, number>;
  readonly stops: ReadonlySet<number>;
  /** Every id that is not ordinary text, the above included. */
  readonly all: readonly number[];
}

/** What a reply must keep to. */
export interface ReplyRules {
  /** Keys are outputs of the model and `text`; outputs that are not named are forbidden, text is allowed. */
  readonly wants: Wants;
  /** Outputs that do where another is required; one that is required itself does for none. */
  readonly satisfies: Readonly<Record<string, string>>;
  /** Most groups and captions of a reply; required ones count and always come. */
  readonly maxSignals: number;
  /** Most tokens of a caption. */
  readonly maxCaption: number;
}

/** What a token does to the reply. `dropped` are references that no group followed; `cut`: a caption that had not ended at its limit. */
export type Move = { readonly dropped: readonly number[] } & (
  | { readonly type: 'text' }
  | { readonly type: 'reference' }
  | { readonly type: 'group'; readonly output: string; readonly ids: readonly number[]; readonly references: readonly number[] }
  | { readonly type: 'caption-begin' }
  | { readonly type: 'caption' }
  | { readonly type: 'caption-end'; readonly output: string; readonly references: readonly number[]; readonly cut: boolean }
  | { readonly type: 'stop' }
);

export class SignalGrammar {
  readonly #tokens: ControlTokens;
  readonly #pending: string[];
  readonly #allowed: readonly string[];
  readonly #substitutes: ReadonlyMap<string, string>;
  readonly #textForbidden: boolean;
  readonly #maxCaption: number;
  readonly #ordinals: ReadonlyMap<number, number>;
  /** Output by the first token with which the model asks for it. */
  readonly #outputs: ReadonlyMap<number, string>;
  readonly #firsts: ReadonlyMap<string, number>;
  #groupsLeft: number;
  #references: number[] = [];
  #caption: { readonly output: string; readonly references: readonly number[]; length: number } | null = null;
  #forced = false;

  /** Throws `unsupported` where an output is required that the model cannot ask for. */
  constructor(tokens: ControlTokens, { wants, satisfies, maxSignals, maxCaption }: ReplyRules) {
    this.#tokens = tokens;
    this.#firsts = new Map([...[...tokens.groups].map(([output, ids]) => [output, ids[0]!] as const), ...[...tokens.captions].map(([output, { begin }]) => [output, begin] as const)]);
    this.#outputs = new Map([...this.#firsts].map(([output, id]) => [id, output]));
    this.#ordinals = new Map([...tokens.references].map(([ordinal, id]) => [id, ordinal]));
    this.#pending = Object.keys(wants).filter((key) => wants[key] === 'required');
    this.#allowed = Object.keys(wants).filter((key) => wants[key] === 'allowed' && this.#firsts.has(key));
    this.#substitutes = new Map(Object.entries(satisfies).filter(([output]) => wants[output] !== 'required' && this.#firsts.has(output)));
    this.#textForbidden = wants['text'] === 'forbidden';
    this.#groupsLeft = maxSignals;
    this.#maxCaption = maxCaption;
    const unknown = this.#pending.find((key) => key !== 'text' && !this.#makersOf(key).some((output) => this.#firsts.has(output)));
    if (unknown !== undefined) {
      const known = [...this.#firsts.keys()].join(', ');
      throw new AnymodalError('unsupported', `language model: output ${unknown} is required, but this model signals ${known === '' ? 'no output' : `only ${known}`}. Use the direct route for ${unknown}.`);
    }
  }

  /** Whether text of this moment belongs to the reply; the model may think in text that does not. */
  get textVisible(): boolean {
    return !this.#textForbidden && this.#pending.indexOf('text') <= 0;
  }

  /** Whether something has begun that the end of the budget does not cut: references that wait for their group, or a caption. */
  get open(): boolean {
    return this.#references.length > 0 || this.#caption !== null;
  }

  /** Whether nothing that the reply could still say would be wanted. */
  get exhausted(): boolean {
    return this.#caption === null && this.#textForbidden && this.#pending.length === 0 && this.#openOutputs().length === 0;
  }

  /** Sets the logits [V] of all that may not come now to -Infinity. */
  mask(logits: Float32Array): void {
    if (this.#caption !== null) {
      this.#maskCaption(logits, this.#caption);
      return;
    }
    const permitted = [...this.#groupStarts(), ...(this.#forced || this.#textMissing ? [] : this.#tokens.stops)];
    const kept = permitted.map((id) => logits[id]!);
    if (this.#forced) logits.fill(-Infinity);
    else for (const id of this.#tokens.all) logits[id] = -Infinity;
    permitted.forEach((id, i) => (logits[id] = kept[i]!));
  }

  /** Takes the next token, one that `mask` left open. The rest of a group counts as taken with its first token. */
  accept(id: number): Move {
    if (this.#caption !== null) return this.#continueCaption(id, this.#caption);
    const output = this.#outputs.get(id);
    if (output !== undefined) return this.#begin(output);
    const ordinal = this.#ordinals.get(id);
    if (ordinal !== undefined) {
      this.#references.push(ordinal);
      return { type: 'reference', dropped: [] };
    }
    return { type: this.#tokens.stops.has(id) ? 'stop' : 'text', dropped: this.dropReferences() };
  }

  /** Tells that visible text other than white space has come. */
  sawText(): void {
    if (this.#pending[0] === 'text') this.#pending.shift();
  }

  /**
   * The reply is to end. Returns whether it may; where a caption is open or a required output is missing it may not, and
   * `mask` leaves only what begins its group until that has come.
   */
  end(): boolean {
    if (this.#caption !== null) return false;
    this.#forced = this.#pending.some((key) => key !== 'text');
    // Text cannot be forced; what is required after it still can.
    if (this.#forced) while (this.#pending[0] === 'text') this.#pending.shift();
    return !this.#forced;
  }

  /** References without a group, which are forgotten. */
  dropReferences(): readonly number[] {
    const dropped = this.#references;
    this.#references = [];
    return dropped;
  }

  get #textMissing(): boolean {
    return this.#pending[0] === 'text';
  }

  /** Outputs that do where `output` is required, itself first. */
  #makersOf(output: string): readonly string[] {
    return [output, ...[...this.#substitutes].flatMap(([other, done]) => (done === output ? [other] : []))];
  }

  /** Outputs that may begin now: what makes the next required one, else, when all were made, the allowed ones. */
  #openOutputs(): readonly string[] {
    const next = this.#pending[0];
    if (next === 'text') return [];
    if (next !== undefined) return this.#makersOf(next);
    return this.#groupsLeft > 0 ? this.#allowed : [];
  }

  #groupStarts(): number[] {
    const firsts = this.#openOutputs().flatMap((output) => this.#firsts.get(output) ?? []);
    if (firsts.length === 0) return [];
    const references = [...this.#tokens.references].filter(([ordinal]) => !this.#references.includes(ordinal));
    return [...firsts, ...references.map(([, id]) => id)];
  }

  #begin(output: string): Move {
    const references = this.dropReferences();
    if (this.#pending[0] === output || this.#pending[0] === this.#substitutes.get(output)) this.#pending.shift();
    this.#groupsLeft -= 1;
    this.#forced = false;
    const ids = this.#tokens.groups.get(output);
    if (ids !== undefined) return { type: 'group', output, ids, references, dropped: [] };
    this.#caption = { output, references, length: 0 };
    return { type: 'caption-begin', dropped: [] };
  }

  /** Words, and the token after them; a model that would end its reply here means the end of the words. */
  #maskCaption(logits: Float32Array, { output, length }: { readonly output: string; readonly length: number }): void {
    const { end } = this.#tokens.captions.get(output)!;
    const wish = Math.max(logits[end]!, ...[...this.#tokens.stops].map((id) => logits[id]!));
    if (length >= this.#maxCaption) logits.fill(-Infinity);
    else for (const id of this.#tokens.all) logits[id] = -Infinity;
    logits[end] = wish;
  }

  #continueCaption(id: number, caption: { readonly output: string; readonly references: readonly number[]; length: number }): Move {
    const { output, references } = caption;
    if (id === this.#tokens.captions.get(output)!.end) {
      this.#caption = null;
      return { type: 'caption-end', output, references, cut: caption.length >= this.#maxCaption, dropped: [] };
    }
    caption.length += 1;
    return { type: 'caption', dropped: [] };
  }
}
