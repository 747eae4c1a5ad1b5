// The factory `anymodal-server`: another server of anymodal as a whole engine. Jobs go there with their conversation and their media, events
// and media come back; nothing is kept there after a job. Knows no component of it.

import type { InputPart, WholeModel } from '../../src/client/index.ts';
import type { Device, EmbedRequest, EngineDescription, Factory, JobEvent, JobEventBody, JobRequest, JsonSchema, Message, Part, ReferenceRole, WholeEngine } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { fieldOf } from '../server/failures.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';
import { clientOf, failureAt, inlineMedia } from './connection.ts';
import { runJob, type RemoteJob } from './run-job.ts';

interface EngineConfig extends ServerConfig {
  /** Id or alias of the model there; null takes the server's default. */
  readonly model: string | null;
}

const schema: JsonSchema = serverSchema({ model: { type: ['string', 'null'], default: null, description: 'Id or alias of the model there; null takes its default one.' } });

function readConfig(config: Readonly<Record<string, unknown>>): EngineConfig {
  return requireServer('anymodal-server', checkSchema<EngineConfig>(schema, config, 'config'));
}

/** Milliseconds for the server to load its model. */
const OPEN_MS = 900_000;

/** No files. */
export const anymodalServer: Factory<'engine'> = {
  kind: 'engine',
  name: 'anymodal-server',
  config: schema,
  ports(config) {
    readConfig(config);
    return { in: {}, out: {} };
  },
  async open(source) {
    const config = readConfig(source.config);
    return openEngine(new Server(source, config), config);
  },
};

/** Throws `unavailable` where the server is away: without it there is nothing to describe. */
async function openEngine(server: Server, config: EngineConfig): Promise<WholeEngine> {
  const client = clientOf(server);
  const starting = AbortSignal.timeout(OPEN_MS);
  let whole: WholeModel;
  try {
    const id = config.model ?? (await client.models({ signal: starting }))[0]?.id;
    if (id === undefined) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} offers no model.`);
    whole = await client.model(id, { signal: starting });
  } catch (error) {
    throw failureAt(server, error, new AbortController().signal);
  }
  const description = describe(whole);

  async function* run(job: JobRequest, signal: AbortSignal): AsyncGenerator<JobEventBody> {
    const leave = await server.gate.enter(signal);
    const conversation = await beginConversation(server, job, signal);
    try {
      for await (const { event, media } of runJob(client, server, jobOf(whole.id, job, conversation), config.timeoutMs, { signal })) {
        const { id: _id, at: _at, job: _job, attempt: _attempt, ...body } = event;
        if (body.type === 'media-end' || body.type === 'media-preview') {
          if (media !== null) yield { ...body, media };
        } else if (body.type !== 'job-error' && body.type !== 'job-abort') yield body;
      }
    } finally {
      if (conversation !== null) await server.json(`v1/conversations/${encodeURIComponent(conversation)}`, { method: 'DELETE', retries: 0, timeoutMs: 5000 }, AbortSignal.timeout(5000)).catch(() => undefined);
      leave();
    }
  }

  async function* embed(request: EmbedRequest, signal: AbortSignal): AsyncGenerator<JobEventBody> {
    const input = request.inputs.map((part) => partOf(part));
    const answer = await server.gate.pass(signal, async () => server.json('v1/embeddings', { json: { model: whole.id, input }, repeatable: true }, signal));
    yield { type: 'job-start', bundle: whole.id, device: description.device, seed: 0, count: 1 };
    const data = fieldOf(answer, 'data');
    for (const [at, part] of request.inputs.entries()) {
      const embedding: unknown = Array.isArray(data) ? fieldOf(data[at], 'embedding') : undefined;
      if (!Array.isArray(embedding) || !embedding.every((value): value is number => typeof value === 'number' && Number.isFinite(value))) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} answered with no embedding; try again.`);
      yield { type: 'embedding', input: at, modality: part.type === 'text' ? 'text' : part.media.modality, embedding };
    }
    yield { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } };
  }

  return {
    describe: async () => description,
    run: (job, signal) => named(job.id, run(job, signal ?? new AbortController().signal)),
    embed: (request, signal) => named(request.id, embed(request, signal ?? new AbortController().signal)),
    dispose: async () => undefined,
  };
}

async function* named(job: string, bodies: AsyncGenerator<JobEventBody>): AsyncGenerator<JobEvent> {
  for await (const body of bodies) yield { ...body, job, attempt: 1 };
}

/** The job there: its last message is the input, those before are in the conversation. */
function jobOf(model: string, job: JobRequest, conversation: string | null): RemoteJob {
  const { outputs, route, seed, count, options, negativePrompt, mask, mix, metadata, messages } = job;
  return {
    input: (messages.at(-1)?.parts ?? []).map(partOf),
    outputs,
    model,
    ...(conversation !== null && { conversation }),
    route,
    seed,
    count,
    options,
    ...(negativePrompt !== null && { negativePrompt }),
    ...(mask !== null && { mask: inlineMedia(mask) }),
    ...(mix !== null && { mix: mix.map(({ weight, part }) => ({ weight, part: partOf(part) })) }),
    metadata,
  };
}

function partOf(part: Part): InputPart {
  return part.type === 'text' ? { type: 'text', text: part.text } : { type: 'media', ...inlineMedia(part.media) };
}

/** Puts the messages before the last one into a conversation there; null where none is needed. */
async function beginConversation(server: Server, { messages, route }: JobRequest, signal: AbortSignal): Promise<string | null> {
  const before = route === 'direct' ? [] : messages.slice(0, -1);
  if (before.length === 0) return null;
  const id = fieldOf(await server.json('v1/conversations', { json: { title: null, messages: before.map(messageOf) } }, signal), 'id');
  if (typeof id !== 'string') throw new AnymodalError('unavailable', `${server.name}: ${server.origin} began no conversation; try again.`);
  return id;
}

function messageOf({ role, parts }: Message): object {
  return {
    role,
    parts: parts.map((part) => (part.type === 'text' ? part : { type: 'media', media: { id: part.media.id, data: Buffer.from(part.media.bytes).toString('base64') }, ...(part.made !== undefined && { made: part.made }) })),
  };
}

const devices: readonly Device[] = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'];
const roles: readonly ReferenceRole[] = ['edit', 'mask', 'follow'];

/** What the server tells of its model. It does not tell from what outputs are made: from words, and from places in a joint space where it has one. */
function describe(model: WholeModel): EngineDescription {
  const joint = model.inputs.some((input) => input.joint);
  return {
    bundle: model.id,
    version: model.version,
    licence: model.licence,
    device: devices.find((device) => device === model.device) ?? 'cpu',
    deviceNote: null,
    limits: model.limits,
    inputs: model.inputs.map(({ modality, mediaTypes, joint: placed, chat }) => ({ modality, mediaTypes, signatures: [], joint: placed, chat })),
    outputs: model.outputs.map(({ name, modality, options, references, negative }) => ({ name, modality, options, sources: joint ? ['prompt', 'joint'] : ['prompt'], references: roles.filter((role) => references.includes(role)), negative })),
    text: model.text,
  };
}
