// The factory `anymodal-decoder`: one output of another server of anymodal as a decoder, by its job API: the same bytes as it makes itself.
// Knows no engine.

import type { InputPart } from '../../src/client/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, JsonSchema, ReferenceRole } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { apart } from '../server/apart.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';
import { wordPorts, wordsOf } from '../words.ts';
import { clientOf, inlineMedia } from './connection.ts';
import { runJob, type RemoteJob } from './run-job.ts';

interface AnymodalDecoderConfig extends ServerConfig {
  /** Id or alias of the model there; null takes the server's default. */
  readonly model: string | null;
  /** Output of the model there. */
  readonly output: string;
  readonly modality: string;
  /** Schema of its options, as the server tells it. */
  readonly options: JsonSchema;
  readonly references: readonly ReferenceRole[];
  readonly negative: boolean;
}

const schema: JsonSchema = serverSchema(
  {
    model: { type: ['string', 'null'], default: null, description: 'Id or alias of the model there; null takes its default one.' },
    output: { type: 'string', pattern: '^[a-z][a-z0-9-]*$', description: 'Output of the model there.' },
    modality: { type: 'string', pattern: '^[a-z][a-z0-9-]*$', description: 'Of what it makes.' },
    options: { type: 'object', default: { type: 'object', additionalProperties: false, properties: {} }, description: 'Schema of its options, as GET /v1/models/ID tells it.' },
    references: { type: 'array', items: { enum: ['edit', 'mask', 'follow'] }, default: [], description: 'What it takes beside words.' },
    negative: { type: 'boolean', default: false, description: 'Whether it takes a negative prompt.' },
  },
  ['output', 'modality'],
);

function readConfig(config: Readonly<Record<string, unknown>>): AnymodalDecoderConfig {
  return requireServer('anymodal-decoder', checkSchema<AnymodalDecoderConfig>(schema, config, 'config'));
}

/** No files. */
export const anymodalDecoder: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'anymodal-decoder',
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

function createDecoder(server: Server, config: AnymodalDecoderConfig): Decoder {
  const client = clientOf(server);
  async function* decode(request: DecodeRequest, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
    let made = false;
    for await (const { event, media } of runJob(client, server, jobOf(config, request, context.random.seed), config.timeoutMs, context)) {
      // Events that came before the cancel tell of steps that nobody waits for.
      context.signal.throwIfAborted();
      if (event.type === 'media-progress') yield { type: 'progress', step: event.step, steps: event.steps };
      else if (event.type === 'media-preview' && media !== null) yield { type: 'preview', step: event.step, media };
      else if (event.type === 'job-warning') context.warn(event.code, `${server.name}: ${event.message}`);
      else if (event.type === 'media-end' && media !== null && !made) {
        made = true;
        yield { type: 'media', media };
      }
    }
    if (!made) throw new AnymodalError('unavailable', `${server.name}: the job at ${server.origin} ended without ${config.output}; try again.`);
  }
  return {
    modality: config.modality,
    options: config.options,
    references: config.references,
    negative: config.negative,
    async *decode(request, context) {
      const checked = checkSchema<Readonly<Record<string, unknown>>>(config.options, request.options, config.output);
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      wordsOf('anymodal-decoder', request.conditioning);
      context.signal.throwIfAborted();
      const leave = await apart(context, async () => server.gate.enter(context.signal));
      try {
        yield* decode({ ...request, options: checked.value }, context);
      } finally {
        leave();
      }
    },
    dispose: async () => undefined,
  };
}

/** The direct route there: the first medium of the output's own modality is edited, others are followed, as they stand here. */
function jobOf({ model, output }: AnymodalDecoderConfig, { conditioning, negative, references, options, provenance }: DecodeRequest, seed: number): RemoteJob {
  const media = ['edit', 'follow'].flatMap((role) => references.filter((reference) => reference.role === role));
  const mask = references.find(({ role }) => role === 'mask');
  const input: InputPart[] = [{ type: 'text', text: wordsOf('anymodal-decoder', conditioning) }, ...media.map(({ media: medium }): InputPart => ({ type: 'media', ...inlineMedia(medium) }))];
  return {
    input,
    outputs: [output],
    ...(model !== null && { model }),
    route: 'direct',
    seed,
    count: 1,
    options: { [output]: options },
    ...(negative !== null && { negativePrompt: wordsOf('anymodal-decoder', negative) }),
    ...(mask !== undefined && { mask: inlineMedia(mask.media) }),
    metadata: provenance !== null,
  };
}
