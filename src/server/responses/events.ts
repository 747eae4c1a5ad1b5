// A response as a stream: every event a function of the job's log, so that the same event has the same number whenever it is told.
// Knows no request.

import { addressOf, base64Of, sendable, type Sendable } from '../chat/made-media.ts';
import { ReplyOrder, type ReplyStep } from '../chat/reply-steps.ts';
import type { Context } from 'hono';
import type { LoggedEvent } from '../../queue/contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { ServerParts } from '../contracts.ts';
import type { StreamEvent } from '../event-stream.ts';
import type { AppEnv } from '../routes.ts';
import { isTerminal } from '../run-job.ts';
import { itemId, outcomeOf, type Outcome, type ResponseRecord } from './records.ts';
import type { OutputItem } from './schemas.ts';
import { begunItem, callType, madeItem, messageItem, responseView, textPart, type Status } from './view.ts';

/** A response with its items, media read where they are to be shown. */
export async function outputOf(c: Context<AppEnv>, parts: ServerParts, record: ResponseRecord, signal: AbortSignal): Promise<OutputItem[]> {
  const output: OutputItem[] = [];
  for (const item of record.outcome?.items ?? []) {
    if (item.type === 'text') output.push(messageItem(record.id, item.part, item.text));
    else output.push(madeItem(record, item, await orGone(sendable(parts, record.owner, item, record.finish, signal)), (media) => addressOf(c, parts, record.owner, media)));
  }
  return output;
}

/** What was made, or null where it was deleted since. */
async function orGone(media: Promise<Sendable>): Promise<Sendable | null> {
  return media.catch((error: unknown) => {
    if (error instanceof AnymodalError && error.code === 'not_found') return null;
    throw error;
  });
}

/** The events of a response, in OpenAI's order. Each is numbered from 0; those up to `after` are passed over, without reading media for them. */
export class ResponseStream {
  readonly #c: Context<AppEnv>;
  readonly #parts: ServerParts;
  readonly #after: number;
  readonly #signal: AbortSignal;
  readonly #order = new ReplyOrder();
  readonly #log: LoggedEvent[] = [];
  readonly #output: OutputItem[] = [];
  #record: ResponseRecord;
  #number = 0;
  #index = -1;
  #previews = 0;
  #isRunning = false;

  constructor(c: Context<AppEnv>, parts: ServerParts, record: ResponseRecord, after: number, signal: AbortSignal) {
    this.#c = c;
    this.#parts = parts;
    this.#record = record;
    this.#after = after;
    this.#signal = signal;
  }

  /** Number of the next event. */
  get next(): number {
    return this.#number;
  }

  /** What came of the job; null before its end. */
  get outcome(): Outcome | null {
    return this.#record.outcome;
  }

