// Components without weights, for tests of the chain and the engine: what they make tells what they were given.
// A reply is scripted by the user's words: `{image}` asks for a picture, `{image:2}` for one made from medium 2, `{speech=hi}` says "hi".

import { createHash } from 'node:crypto';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { AnyFactory, Context, Decoder, Encoder, Factory, InputProjector, JsonSchema, LanguageModel, Media, OutputProjector, ReferenceRole, Signal, Source, Tensor } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, type Checked } from '../../src/schema.ts';

let open = 0;

/** Number of fake components that are open in this process. */
export function openFakeCount(): number {
  return open;
}

function counted<T extends object>(component: T): T & { dispose(): Promise<void> } {
  open += 1;
  let disposed = false;
  return {
    ...component,
    async dispose() {
      if (!disposed) open -= 1;
      disposed = true;
    },
  };
}

export function mediaOf(modality: string, mediaType: string, content: string): Media {
  const bytes = new TextEncoder().encode(content);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType, bytes };
}

/** A vector of length 1 that depends on the bytes alone. */
function vectorOf(bytes: Uint8Array, width: number): Float32Array {
  const hash = createHash('sha256').update(bytes).digest();
  const values = Float32Array.from({ length: width }, (_, index) => (hash[index] ?? 0) + 1);
  const norm = Math.hypot(...values);
  return values.map((value) => value / norm);
}

function filled(shape: readonly [number, number], value: number): Tensor {
  return { shape, data: new Float32Array(shape[0] * shape[1]).fill(value) };
}

const width: JsonSchema = { type: 'integer', minimum: 1 };
const object = (properties: Record<string, JsonSchema>, required: readonly string[] = Object.keys(properties)): JsonSchema => ({ type: 'object', additionalProperties: false, properties, required });

/** The value of a check that found no fault. */
function good<T>(checked: Checked<T>): T {
  if (checked.value === null) throw new Error(checked.faults.join());
  return checked.value;
}

const encoderConfig = object({ width, joint: { type: 'boolean' }, mediaTypes: { type: 'array', items: { type: 'string' } } });
const pairConfig = object({ in: width, out: width, signals: { ...width, default: 2 } }, ['in', 'out']);
const modelConfig = object({ width, outputs: { type: 'array', items: { type: 'string' } }, embeds: { type: 'object', additionalProperties: width, default: {} } }, ['width', 'outputs']);
const decoderConfig = object(
  { modality: { type: 'string' }, mediaType: { type: 'string' }, width, references: { type: 'array' }, negative: { type: 'boolean' }, follows: { type: 'array' }, companion: width, reads: width, joins: { type: 'boolean', default: false } },
  ['modality', 'mediaType', 'width', 'references', 'negative'],
);
const decoderOptions = object(
  { steps: { type: 'integer', minimum: 1, maximum: 1000, default: 3 }, preview: { type: 'boolean', default: false, metadata: false }, accident: { enum: ['none', 'error', 'hang', 'crash', 'endless', 'misfit'], default: 'none' } },
  [],
);

/** `a|b` is a medium `a` with the sound `b` inside. */
function tracksOf({ bytes }: Media): Media[] {
  return new TextDecoder().decode(bytes).split('|').slice(1).map((content) => mediaOf('audio', 'audio/wav', content));
}

interface EncoderConfig { readonly width: number; readonly joint: boolean; readonly mediaTypes: readonly string[] }
const encoder: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'fake-encoder',
  config: encoderConfig,
  ports(config) {
    const { width: size, joint } = good(checkSchema<EncoderConfig>(encoderConfig, config, 'fake'));
    return { in: {}, out: { tokens: [2, size], ...(joint && { joint: [size] }) } };
  },
  async open({ config }) {
    const { width: size, joint, mediaTypes } = good(checkSchema<EncoderConfig>(encoderConfig, config, 'fake'));
    const component: Omit<Encoder, 'dispose'> = {
      mediaTypes,
      async check(media) {
        if (new TextDecoder().decode(media.bytes) === 'broken') throw new AnymodalError('bad_media', `${media.name ?? media.modality}: cannot be read`);
      },
      async encode(media) {
        const vector = vectorOf(media.bytes, size);
        const tokens = new Float32Array(2 * size);
        tokens.set(vector, 0);
        return { tokens: { shape: [2, size], data: tokens }, joint: joint ? { shape: [size], data: vector } : null, tracks: tracksOf(media) };
      },
    };
    return counted(component);
  },
};

