// A body of POST /v1/jobs to a job in the queue: media read, conversation put before the input, the same request under the same key found again.
// Knows no HTTP beyond names of fields.

import type { Media, Message, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, NewJob, Warning } from '../../queue/contracts.ts';
import type { Caller, ServerParts } from '../contracts.ts';
import { historyOf, keepTurn } from '../conversations/turns.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import { jobRequest } from '../run-job.ts';
import { idempotencyOf } from './idempotency.ts';
import type { InputPart, MaskInput, NewJobBody } from './schemas.ts';

export interface Asked {
  readonly body: NewJobBody;
  readonly files: ReadonlyMap<string, readonly File[]>;
  /** Value of `Idempotency-Key`, if any. */
  readonly key: string | undefined;
}

export interface Accepted {
  readonly record: JobRecord;
  /** False for a job that was sent before under the same key. */
  readonly isNew: boolean;
  readonly warnings: readonly Warning[];
}

/** Accepts a job: it is on disk when this is fulfilled. Throws `bad_input`, `bad_media`, `not_found`, and what `Queue.submit` throws. */
export async function acceptJob(parts: ServerParts, caller: Caller, { body, files, key }: Asked, signal: AbortSignal): Promise<Accepted> {
  const { limits } = parts.settings;
  const { conversation = null, mix = null, seed = null, deadlineMs = null } = body;
  if (body.count > limits.variants) throw new AnymodalError('bad_option', `count: got ${body.count}, at most ${limits.variants} are made here.`, { field: 'count' });
  if (body.input.length + (mix?.length ?? 0) > limits.parts) throw new AnymodalError('bad_input', `input: got ${body.input.length + (mix?.length ?? 0)} parts, at most ${limits.parts} are taken.`, { field: 'input' });
  if (body.input.length === 0 && mix === null) throw new AnymodalError('bad_input', 'input: got no parts, expected one or more.', { field: 'input' });
  const idempotency = await idempotencyOf(key, body, files);

  const read = async (reference: MediaReference, field: string): Promise<Media> => mediaFromInput(parts, caller, mediaInputOf(reference, files, field), field, signal);
  const partOf = async (part: InputPart, field: string): Promise<Part> => (part.type === 'text' ? part : { type: 'media', media: await read(part, field) });
  const input: Part[] = [];
  for (const [index, part] of body.input.entries()) input.push(await partOf(part, `input.${index}`));
  const mixed: { weight: number; part: Part }[] = [];
  for (const [index, { weight, part }] of (mix ?? []).entries()) mixed.push({ weight, part: await partOf(part, `mix.${index}.part`) });
  const mask = body.mask === undefined || body.mask === null ? null : await read(maskReference(body.mask), 'mask');
  const before = conversation === null ? { messages: [], warnings: [] } : await historyOf(parts, caller.owner, conversation);
  const asked: readonly Message[] = input.length === 0 ? [] : [{ role: 'user', parts: input }];

  const request = jobRequest({
    messages: [...before.messages, ...asked],
    outputs: body.outputs,
    route: body.route,
    ...(seed !== null && { seed }),
    count: body.count,
    options: body.options,
    negativePrompt: body.negativePrompt ?? null,
    mask,
    mix: mix === null ? null : mixed,
    metadata: body.metadata,
  });
  const model = parts.engines.resolve(body.model ?? null);
  const job: NewJob = { owner: caller.owner, model, kind: 'job', detached: true, conversation, deadlineMs, view: null, request, ...(idempotency !== null && { idempotency }) };
  const record = await parts.queue.submit(job, signal).catch((error: unknown) => {
    throw withField(error, body);
  });
  const isNew = record.id === request.id;
  // A server that was killed between the two has kept the job alone; who asks again with the same key has the turn kept, once.
  if (conversation !== null) await keepTurn(parts, caller.owner, conversation, asked, record);
  return { record, isNew, warnings: before.warnings };
}

interface MediaReference {
  readonly id?: string | undefined;
  readonly url?: string | undefined;
  readonly data?: string | undefined;
  readonly file?: string | undefined;
}

function mediaInputOf({ id, url, data, file }: MediaReference, files: Asked['files'], field: string): MediaInput {
  if (id !== undefined) return { id };
  if (url !== undefined) return { url };
  if (data !== undefined) return /^data:/i.test(data) ? { dataUrl: data } : { base64: data };
  const [found] = files.get(file ?? '') ?? [];
  if (found === undefined) throw new AnymodalError('bad_input', `${field}.file: the body has no file in a field of this name; send it as multipart/form-data.`, { field: `${field}.file` });
  return { file: found };
}

function maskReference(mask: MaskInput): MediaReference {
  return typeof mask === 'string' ? { id: mask } : mask;
}

/** A fault that the engine found with the field of the body that it is about, as far as its message says. */
function withField(error: unknown, body: NewJobBody): unknown {
  if (!(error instanceof AnymodalError) || error.field !== null) return error;
  const field = fieldIn(error.message, body);
  return field === null ? error : new AnymodalError(error.code, error.message, { cause: error, field, ...(error.retryAfterMs !== null && { retryAfterMs: error.retryAfterMs }) });
}

function fieldIn(message: string, body: NewJobBody): string | null {
  if (message.startsWith('output "')) return 'outputs';
  if (message.startsWith('nothing to work from')) return 'input';
  const place = /^([A-Za-z][\w.]*):/.exec(message)?.[1];
  if (place === undefined) return null;
  const head = place.split('.', 1)[0] ?? '';
  if (Object.hasOwn(body, head)) return place;
  return Object.hasOwn(body.options, head) ? `options.${place}` : null;
}
