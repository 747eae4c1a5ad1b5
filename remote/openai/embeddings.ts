// The factory `openai-embeddings`: text to a vector by a server with OpenAI's embeddings route.
// Knows no decoder.

import type { Factory, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { apart } from '../server/apart.ts';
import { fieldOf } from '../server/failures.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';

interface EmbeddingsConfig extends ServerConfig {
  readonly model: string;
  /** Width of the vectors. */
  readonly width: number;
  /** Whether the vectors are places in the bundle's joint space. */
  readonly joint: boolean;
}

const schema: JsonSchema = serverSchema(
  {
    model: { type: 'string', minLength: 1, description: 'Name of the model at the server.' },
    width: { type: 'integer', minimum: 1, description: 'Width of the vectors.' },
    joint: { type: 'boolean', default: true, description: 'Whether the vectors are places in the joint space of the bundle.' },
  },
  ['model', 'width'],
);

function readConfig(config: Readonly<Record<string, unknown>>): EmbeddingsConfig {
  return requireServer('openai-embeddings', checkSchema<EmbeddingsConfig>(schema, config, 'config'));
}

/** No files. Tokens [1, width], joint [width], both of length 1. */
export const openaiEmbeddings: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'openai-embeddings',
  config: schema,
  ports(config) {
    const { width, joint } = readConfig(config);
    return { in: {}, out: { tokens: [1, width], ...(joint && { joint: [width] }) } };
  },
  async open(source) {
    const config = readConfig(source.config);
    const server = new Server(source, config);
    await probe(source, server, 'v1/models', judgeModels(source, server, config.model));
    return {
      mediaTypes: ['text/plain'],
      async encode(media, context) {
        const text = textOf(media.bytes);
        const vector = await apart(context, async () => server.gate.pass(context.signal, async () => embeddingOf(server, config.model, text, context.signal)));
        if (vector.length !== config.width) throw new AnymodalError('bundle_invalid', `${source.name}: ${server.origin} gives vectors of ${vector.length} numbers, config.width says ${config.width}; another model answers there, or the width is wrong.`);
        return { tokens: { shape: [1, config.width], data: vector }, joint: config.joint ? { shape: [config.width], data: vector.slice() } : null, tracks: [] };
      },
      dispose: async () => undefined,
    };
  },
};

/** The vector of a text, of length 1. Throws as the server does, and `unavailable` for what is no vector. */
export async function embeddingOf(server: Server, model: string, input: string, signal: AbortSignal): Promise<Float32Array> {
  const answer = await server.json('v1/embeddings', { json: { model, input, encoding_format: 'float' }, repeatable: true }, signal);
  const data = fieldOf(answer, 'data');
  const found: unknown = Array.isArray(data) ? fieldOf(data[0], 'embedding') : undefined;
  const numbers = Array.isArray(found) ? Float32Array.from(found, (value: unknown) => (typeof value === 'number' ? value : Number.NaN)) : new Float32Array(0);
  const length = Math.hypot(...numbers);
  if (numbers.length === 0 || !Number.isFinite(length) || length === 0) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} answered with no embedding; check that config.model is a model for embeddings.`);
  return numbers.map((value) => value / length);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AnymodalError('bad_media', 'The text is not UTF-8; save it as UTF-8.');
  }
}
