// One component at a time: a medium to its encoding, its joint embedding or the model's embeddings; a source to conditioning.
// Each step leaves a trace. Knows no modality and no order of steps; generate.ts has the order.

import { createHash } from 'node:crypto';
import type {
  Conditioning, Context, Decoder, Encoder, Encoding, InputProjector, JobEventBody, JobRequest, LanguageModel, Media, OutputProjector, Random, Source, Tensor,
} from './contracts.ts';
import { AnymodalError } from './errors.ts';
import { createRandom } from './runtime/random.ts';
import { concatRows, l2Normalise } from './runtime/tensors.ts';

/** An open component with its name in the bundle. */
export interface Named<T> {
  readonly name: string;
  readonly component: T;
}
export interface ChainInput {
  readonly encoder: Named<Encoder>;
  readonly projector: Named<InputProjector> | null;
}
export interface ChainOutput {
  readonly decoder: Named<Decoder>;
  readonly sources: Readonly<Partial<Record<Source['type'], Named<OutputProjector>>>>;
  readonly chat: 'signal' | 'caption';
}

/** The open components of a bundle, wired. Borrowed by every job; who opened it disposes it. */
export interface Chain {
  readonly bundle: { readonly id: string; readonly version: string };
  readonly inputs: ReadonlyMap<string, ChainInput>;
  readonly languageModel: Named<LanguageModel> | null;
  readonly outputs: ReadonlyMap<string, ChainOutput>;
  /** Encodings of earlier jobs by encoder and medium, so that a medium of a conversation is encoded once. */
  readonly encodings: { get(key: string): Encoding | undefined; set(key: string, encoding: Encoding): unknown };
}

/** What every step is given: the components, a context for them, and where traces and warnings wait for the next yield. */
export interface Steps {
  readonly chain: Chain;
  readonly notes: JobEventBody[];
  context(random: Random): Context;
}

export function createSteps(chain: Chain, signal: AbortSignal): Steps {
  const notes: JobEventBody[] = [];
  const warn = (code: string, message: string): void => void notes.push({ type: 'job-warning', code, message });
  return { chain, notes, context: (random) => ({ signal, random, warn }) };
}

/** Adds a trace of a step that began at `start` (milliseconds of `performance.now`). */
export function trace(steps: Steps, stage: string, component: string, tensors: Readonly<Record<string, Tensor | null>>, start: number): void {
  const shapes = Object.fromEntries(Object.entries(tensors).flatMap(([port, tensor]) => (tensor === null ? [] : [[port, tensor.shape]])));
  steps.notes.push({ type: 'trace', stage, component, shapes, milliseconds: performance.now() - start });
}

/** A medium through the encoder of its modality, or from the cache. Throws `unsupported` for a modality that is not read. */
export async function encode(steps: Steps, media: Media): Promise<Encoding> {
  const { inputs, encodings } = steps.chain;
  const input = inputs.get(media.modality);
  if (input === undefined) throw new AnymodalError('unsupported', `this bundle reads no ${media.modality}; it reads ${[...inputs.keys()].join(', ')}`);
  const { name, component } = input.encoder;
  const key = `${name}/${media.id}`;
  const known = encodings.get(key);
  if (known !== undefined) return known;
  const start = performance.now();
  // A cached encoding must equal a fresh one, so encoders get the same randomness in every job.
  const encoding = await component.encode(media, steps.context(createRandom(0)));
  encodings.set(key, encoding);
  trace(steps, 'encoder', name, { tokens: encoding.tokens, joint: encoding.joint }, start);
  return encoding;
}

/** A medium as the language model reads it, [m, d_model]: its own embeddings, then those of the tracks inside it. */
export async function embed(steps: Steps, media: Media): Promise<Tensor> {
  const { inputs } = steps.chain;
  const projector = inputs.get(media.modality)?.projector;
  if (projector === null || projector === undefined) {
    const read = [...inputs].flatMap(([modality, input]) => (input.projector === null ? [] : [modality]));
    throw new AnymodalError('unsupported', `the language model of this bundle reads no ${media.modality}; it reads ${['text', ...read].join(', ')}`);
  }
  const encoding = await encode(steps, media);
  const start = performance.now();
  const own = await projector.component.project(encoding.tokens, steps.context(createRandom(0)));
  trace(steps, 'input-projector', projector.name, { embeds: own }, start);
  const embeds = [own];
  for (const track of encoding.tracks) if (inputs.get(track.modality)?.projector !== undefined) embeds.push(await embed(steps, track));
  return embeds.length === 1 ? own : concatRows(embeds);
}

/** The joint embedding of a medium, [d_joint], of length 1. Throws `unsupported` where its encoder has none. */
export async function joint(steps: Steps, media: Media): Promise<Tensor> {
  const encoding = await encode(steps, media);
  if (encoding.joint === null) throw new AnymodalError('unsupported', `this bundle has no joint embedding of ${media.modality}`);
  return encoding.joint;
}

/** Weighted sum of joint embeddings, brought back to length 1. Throws `bad_input` where it vanishes. */
export async function mixed(steps: Steps, mix: NonNullable<JobRequest['mix']>): Promise<Tensor> {
  let sum: Float32Array | null = null;
  for (const { weight, part } of mix) {
    const { data } = await joint(steps, part.type === 'text' ? textMedia(part.text) : part.media);
    const base: Float32Array = sum ?? new Float32Array(data.length);
    sum = base.map((value, axis) => value + weight * (data[axis] ?? 0));
  }
  if (sum === null || sum.every((value) => value === 0)) throw new AnymodalError('bad_input', 'mix: the parts add up to nothing; give at least one part with a weight that is not 0');
  return { shape: [sum.length], data: l2Normalise(sum) };
}

/** A source through the output projector of `output` that accepts it. Throws `unsupported` where there is none. */
export async function condition(steps: Steps, output: string, source: Source): Promise<Conditioning> {
  const sources = steps.chain.outputs.get(output)?.sources ?? {};
  const projector = sources[source.type];
  if (projector === undefined) throw new AnymodalError('unsupported', `${output}: this bundle makes it from no ${source.type}; it takes ${Object.keys(sources).join(', ')}`);
  const start = performance.now();
  const conditioning = await projector.component.project(source, steps.context(createRandom(0)));
  trace(steps, 'output-projector', projector.name, conditioning, start);
  return conditioning;
}

/** A text as a medium, for encoders of text. */
export function textMedia(text: string): Media {
  const bytes = new TextEncoder().encode(text);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'text', mediaType: 'text/plain', bytes };
}
