// The factory `openai-image`: pictures by a server with OpenAI's routes, new ones and edits, such as LocalAI, sd-server or vLLM-Omni.
// What comes back is decoded and encoded here. Knows no projector.

import { alphaOfMask, inspectImage } from '../../media/index.ts';
import type { Context, DecodePreview, DecodeRequest, DecodeResult, Decoder, Factory, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { fromBase64, madeMedia, madePreview } from '../made-media.ts';
import { apart, eachApart } from '../server/apart.ts';
import { events } from '../server/event-stream.ts';
import { fieldOf } from '../server/failures.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server, type Call } from '../server/server.ts';
import { requireServer } from '../server/settings.ts';
import { wordPorts, wordsOf } from '../words.ts';
import { imageOptions, imageSchema, type ImageConfig, type ImageOptions } from './image-settings.ts';

const MOST_BYTES = 64 * 2 ** 20;
const PREVIEWS = 3;

function readConfig(config: Readonly<Record<string, unknown>>): ImageConfig {
  return requireServer('openai-image', checkSchema<ImageConfig>(imageSchema, config, 'config'));
}

/** No files. */
export const openaiImage: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'openai-image',
  config: imageSchema,
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

function createDecoder(server: Server, config: ImageConfig): Decoder {
  const options = imageOptions(config);
  return {
    modality: 'image',
    options,
    references: config.edits === 'none' ? [] : ['edit', 'mask', ...(config.edits === 'many' ? (['follow'] as const) : [])],
    follows: ['image'],
    negative: config.parameters.negative !== undefined,
    async *decode(request, context) {
      const checked = checkSchema<ImageOptions>(options, request.options, 'image');
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      context.signal.throwIfAborted();
      const leave = await apart(context, async () => server.gate.enter(context.signal));
      try {
        yield* draw(server, config, checked.value, request, context);
      } finally {
        leave();
      }
    },
    dispose: async () => undefined,
  };
}

async function* draw(server: Server, config: ImageConfig, options: ImageOptions, request: DecodeRequest, context: Context): AsyncGenerator<DecodePreview | DecodeResult> {
  const streams = config.previews && options.previews !== false;
  const fields = { ...fieldsOf(config, options, request, context.random.seed), ...(streams && { stream: true, partial_images: PREVIEWS }) };
  const edits = request.references.some(({ role }) => role !== 'mask');
  const path = edits ? 'v1/images/edits' : 'v1/images/generations';
  const call: Call = edits ? { form: await formOf(fields, request, context.signal) } : { json: fields };
  let bytes: Uint8Array | null = null;
  if (streams) {
    let step = 0;
    for await (const event of eachApart(context, events(server, path, call, context.signal))) {
      const type = fieldOf(event, 'type');
      if (typeof type === 'string' && type.endsWith('.partial_image')) {
        step += 1;
        const media = await madePreview(fromBase64(fieldOf(event, 'b64_json'), server.name), context.signal);
        if (media !== null) yield { type: 'preview', step, media };
      } else if (fieldOf(event, 'b64_json') !== undefined || fieldOf(event, 'data') !== undefined) bytes = await apart(context, async () => bytesOf(server, event, context.signal));
      else if (fieldOf(event, 'error') !== undefined) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} ended the picture with an error; look into its log.`);
    }
    if (bytes === null) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} ended its stream without a picture; look into its log, or set config.previews to false.`);
  } else {
    bytes = await apart(context, async () => bytesOf(server, await server.json(path, call, context.signal), context.signal));
  }
  const media = await madeMedia(bytes, { name: server.name, modality: 'image', format: options.format, quality: options.quality, provenance: request.provenance }, context.signal);
  context.signal.throwIfAborted();
  yield { type: 'media', media };
}

/** What is asked for. Seeds of servers have 31 bits. */
function fieldsOf({ model, parameters, responseFormat, body }: ImageConfig, options: ImageOptions, { conditioning, negative }: DecodeRequest, seed: number): Record<string, unknown> {
  const more: Record<string, unknown> = {};
  const put = (name: string | undefined, value: unknown): void => {
    if (name !== undefined && value !== null && value !== undefined) more[name] = value;
  };
  put(parameters.seed, seed % 2 ** 31);
  put(parameters.negative, negative === null ? null : wordsOf('openai-image', negative));
  put(parameters.steps, options.steps);
  put(parameters.guidanceScale, options.guidanceScale);
  put(parameters.strength, options.strength);
  return { ...body, model, prompt: wordsOf('openai-image', conditioning), n: 1, size: `${options.width}x${options.height}`, ...(responseFormat && { response_format: 'b64_json' }), ...more };
}

/** A form with the pictures: the edited one first, the mask as its transparency. */
async function formOf(fields: Readonly<Record<string, unknown>>, { references }: DecodeRequest, signal: AbortSignal): Promise<FormData> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  const pictures = [...references.filter(({ role }) => role === 'edit'), ...references.filter(({ role }) => role === 'follow')];
  for (const [at, { media }] of pictures.entries()) {
    await inspectImage(media, signal);
    form.append(pictures.length > 1 ? 'image[]' : 'image', fileOf(media), `picture-${at}`);
  }
  const mask = references.find(({ role }) => role === 'mask');
  const edited = pictures[0];
  if (mask !== undefined && edited !== undefined) form.set('mask', fileOf(await alphaOfMask(mask.media, await inspectImage(edited.media, signal), signal)), 'mask.png');
  return form;
}

export function fileOf({ bytes, mediaType }: Media): Blob {
  return new Blob([new Uint8Array(bytes)], { type: mediaType });
}

/** The picture in an answer or an event: its bytes, or a file of the same server. */
async function bytesOf(server: Server, answer: unknown, signal: AbortSignal): Promise<Uint8Array> {
  const data = fieldOf(answer, 'data');
  const first: unknown = Array.isArray(data) ? data[0] : answer;
  const url = fieldOf(first, 'url');
  if (fieldOf(first, 'b64_json') === undefined && typeof url === 'string' && !url.startsWith('data:')) return server.bytes(url, {}, signal, MOST_BYTES);
  return fromBase64(fieldOf(first, 'b64_json') ?? url, server.name);
}
