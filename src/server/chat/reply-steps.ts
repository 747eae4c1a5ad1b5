// The events of a job as the reply grows, each part whole before the next begins, whatever the order in which they were made:
// clients that show what comes in the order in which it comes show the reply. Knows no wire format.

import type { LoggedEvent, StoredMedia } from '../../queue/contracts.ts';
import type { Made } from '../../contracts.ts';
import { throwFailure } from '../run-job.ts';

interface Place {
  readonly variant: number;
  readonly part: number;
}

/** What happens to the reply next. Of each variant, parts come in order and one after the other. */
export type ReplyStep =
  | ({ readonly type: 'text-start' } & Place)
  | ({ readonly type: 'text'; readonly text: string } & Place)
  | ({ readonly type: 'text-end'; readonly text: string } & Place)
  | ({ readonly type: 'media-start'; readonly output: string; readonly modality: string; readonly seed: number; readonly made: Made } & Place)
  | ({ readonly type: 'preview'; readonly step: number; readonly media: StoredMedia } & Place)
  | ({ readonly type: 'media-end'; readonly output: string; readonly seed: number; readonly media: StoredMedia; readonly made: Made } & Place)
  /** `cut`: the reply reached its limit of length. */
  | { readonly type: 'variant-end'; readonly variant: number; readonly cut: boolean };

type Kept = Extract<LoggedEvent, { readonly variant: number }>;

/** One variant under way. */
interface Variant {
  /** The part that is being told. */
  at: number;
  open: 'text' | 'media' | null;
  text: string;
  made: Made;
  /** Characters of each text that were told, media that were, before another attempt tells them again. */
  readonly told: Map<number, number>;
  readonly waiting: Map<number, Kept[]>;
  cut: boolean;
}

/**
 * Orders the events of one job. A second attempt makes the same again, since it has the same seed: of what was told before nothing is told twice.
 */
export class ReplyOrder {
  readonly #variants = new Map<number, Variant>();
  #attempt = 0;
  #latest = 0;

  /** What an event lets be told; at the terminal one all that is left, and the end of every variant. */
  *add(event: LoggedEvent): Generator<ReplyStep> {
    if (event.attempt > this.#attempt) this.#begin(event.attempt);
    if (event.type === 'job-warning' && event.code === 'reply_cut') this.#variant(this.#latest).cut = true;
    if (event.type === 'text-delta' || event.type === 'media-start' || event.type === 'media-preview' || event.type === 'media-end') {
      this.#latest = event.variant;
      yield* this.#place(this.#variant(event.variant), event);
    }
    if (event.type === 'job-end') for (const index of [...this.#variants.keys()].toSorted((a, b) => a - b)) yield* this.#end(index);
  }

  #begin(attempt: number): void {
    this.#attempt = attempt;
    for (const variant of this.#variants.values()) {
      if (variant.open === 'text') variant.told.set(variant.at, Math.max(variant.text.length, variant.told.get(variant.at) ?? 0));
      Object.assign(variant, { at: 0, open: null, text: '', cut: false });
      variant.waiting.clear();
    }
  }

  #variant(index: number): Variant {
    const known = this.#variants.get(index);
    if (known !== undefined) return known;
    const made: Variant = { at: 0, open: null, text: '', made: { output: '', references: [] }, told: new Map(), waiting: new Map(), cut: false };
    this.#variants.set(index, made);
    return made;
  }

  *#place(variant: Variant, event: Kept): Generator<ReplyStep> {
    // A later part begins: a text is whole then, a medium is whole at its own end.
    while (event.part > variant.at && variant.open === 'text') {
      yield* this.#endText(variant, event.variant);
      yield* this.#waiting(variant);
    }
    if (event.part === variant.at) yield* this.#tell(variant, event);
    else if (event.part > variant.at) variant.waiting.set(event.part, [...(variant.waiting.get(event.part) ?? []), event]);
  }

  *#waiting(variant: Variant): Generator<ReplyStep> {
    for (let events = variant.waiting.get(variant.at); events !== undefined; events = variant.waiting.get(variant.at)) {
      const part = variant.at;
      variant.waiting.delete(part);
      for (const event of events) yield* this.#tell(variant, event);
      // A text that waited whole is followed by what made it wait.
      const [event] = events;
      if (variant.at === part && variant.open === 'text' && variant.waiting.size > 0 && event !== undefined) yield* this.#endText(variant, event.variant);
      else if (variant.at === part) return;
    }
  }

  *#tell(variant: Variant, event: Kept): Generator<ReplyStep> {
    const place = { variant: event.variant, part: event.part };
    const told = variant.told.get(event.part);
    switch (event.type) {
      case 'text-delta': {
        if (variant.open === null) {
          variant.open = 'text';
          variant.text = '';
          if (told === undefined) yield { type: 'text-start', ...place };
        }
        const before = variant.text.length;
        variant.text += event.text;
        const text = variant.text.slice(Math.max(before, told ?? 0));
        if (text !== '') yield { type: 'text', ...place, text };
        break;
      }
      case 'media-start':
        variant.open = 'media';
        variant.made = { output: event.output, references: event.references, ...(event.prompt !== undefined && { prompt: event.prompt }) };
        if (told === undefined) {
          variant.told.set(event.part, 0);
          yield { type: 'media-start', ...place, output: event.output, modality: event.modality, seed: event.seed, made: variant.made };
        }
        break;
      case 'media-preview':
        if ((told ?? 0) < event.step) {
          variant.told.set(event.part, event.step);
          yield { type: 'preview', ...place, step: event.step, media: event.media };
        }
        break;
      case 'media-end':
        if (told !== Infinity) yield { type: 'media-end', ...place, output: event.output, seed: event.seed, media: event.media, made: variant.made };
        this.#next(variant, Infinity);
        yield* this.#waiting(variant);
        break;
      default:
        break;
    }
  }

  *#endText(variant: Variant, index: number): Generator<ReplyStep> {
    if ((variant.told.get(variant.at) ?? 0) !== Infinity) yield { type: 'text-end', variant: index, part: variant.at, text: variant.text };
    this.#next(variant, Infinity);
  }

  #next(variant: Variant, told: number): void {
    variant.told.set(variant.at, told);
    variant.at += 1;
    variant.open = null;
    variant.text = '';
  }

  /** A place that stayed empty, of a medium that was never made, holds nothing up. */
  *#end(index: number): Generator<ReplyStep> {
    const variant = this.#variant(index);
    for (;;) {
      if (variant.open === 'text') yield* this.#endText(variant, index);
      yield* this.#waiting(variant);
      if (variant.open === 'text') continue;
      const next = [...variant.waiting.keys()].toSorted((a, b) => a - b)[0];
      if (next === undefined) break;
      variant.at = next;
      variant.open = null;
    }
    yield { type: 'variant-end', variant: index, cut: variant.cut };
  }
}

/** The steps of a job that is followed to its end, `variants` of them. `seen` is told each event first. Throws the job's error. */
export async function* replySteps(events: AsyncIterable<LoggedEvent>, seen?: (event: LoggedEvent) => void): AsyncGenerator<ReplyStep> {
  const order = new ReplyOrder();
  let last: LoggedEvent | null = null;
  for await (const event of events) {
    seen?.(event);
    last = event;
    yield* order.add(event);
  }
  throwFailure(last);
}