interface PairConfig { readonly in: number; readonly out: number; readonly signals: number }
const inputProjector: Factory<'input-projector'> = {
  kind: 'input-projector',
  name: 'fake-linear',
  config: pairConfig,
  ports: (config) => ({ in: { tokens: [null, good(checkSchema<PairConfig>(pairConfig, config, 'fake')).in] }, out: { embeds: [null, good(checkSchema<PairConfig>(pairConfig, config, 'fake')).out] } }),
  async open({ config }) {
    const { out } = good(checkSchema<PairConfig>(pairConfig, config, 'fake'));
    const component: Omit<InputProjector, 'dispose'> = {
      project: async ({ shape, data }) => ({ shape: [shape[0] ?? 0, out], data: Float32Array.from({ length: (shape[0] ?? 0) * out }, (_, index) => data[index % data.length] ?? 0) }),
    };
    return counted(component);
  },
};

interface ModelConfig { readonly width: number; readonly outputs: readonly string[]; readonly embeds: Readonly<Record<string, number>> }
const languageModel: Factory<'language-model'> = {
  kind: 'language-model',
  name: 'fake-model',
  config: modelConfig,
  ports(config) {
    const { width: size, outputs, embeds } = good(checkSchema<ModelConfig>(modelConfig, config, 'fake'));
    const named = Object.entries(embeds).map(([modality, count]) => [`embeds/${modality}`, [count, size]]);
    return { in: named.length === 0 ? { embeds: [null, size] } : Object.fromEntries(named), out: Object.fromEntries(outputs.map((output) => [`hidden/${output}`, [2, size]])) };
  },
  async open({ config }) {
    const { width: size, outputs } = good(checkSchema<ModelConfig>(modelConfig, config, 'fake'));
    const component: Omit<LanguageModel, 'dispose'> = {
      outputs,
      options: object({ maxTokens: { type: 'integer', minimum: 1, default: 100 }, shout: { type: 'boolean', default: false } }, []),
      async *generate({ messages, wants, satisfies = {}, options }, context) {
        const words = (messages.at(-1)?.parts ?? []).flatMap((part) => (part.type === 'text' ? part.text.split(/(?<= )/) : []));
        const signal = (output: string, references: readonly number[], caption?: string): Signal => ({
          type: 'signal', output, prompt: caption ?? words.join(''), references, states: caption === undefined ? { hidden: filled([2, size], words.length), embedded: filled([2, size], 1) } : null,
        });
        const made = new Set<string>();
        let outputTokens = 0;
        for (const word of words) {
          await turn(context);
          if (outputTokens === (options.maxTokens ?? 100)) {
            yield { type: 'end', reason: 'length', usage: { inputTokens: words.length, outputTokens } };
            return;
          }
          outputTokens += 1;
          const [, output, ordinals, caption] = /^\{([a-z]+)(?::([\d,]+))?(?:=(\w+))?\}/.exec(word) ?? [];
          if (output === undefined) {
            if (wants['text'] !== 'forbidden') yield { type: 'text-delta', text: word.trim() === 'dice' ? `${context.random.uniform(1)[0]}` : word };
          } else if (wants[output] === 'allowed' || wants[output] === 'required' || satisfies[output] !== undefined) {
            made.add(output).add(satisfies[output] ?? output);
            yield signal(output, ordinals?.split(',').map(Number) ?? [], caption);
          }
        }
        for (const [output, want] of Object.entries(wants)) if (want === 'required' && output !== 'text' && !made.has(output)) yield signal(output, []);
        yield { type: 'end', reason: 'stop', usage: { inputTokens: words.length, outputTokens } };
      },
    };
    return counted(component);
  },
};

/** Output projectors put one number into a [width] port: the signal's first state, the length of the prompt, or the first joint value. */
function outputProjector<T extends Source['type']>(accepts: T, port: string | null, read: (source: Extract<Source, { type: T }>) => number): Factory<'output-projector'> {
  const accepted = (source: Source): source is Extract<Source, { type: T }> => source.type === accepts;
  return {
    kind: 'output-projector',
    name: `fake-${accepts}`,
    config: pairConfig,
    ports(config) {
      const { in: from, out, signals } = good(checkSchema<PairConfig>(pairConfig, config, 'fake'));
      return { in: port === null ? {} : { [port]: accepts === 'signal' ? [signals, from] : [from] }, out: { feature: [out] } };
    },
    async open({ config }) {
      const { out } = good(checkSchema<PairConfig>(pairConfig, config, 'fake'));
      const component: Omit<OutputProjector, 'dispose'> = {
        accepts,
        async project(source) {
          if (!accepted(source)) throw new Error(`got ${source.type}`);
          return { feature: { shape: [out], data: new Float32Array(out).fill(read(source)) } };
        },
      };
      return counted(component);
    },
  };
}

