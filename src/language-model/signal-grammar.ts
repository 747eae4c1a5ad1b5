// The state machine over the token ids of a reply: which control tokens may come next, and which signal groups,
// references and ends they make. Works on ids alone; knows no text, no graph and no sampling.

import type { Wants } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';

/** The control tokens of one model. */
export interface ControlTokens {
  /** Per output the ids of its signal group, in order. */
  readonly groups: ReadonlyMap<string, readonly number[]>;
  /** Id of the reference token of each medium that the prompt shows, by its ordinal (from 1). */
  readonly references: ReadonlyMap<number, number>;
  readonly stops: ReadonlySet<number>;
  /** Every id that is not ordinary text, the above included. */
  readonly all: readonly number[];
}

/** What a token does to the reply. `dropped` are references that no group followed. */
export type Move = { readonly dropped: readonly number[] } & (
  | { readonly type: 'text' }
  | { readonly type: 'reference' }
  | { readonly type: 'group'; readonly output: string; readonly ids: readonly number[]; readonly references: readonly number[] }
  | { readonly type: 'stop' }
);

export class SignalGrammar {
  readonly #tokens: ControlTokens;
  readonly #pending: string[];
  readonly #allowed: readonly string[];
  readonly #textForbidden: boolean;
  readonly #ordinals: ReadonlyMap<number, number>;
  readonly #outputs: ReadonlyMap<number, string>;
  #groupsLeft: number;
  #references: number[] = [];
  #forced = false;

  /**
   * @param wants keys are outputs of the model and `text`; outputs that are not named are forbidden, text is allowed
   * @param maxSignals most groups of a reply; required ones count and always come
   * Throws `unsupported` where an output is required for which the model has no signal tokens.
   */
  constructor(tokens: ControlTokens, wants: Wants, maxSignals: number) {
    this.#tokens = tokens;
    this.#pending = Object.keys(wants).filter((key) => wants[key] === 'required');
    this.#allowed = Object.keys(wants).filter((key) => wants[key] === 'allowed' && tokens.groups.has(key));
    this.#textForbidden = wants['text'] === 'forbidden';
    this.#groupsLeft = maxSignals;
    this.#ordinals = new Map([...tokens.references].map(([ordinal, id]) => [id, ordinal]));
    this.#outputs = new Map([...tokens.groups].map(([output, ids]) => [ids[0]!, output]));
    const unknown = this.#pending.find((key) => key !== 'text' && !tokens.groups.has(key));
    if (unknown !== undefined) {
      const known = [...tokens.groups.keys()].join(', ');
      throw new AnymodalError('unsupported', `language model: output ${unknown} is required, but this model signals ${known === '' ? 'no output' : `only ${known}`}. Use the direct route for ${unknown}.`);
    }
  }

  /** Whether text of this moment belongs to the reply; the model may think in text that does not. */
  get textVisible(): boolean {
    return !this.#textForbidden && this.#pending.indexOf('text') <= 0;
  }

  /** Whether references wait for their group. */
  get hasOpenReferences(): boolean {
    return this.#references.length > 0;
  }

  /** Whether nothing that the reply could still say would be wanted. */
  get exhausted(): boolean {
    return this.#textForbidden && this.#pending.length === 0 && this.#openOutputs().length === 0;
  }

  /** Sets the logits [V] of all that may not come now to -Infinity. */
  mask(logits: Float32Array): void {
    const permitted = [...this.#groupStarts(), ...(this.#forced || this.#textMissing ? [] : this.#tokens.stops)];
    const kept = permitted.map((id) => logits[id]!);
    if (this.#forced) logits.fill(-Infinity);
    else for (const id of this.#tokens.all) logits[id] = -Infinity;
    permitted.forEach((id, i) => (logits[id] = kept[i]!));
  }

  /** Takes the next token, one that `mask` left open. The rest of a group counts as taken with its first token. */
  accept(id: number): Move {
    const output = this.#outputs.get(id);
    if (output !== undefined) return this.#begin(output);
    const ordinal = this.#ordinals.get(id);
    if (ordinal !== undefined) {
      this.#references.push(ordinal);
      return { type: 'reference', dropped: [] };
    }
    return { type: this.#tokens.stops.has(id) ? 'stop' : 'text', dropped: this.#dropReferences() };
  }

  /** Tells that visible text other than white space has come. */
  sawText(): void {
    if (this.#pending[0] === 'text') this.#pending.shift();
  }

  /**
   * The reply is to end. Returns whether it may; where a required output is missing it may not, and `mask` leaves only
   * what begins its group until that has come.
   */
  end(): boolean {
    this.#forced = this.#pending.some((key) => key !== 'text');
    // Text cannot be forced; what is required after it still can.
    if (this.#forced) while (this.#pending[0] === 'text') this.#pending.shift();
    return !this.#forced;
  }

  /** References without a group at the end of the reply. */
  dropReferences(): readonly number[] {
    return this.#dropReferences();
  }

  get #textMissing(): boolean {
    return this.#pending[0] === 'text';
  }

  /** Outputs whose group may begin now: the next required one, else, when all were made, the allowed ones. */
  #openOutputs(): readonly string[] {
    const next = this.#pending[0];
    if (next === 'text') return [];
    if (next !== undefined) return [next];
    return this.#groupsLeft > 0 ? this.#allowed : [];
  }

  #groupStarts(): number[] {
    const firsts = this.#openOutputs().map((output) => this.#tokens.groups.get(output)![0]!);
    if (firsts.length === 0) return [];
    const references = [...this.#tokens.references].filter(([ordinal]) => !this.#references.includes(ordinal));
    return [...firsts, ...references.map(([, id]) => id)];
  }

  #begin(output: string): Move {
    const references = this.#dropReferences();
    if (this.#pending[0] === output) this.#pending.shift();
    this.#groupsLeft -= 1;
    this.#forced = false;
    return { type: 'group', output, ids: this.#tokens.groups.get(output)!, references, dropped: [] };
  }

  #dropReferences(): number[] {
    const dropped = this.#references;
    this.#references = [];
    return dropped;
  }
}