  async *add(event: LoggedEvent): AsyncGenerator<StreamEvent> {
    this.#log.push(event);
    if (this.#number === 0) {
      yield* this.#tell('response.created', this.#response(this.#record.background ? 'queued' : 'in_progress'));
      yield* this.#tell(this.#record.background ? 'response.queued' : 'response.in_progress', this.#response(this.#record.background ? 'queued' : 'in_progress'));
      this.#isRunning = !this.#record.background;
    }
    if (event.type === 'job-start' && !this.#isRunning) {
      this.#isRunning = true;
      yield* this.#tell('response.in_progress', this.#response('in_progress'));
    }
    for (const step of this.#order.add(event)) yield* this.#step(step);
    if (isTerminal(event)) yield* this.#end();
  }

  async *#step(step: ReplyStep): AsyncGenerator<StreamEvent> {
    if (step.type === 'variant-end' || step.variant !== 0) return;
    const { id } = this.#record;
    const place = (modality: string): { item_id: string; output_index: number } => ({ item_id: itemId(id, step.part, modality), output_index: this.#index });
    switch (step.type) {
      case 'text-start':
        this.#index += 1;
        yield* this.#tell('response.output_item.added', { output_index: this.#index, item: messageItem(id, step.part, null) });
        yield* this.#tell('response.content_part.added', { ...place('text'), content_index: 0, part: textPart('') });
        break;
      case 'text':
        yield* this.#tell('response.output_text.delta', { ...place('text'), content_index: 0, delta: step.text, logprobs: [] });
        break;
      case 'text-end':
        yield* this.#tell('response.output_text.done', { ...place('text'), content_index: 0, text: step.text, logprobs: [] });
        yield* this.#tell('response.content_part.done', { ...place('text'), content_index: 0, part: textPart(step.text) });
        yield* this.#done(messageItem(id, step.part, step.text));
        break;
      case 'media-start':
        this.#index += 1;
        this.#previews = 0;
        yield* this.#tell('response.output_item.added', { output_index: this.#index, item: begunItem(id, step.part, step.modality) });
        yield* this.#tell(`response.${callType(step.modality)}.in_progress`, place(step.modality));
        yield* this.#tell(`response.${callType(step.modality)}.generating`, place(step.modality));
        break;
      case 'preview':
        yield* this.#preview(step, place('image'));
        break;
      default:
        yield* this.#made(step, place(step.media.modality));
    }
  }

  async *#preview(step: Extract<ReplyStep, { readonly type: 'preview' }>, place: object): AsyncGenerator<StreamEvent> {
    if (step.media.modality !== 'image' || this.#previews >= this.#record.partialImages) return;
    const index = this.#previews;
    this.#previews += 1;
    // Previews go when their job ends; whoever comes later is told all but them, under the same numbers.
    const media = this.#number <= this.#after ? null : await this.#parts.media.read(step.media).catch(() => null);
    if (media === null) this.#number += 1;
    else yield* this.#tell('response.image_generation_call.partial_image', { ...place, partial_image_index: index, partial_image_b64: base64Of(media.bytes), background: 'opaque', output_format: media.mediaType.replace('image/', '') });
  }

  async *#made(step: Extract<ReplyStep, { readonly type: 'media-end' }>, place: object): AsyncGenerator<StreamEvent> {
    const { owner, finish, id } = this.#record;
    const media = await orGone(sendable(this.#parts, owner, step, finish, this.#signal));
    const item = madeItem(this.#record, { ...step, type: 'media' }, media, (made) => addressOf(this.#c, this.#parts, owner, made));
    if (step.media.modality === 'audio') {
      const sound = { response_id: id, ...place };
      yield* this.#tell('response.audio.delta', { ...sound, delta: media?.base64 ?? '' });
      yield* this.#tell('response.audio.done', sound);
      if (item.type === 'audio_generation_call' && typeof item.transcript === 'string') {
        yield* this.#tell('response.audio.transcript.delta', { ...sound, delta: item.transcript });
        yield* this.#tell('response.audio.transcript.done', sound);
      }
    }
    yield* this.#tell(`response.${callType(step.media.modality)}.completed`, place);
    yield* this.#done(item);
  }

  async *#done(item: OutputItem): AsyncGenerator<StreamEvent> {
    this.#output.push(item);
    yield* this.#tell('response.output_item.done', { output_index: this.#index, item });
  }

  async *#end(): AsyncGenerator<StreamEvent> {
    const outcome = await outcomeOf(this.#log);
    this.#record = { ...this.#record, outcome };
    const type = outcome.status === 'cancelled' ? 'response.incomplete' : `response.${outcome.status}`;
    yield* this.#tell(type, { response: responseView(this.#record, { status: outcome.status, output: this.#output }) });
  }

  #response(status: Status): object {
    return { response: responseView(this.#record, { status, output: [] }) };
  }

  *#tell(type: string, more: object): Generator<StreamEvent> {
    const sequence = this.#number;
    this.#number += 1;
    if (sequence > this.#after) yield { event: type, data: { type, sequence_number: sequence, ...more } };
  }
}