interface DecoderConfig {
  readonly modality: string; readonly mediaType: string; readonly width: number; readonly references: readonly ReferenceRole[]; readonly negative: boolean; readonly follows?: readonly string[];
  /** Width of the companion that it gives, and of the one that it reads. */
  readonly companion?: number; readonly reads?: number; readonly joins: boolean;
}
const decoder: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'fake-decoder',
  config: decoderConfig,
  ports(config) {
    const { width: size, companion, reads } = good(checkSchema<DecoderConfig>(decoderConfig, config, 'fake'));
    return { in: { feature: [size], ...(reads !== undefined && { 'companion/beat': [reads] }) }, out: companion === undefined ? {} : { beat: [companion] } };
  },
  async open({ config }) {
    const { modality, mediaType, references, negative, follows, companion, joins } = good(checkSchema<DecoderConfig>(decoderConfig, config, 'fake'));
    const component: Omit<Decoder, 'dispose'> = {
      modality,
      references,
      negative,
      ...(follows && { follows }),
      options: decoderOptions,
      ...(joins && {
        async join(media: Media, followers: readonly Media[]) {
          const inside = followers.map((each) => new TextDecoder().decode(each.bytes));
          if (inside.some((each) => each.includes('misfit'))) throw new AnymodalError('bad_input', 'its format holds no sound');
          const content: object = JSON.parse(new TextDecoder().decode(media.bytes));
          return mediaOf(modality, mediaType, JSON.stringify({ ...content, inside }));
        },
      }),
      async check(given) {
        if (given.some((each) => each.role === 'mask' && new TextDecoder().decode(each.media.bytes) === 'misfit')) throw new AnymodalError('bad_input', 'mask: does not fit');
      },
      async *decode(request, context) {
        const { steps, preview, accident } = good(checkSchema<{ steps: number; preview: boolean; accident: string }>(decoderOptions, request.options, 'fake'));
        const noise = [...context.random.normal(4)];
        const last = accident === 'endless' ? Infinity : steps;
        for (let step = 1; step <= last; step += 1) {
          if (accident === 'hang') await hang();
          await turn(context);
          if (accident === 'error') throw new Error('the decoder broke');
          if (accident === 'crash') process.kill(process.pid, 'SIGKILL');
          yield { type: 'progress', step, steps };
          if (preview) yield { type: 'preview', step, media: mediaOf(modality, mediaType, `preview ${step}`) };
        }
        const content = {
          noise,
          feature: request.conditioning['feature']?.data[0],
          negative: request.negative?.['feature']?.data[0] ?? null,
          references: request.references.map(({ role, media }) => `${role} ${new TextDecoder().decode(media.bytes)}`),
          steps,
          provenance: request.provenance,
          ...(Object.keys(request.companions).length > 0 && { companions: Object.fromEntries(Object.entries(request.companions).map(([output, ports]) => [output, [...(ports['beat']?.data ?? [])]])) }),
          ...(accident === 'misfit' && { accident }),
        };
        const media = mediaOf(modality, mediaType, JSON.stringify(content));
        yield { type: 'media', media, ...(companion !== undefined && { companion: { beat: { shape: [companion], data: new Float32Array(companion).fill(noise[0] ?? 0) } } }) };
      },
    };
    return counted(component);
  },
};

/** Lets messages leave, then heeds nothing any more: only SIGKILL ends this. */
async function hang(): Promise<never> {
  await setTimeout(50);
  for (;;);
}

/** Lets messages arrive, as a run of a graph does, then heeds the signal. */
async function turn(context: Context): Promise<void> {
  await setImmediate();
  context.signal.throwIfAborted();
}

export const factories: readonly AnyFactory[] = [
  encoder,
  inputProjector,
  languageModel,
  outputProjector('signal', 'hidden', ({ signal }) => signal.states?.hidden.data[0] ?? -1),
  outputProjector('prompt', null, ({ text }) => text.length),
  outputProjector('joint', 'joint', ({ embedding }) => embedding.data[0] ?? -1),
  decoder,
];
