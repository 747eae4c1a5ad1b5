// The factory `comfyui`: a workflow on a ComfyUI server as a decoder of pictures, sounds or videos. Its fields are filled, its steps and
// previews shown, its run interrupted by a cancel; what comes back is decoded here. Knows no node by its kind.

import { readFile } from 'node:fs/promises';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { madeMedia, madePreview } from '../made-media.ts';
import { apart } from '../server/apart.ts';
import { fieldOf } from '../server/failures.ts';
import { probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';
import { wordPorts, wordsOf } from '../words.ts';
import { pathOfFile, runWorkflow, type ComfyFile } from './run.ts';
import { faultsOfFields, fieldNames, filled, optionsOf, placeOf, readWorkflow, type FieldName, type Fields, type Workflow } from './workflow.ts';

interface ComfyConfig extends ServerConfig {
  readonly modality: 'image' | 'audio' | 'video';
  /** `NODE.INPUT` by field. */
  readonly fields: Fields;
  /** Node whose file is taken; null takes the last one saved. */
  readonly result: string | null;
}

const MOST_BYTES = 64 * 2 ** 20;
const formats: Readonly<Record<ComfyConfig['modality'], readonly string[]>> = { image: ['png', 'jpeg', 'webp'], audio: ['wav', 'mp3', 'ogg', 'flac'], video: [] };

const schema: JsonSchema = serverSchema(
  {
    modality: { enum: ['image', 'audio', 'video'], description: 'What the workflow makes.' },
    fields: {
      type: 'object',
      additionalProperties: false,
      required: ['prompt'],
      properties: Object.fromEntries(fieldNames.map((name) => [name, { type: 'string', pattern: '^.+\\.[\\w-]+$' }])),
      description: 'Where each field goes: NODE.INPUT.',
    },
    result: { type: ['string', 'null'], default: null, description: 'Node whose file is the result; null takes the last one saved.' },
  },
  ['modality', 'fields'],
);

function readConfig(config: Readonly<Record<string, unknown>>): ComfyConfig {
  return requireServer('comfyui', checkSchema<ComfyConfig>(schema, config, 'config'));
}

/** Files: `workflow`, in API format. */
export const comfyui: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'comfyui',
  config: schema,
  ports(config) {
    readConfig(config);
    return wordPorts;
  },
  async open(source) {
    const config = readConfig(source.config);
    const workflow = workflowOf(await readFile(source.path('workflow'), 'utf8'), source.name);
    const faults = faultsOfFields(workflow, config.fields);
    if (faults.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: ${faults.join('; ')}.`);
    const server = new Server(source, config);
    await probe(source, server, 'system_stats', (answer) => (fieldOf(answer, 'system') === undefined ? `${source.name}: ${server.origin} does not answer as ComfyUI does.` : null));
    return createDecoder(server, config, workflow);
  },
};

function workflowOf(text: string, name: string): Workflow {
  try {
    return readWorkflow(text, `${name}: files.workflow`);
  } catch (error) {
    throw error instanceof AnymodalError ? new AnymodalError('bundle_invalid', error.message) : error;
  }
}

function createDecoder(server: Server, config: ComfyConfig, workflow: Workflow): Decoder {
  const { fields, modality } = config;
  const choices = formats[modality];
  const options: JsonSchema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...optionsOf(workflow, fields),
      previews: { type: 'boolean', default: true, metadata: false, description: 'Whether the previews of ComfyUI are shown.' },
      ...(choices.length > 0 && { format: { type: 'string', enum: choices, default: choices[0], description: 'File format.' } }),
    },
  };
  const edits = modality === 'image' && fields.image !== undefined;
  return {
    modality,
    options,
    references: [...(edits ? (['edit'] as const) : []), ...(edits && fields.mask !== undefined ? (['mask'] as const) : []), ...(fields.follow !== undefined || (!edits && fields.image !== undefined) ? (['follow'] as const) : [])],
    follows: ['image'],
    negative: fields.negative !== undefined,
    async *decode(request, context) {
      const checked = checkSchema<Readonly<Record<string, unknown>>>(options, request.options, modality);
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      wordsOf('comfyui', request.conditioning);
      if (fields.image !== undefined && !request.references.some(({ role }) => role !== 'mask')) throw new AnymodalError('bad_input', `${modality}: this workflow works on a picture; give one.`);
      context.signal.throwIfAborted();
      const leave = await apart(context, async () => server.gate.enter(context.signal));
      try {
        yield* make(server, config, workflow, checked.value, request, context);
      } finally {
        leave();
      }
    },
    dispose: async () => undefined,
  };
}

async function* make(server: Server, config: ComfyConfig, workflow: Workflow, options: Readonly<Record<string, unknown>>, request: DecodeRequest, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { fields, modality } = config;
  const { signal } = context;
  const pictures = await apart(context, async () => uploaded(server, fields, request, signal));
  const values: Partial<Record<FieldName, unknown>> = {
    ...options,
    ...pictures,
    prompt: wordsOf('comfyui', request.conditioning),
    negative: request.negative === null ? undefined : wordsOf('comfyui', request.negative),
    // Its samplers take 64 bits.
    seed: context.random.seed,
  };
  // Of several nodes that take steps, the sampler's are told; without a seed that names it, the first one's.
  let main = fields.seed === undefined ? null : (placeOf(workflow, fields.seed)?.node ?? null);
  let [step, shown] = [0, -1];
  for await (const event of runWorkflow(server, filled(workflow, fields, values), config.timeoutMs, context)) {
    if (event.type === 'progress') {
      main ??= event.node;
      if (event.node !== main && step > 0) continue;
      step = event.step;
      yield { type: 'progress', step, steps: event.steps };
    } else if (event.type === 'preview') {
      if (options['previews'] === false || step <= shown) continue;
      shown = step;
      const media = await madePreview(event.bytes, signal);
      if (media !== null) yield { type: 'preview', step, media };
    } else {
      const file = resultOf(event.files, config);
      if (file === null) throw new AnymodalError('unavailable', `${server.name}: the workflow at ${server.origin} ended without a file${config.result === null ? '; it needs a node that saves' : ` of node ${config.result}`}.`);
      const bytes = await apart(context, async () => server.bytes(pathOfFile(file), {}, signal, MOST_BYTES));
      const format = options['format'];
      const media = await madeMedia(bytes, { name: server.name, modality, format: typeof format === 'string' ? format : null, provenance: request.provenance }, signal);
      signal.throwIfAborted();
      yield { type: 'media', media };
    }
  }
}

/** The file that is the result: of the node that is named, else the last one that is no preview. */
function resultOf(files: readonly ComfyFile[], { result }: ComfyConfig): ComfyFile | null {
  const own = result === null ? files : files.filter(({ node }) => node === result);
  return own.findLast(({ folder }) => folder === 'output') ?? own.at(-1) ?? null;
}

/** Names of the request's pictures at the server, by field. */
async function uploaded(server: Server, fields: Fields, { references }: DecodeRequest, signal: AbortSignal): Promise<Partial<Record<FieldName, string>>> {
  const edited = references.find(({ role }) => role === 'edit') ?? (fields.follow === undefined ? references.find(({ role }) => role === 'follow') : undefined);
  const followed = fields.follow === undefined ? undefined : references.find(({ role }) => role === 'follow');
  const mask = references.find(({ role }) => role === 'mask');
  const names: Partial<Record<FieldName, string>> = {};
  for (const [field, reference] of [['image', edited], ['follow', followed], ['mask', mask]] as const) if (reference !== undefined) names[field] = await upload(server, reference.media, signal);
  return names;
}

async function upload(server: Server, { id, bytes, mediaType }: Media, signal: AbortSignal): Promise<string> {
  const form = new FormData();
  form.set('image', new Blob([new Uint8Array(bytes)], { type: mediaType }), `anymodal-${id.slice(0, 32)}.${mediaType.split('/')[1] ?? 'png'}`);
  form.set('type', 'input');
  form.set('overwrite', 'true');
  const answer = await server.json('upload/image', { form, repeatable: true }, signal);
  const [name, subfolder] = [fieldOf(answer, 'name'), fieldOf(answer, 'subfolder')];
  if (typeof name !== 'string' || name === '') throw new AnymodalError('unavailable', `${server.name}: ${server.origin} took a picture and gave no name for it.`);
  return typeof subfolder === 'string' && subfolder !== '' ? `${subfolder}/${name}` : name;
}
