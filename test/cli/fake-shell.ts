// A shell and an engine for tests of the command line: streams that remember, an engine that plays back events.
// Knows no command.
import { createHash, randomUUID } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Engine, EngineDescription, JobEvent, JobEventBody, JobRequest, Media } from '../../src/contracts.ts';
import { createInterruption } from '../../src/cli/interruption.ts';
import type { Shell } from '../../src/cli/shell.ts';

/** A folder that the test's end takes away. */
export function temporaryFolder(): string {
  const folder = join(tmpdir(), `anymodal-test-${randomUUID()}`);
  mkdirSync(folder);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface FakeShell extends Shell {
  readonly out: () => string;
  readonly err: () => string;
  /** Lines of stdout as JSON. */
  readonly events: () => Record<string, unknown>[];
  readonly killed: () => boolean;
}

export interface FakeSettings {
  readonly folder: string;
  readonly engine?: Engine;
  readonly input?: string;
  readonly terminal?: boolean;
  readonly model?: string;
  readonly device?: string;
  readonly hub?: Partial<Shell['environment']['hub']>;
  /** ANYMODAL_* of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

export function fakeShell({ folder, engine, input = '', terminal = false, model, device, hub, variables }: FakeSettings): FakeShell {
  const [stdout, stderr] = [collector(terminal), collector(terminal)];
  let killed = false;
  return {
    stdin: terminal ? new PassThrough() : Readable.from([input]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    folder,
    environment: { model: model ?? null, device: device ?? null, colour: false, dumb: false, hub: { endpoint: null, token: null, tokenFile: null, cache: join(folder, 'hub'), ownCache: join(folder, 'own'), offline: true, ...hub }, server: { variables: variables ?? {}, configurationFolder: join(folder, 'configuration'), dataFolder: join(folder, 'data'), objectStore: { endpoint: null, region: 'us-east-1', accessKeyId: null, secretAccessKey: null, sessionToken: null } } },
    interruption: createInterruption(() => {
      killed = true;
    }),
    startEngine: async () => {
      if (engine === undefined) throw new Error('this test expects no engine');
      return engine;
    },
    out: stdout.text,
    err: stderr.text,
    events: () =>
      stdout
        .text()
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Record<string, unknown> => JSON.parse(line)),
    killed: () => killed,
  };
}

function collector(isTTY: boolean): { stream: Shell['stdout']; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer | string, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => chunks.join('') };
}

/** A medium whose bytes are a text; nothing looks inside. */
export function fakePicture(content: string, mediaType = 'image/png'): Media {
  const bytes = new TextEncoder().encode(content);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'image', mediaType, bytes };
}

export const imageOptions = {
  type: 'object',
  additionalProperties: false,
  properties: {
    steps: { type: 'integer', minimum: 1, maximum: 1000, default: 12 },
    guidanceScale: { type: 'number', minimum: 0, maximum: 30, default: 3 },
    width: { type: 'integer', enum: [128], default: 128 },
    height: { type: 'integer', enum: [128], default: 128 },
    scheduler: { type: 'string', enum: ['flow-match-euler'], default: 'flow-match-euler' },
    previewEvery: { type: 'integer', minimum: 0, default: 0 },
    format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png' },
    sharpness: { type: 'number', minimum: 0, maximum: 1, default: 0 },
  },
};

export const description: EngineDescription = {
  bundle: 'nano',
  version: '0.1.0',
  licence: 'Apache-2.0',
  device: 'cpu',
  deviceNote: null,
  inputs: [
    { modality: 'text', mediaTypes: ['text/plain'], signatures: [], joint: true, chat: true },
    { modality: 'image', mediaTypes: ['image/png'], signatures: [], joint: true, chat: true },
  ],
  outputs: [{ name: 'image', modality: 'image', options: imageOptions, sources: ['signal', 'prompt', 'joint'], references: ['edit', 'mask'], negative: true }],
  text: { type: 'object', additionalProperties: false, properties: { temperature: { type: 'number', minimum: 0, default: 0.7 } } },
};

export interface FakeEngine extends Engine {
  readonly jobs: JobRequest[];
  readonly closed: () => number;
}

/** An engine that answers each job with what `answer` yields; it adds the fields common to all events. */
export function fakeEngine(answer: (job: JobRequest, signal: AbortSignal) => AsyncGenerator<JobEventBody> = draws): FakeEngine {
  const jobs: JobRequest[] = [];
  let closed = 0;
  return {
    jobs,
    closed: () => closed,
    describe: async () => description,
    check: async () => undefined,
    async *run(job, signal = new AbortController().signal): AsyncGenerator<JobEvent> {
      jobs.push(job);
      for await (const body of answer(job, signal)) yield { ...body, job: job.id, attempt: 1 };
    },
    async *embed(request): AsyncGenerator<JobEvent> {
      for (const [input, part] of request.inputs.entries()) {
        const embedding = input === 0 ? [1, 0] : [0.6, 0.8];
        yield { type: 'embedding', input, modality: part.type === 'text' ? 'text' : part.media.modality, embedding, job: request.id, attempt: 1 };
      }
      yield { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 }, job: request.id, attempt: 1 };
    },
    close: async () => {
      closed += 1;
    },
  };
}

/** Text, then a picture, for every variant. */
export async function* draws(job: JobRequest): AsyncGenerator<JobEventBody> {
  yield { type: 'job-queued', position: 0 };
  yield { type: 'job-start', bundle: 'nano', device: 'cpu', seed: job.seed, count: job.count };
  for (let variant = 0; variant < job.count; variant += 1) {
    const seed = job.seed + variant;
    yield { type: 'text-delta', variant, part: 0, text: 'Here ' };
    yield { type: 'text-delta', variant, part: 0, text: 'it is:' };
    yield { type: 'media-start', variant, part: 1, output: 'image', modality: 'image', seed, references: job.messages.length > 1 ? [1] : [] };
    for (let step = 1; step <= 4; step += 1) yield { type: 'media-progress', variant, part: 1, step, steps: 4 };
    yield { type: 'media-preview', variant, part: 1, step: 2, media: fakePicture('preview') };
    const mediaType = job.options['image']?.['format'] === 'jpeg' ? 'image/jpeg' : 'image/png';
    yield { type: 'media-end', variant, part: 1, output: 'image', modality: 'image', mediaType, seed, media: fakePicture(`picture ${seed}`, mediaType) };
  }
  yield { type: 'job-end', usage: { inputTokens: 3, outputTokens: 5 } };
}
