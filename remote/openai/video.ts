// The factory `openai-video`: videos by a server with OpenAI's routes for them, from words or from a picture on.
// Asks how far it is until it is done; told to stop where the server can be told. Knows no projector.

import { setTimeout as pause } from 'node:timers/promises';
import type { Context, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { madeMedia } from '../made-media.ts';
import { apart, withName } from '../server/apart.ts';
import { fieldOf } from '../server/failures.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';
import { wordPorts, wordsOf } from '../words.ts';
import { fileOf } from './image.ts';

interface VideoConfig extends ServerConfig {
  readonly model: string;
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
  readonly pollMs: number;
  /** Fields that go into every request as they are. */
  readonly body: Readonly<Record<string, unknown>>;
}

interface VideoOptions {
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
}

const MOST_BYTES = 64 * 2 ** 20;
const side = (usual: number): JsonSchema => ({ type: 'integer', minimum: 16, maximum: 4096, default: usual, description: 'Pixels; servers have sizes of their own and say so.' });
const length = (usual: number): JsonSchema => ({ type: 'number', minimum: 0.5, maximum: 120, default: usual, description: 'Length in seconds; servers have lengths of their own and say so.' });

const schema: JsonSchema = serverSchema(
  {
    model: { type: 'string', minLength: 1, description: 'Name of the model at the server.' },
    width: side(1280),
    height: side(720),
    seconds: length(4),
    pollMs: { type: 'integer', minimum: 10, maximum: 60_000, default: 2000, description: 'Milliseconds between two questions how far it is.' },
    body: { type: 'object', default: {}, description: 'Fields that go into every request as they are.' },
  },
  ['model'],
);

function readConfig(config: Readonly<Record<string, unknown>>): VideoConfig {
  return requireServer('openai-video', checkSchema<VideoConfig>(schema, config, 'config'));
}

/** No files. */
export const openaiVideo: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'openai-video',
  config: schema,
  ports(config) {
    readConfig(config);
    return wordPorts;
  },
  async open(source) {
    const config = readConfig(source.config);
    const server = new Server(source, config);
    await probe(source, server, 'v1/models', judgeModels(source, server, config.model));
    return createDecoder(server, config);
  },
};

function createDecoder(server: Server, config: VideoConfig): Decoder {
  const options: JsonSchema = { type: 'object', additionalProperties: false, properties: { width: side(config.width), height: side(config.height), seconds: length(config.seconds) } };
  return {
    modality: 'video',
    options,
    references: ['follow'],
    follows: ['image'],
    negative: false,
    async *decode(request, context) {
      const checked = checkSchema<VideoOptions>(options, request.options, 'video');
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      wordsOf('openai-video', request.conditioning);
      context.signal.throwIfAborted();
      const leave = await apart(context, async () => server.gate.enter(context.signal));
      try {
        yield* film(server, config, checked.value, request, context);
      } finally {
        leave();
      }
    },
    dispose: async () => undefined,
  };
}

async function* film(server: Server, config: VideoConfig, options: VideoOptions, request: DecodeRequest, context: Context): AsyncGenerator<DecodeProgress | DecodeResult> {
  const { signal } = context;
  const form = new FormData();
  const fields = { ...config.body, model: config.model, prompt: wordsOf('openai-video', request.conditioning), seconds: String(options.seconds), size: `${options.width}x${options.height}`, seed: String(context.random.seed % 2 ** 31) };
  for (const [name, value] of Object.entries(fields)) form.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  const first = request.references.find(({ role }) => role === 'follow');
  if (first !== undefined) form.set('input_reference', fileOf(first.media), 'first.png');
  let state = await apart(context, async () => server.json('v1/videos', { form }, withName(signal)));
  const id = fieldOf(state, 'id');
  if (typeof id !== 'string' || id === '' || id.length > 200) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} took the video and gave no id; check that config.url is the address of its API.`);
  const path = `v1/videos/${encodeURIComponent(id)}`;
  const end = performance.now() + config.timeoutMs;
  let done = false;
  try {
    for (let told = 0; ; ) {
      const status = fieldOf(state, 'status');
      if (status === 'completed') break;
      if (typeof status !== 'string' || !['queued', 'in_progress', 'pending', 'processing', 'running'].includes(status)) throw failed(server, state);
      const progress = fieldOf(state, 'progress');
      const step = typeof progress === 'number' && Number.isFinite(progress) ? Math.floor(Math.min(100, Math.max(0, progress))) : 0;
      if (step > told) {
        told = step;
        yield { type: 'progress', step, steps: 100 };
      }
      signal.throwIfAborted();
      if (performance.now() > end) throw new AnymodalError('timeout', `${server.name}: the video at ${server.origin} was not done within ${config.timeoutMs} ms; raise config.timeoutMs, or ask for a shorter one.`);
      state = await apart(context, async () => {
        await pause(config.pollMs, undefined, { signal });
        return server.json(path, { timeoutMs: 60_000 }, signal);
      });
    }
    const bytes = await apart(context, async () => server.bytes(`${path}/content`, {}, signal, MOST_BYTES));
    done = true;
    const media = await madeMedia(bytes, { name: server.name, modality: 'video', format: null, provenance: request.provenance }, signal);
    signal.throwIfAborted();
    yield { type: 'media', media };
  } finally {
    if (!done) await stop(server, path);
  }
}

function failed(server: Server, state: unknown): AnymodalError {
  const code = fieldOf(fieldOf(state, 'error'), 'code') ?? fieldOf(state, 'status');
  const said = typeof code === 'string' && /^[\w .-]{1,64}$/.test(code) ? ` (${code})` : '';
  return new AnymodalError('unavailable', `${server.name}: ${server.origin} failed to make the video${said}; look into its log.`);
}

/** Some servers have a route for it, others take the deletion of a video as its end; some have neither, and go on. */
async function stop(server: Server, path: string): Promise<void> {
  const late = AbortSignal.timeout(5000);
  const tell = async (route: string, method: 'POST' | 'DELETE'): Promise<boolean> =>
    server.json(route, { method, retries: 0, timeoutMs: 5000 }, late).then(
      () => true,
      () => false,
    );
  if (!(await tell(`${path}/cancel`, 'POST'))) await tell(path, 'DELETE');
}
