// One component at a time: a medium to its encoding, its joint embedding or the model's embeddings; a source to conditioning;
// media into one file.
// Each step leaves a trace. Knows no modality and no order of steps; generate.ts has the order.

import { createHash } from 'node:crypto';
import type {
  Conditioning, Context, Decoder, Encoder, Encoding, InputProjector, JobEventBody, JobRequest, LanguageModel, Media, OutputProjector, PromptMedia, Random, Source, Tensor,
} from './contracts.ts';
import { AnymodalError } from './errors.ts';
import { createRandom } from './runtime/random.ts';
import { l2Normalise } from './runtime/tensors.ts';

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
  /** Outputs that are made together where a reply has both: the leader first, its followers in step with it. */
  readonly groups: readonly { readonly leader: string; readonly followers: readonly string[] }[];
  /** Encodings of earlier jobs by encoder and medium, so that a medium of a conversation is encoded once. */
  readonly encodings: { get(key: string): Encoding | undefined; set(key: string, encoding: Encoding): unknown };
}

/** What every step is given: the components, a context for them, and where traces and warnings wait for the next yield. */
export interface Steps {
  readonly chain: Chain;
  readonly notes: JobEventBody[];
  context(random: Random): Context;
}

export function createSteps(chain: Chain, signal: AbortSignal, elsewhere?: Context['elsewhere']): Steps {
  const notes: JobEventBody[] = [];
  const warn = (code: string, message: string): void => void notes.push({ type: 'job-warning', code, message });
  return { chain, notes, context: (random) => ({ signal, random, warn, ...(elsewhere !== undefined && { elsewhere }) }) };
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

interface Read {
  readonly embeds: Tensor;
  readonly tracks: NonNullable<PromptMedia['tracks']>;
}

/** A medium as the language model reads it beside the words `about` it: its embeddings and those of its tracks; none where the model is only told of it. */
export async function read(steps: Steps, media: Media, about = ''): Promise<Pick<PromptMedia, 'embeds' | 'tracks'>> {
  const { inputs, languageModel } = steps.chain;
  const isRead = (inputs.get(media.modality)?.projector ?? null) !== null;
  return !isRead && languageModel?.component.unseen === true && inputs.has(media.modality) ? { embeds: null } : embed(steps, media, about);
}

/** A medium's own embeddings, and those of the tracks inside it that the model can read. */
async function embed(steps: Steps, media: Media, about: string): Promise<Read> {
  const { inputs } = steps.chain;
  const projector = inputs.get(media.modality)?.projector;
  if (projector === null || projector === undefined) {
    const readable = [...inputs].flatMap(([modality, input]) => (input.projector === null ? [] : [modality]));
    throw new AnymodalError('unsupported', `the language model of this bundle reads no ${media.modality}; it reads ${['text', ...readable].join(', ')}`);
  }
  const encoding = await encode(steps, media);
  const start = performance.now();
  const embeds = await projector.component.project(encoding.tokens, steps.context(createRandom(0)), about);
  trace(steps, 'input-projector', projector.name, { embeds }, start);
  const tracks: { modality: string; embeds: Tensor }[] = [];
  for (const track of encoding.tracks) {
    if ((inputs.get(track.modality)?.projector ?? null) === null) continue;
    const inside = await embed(steps, track, about);
    tracks.push({ modality: track.modality, embeds: inside.embeds }, ...inside.tracks);
  }
  return { embeds, tracks };
}

/** The joint embedding of a medium, [d_joint], of length 1. Throws `unsupported` where its encoder has none. */
export async function joint(steps: Steps, media: Media): Promise<Tensor> {
  const encoding = await encode(steps, media);
  if (encoding.joint === null) throw new AnymodalError('unsupported', `this bundle has no joint embedding of ${media.modality}`);
  return encoding.joint;
}

/** The mean of the joint embeddings of one medium or more, brought back to length 1. */
export async function jointMean(steps: Steps, media: readonly Media[]): Promise<Tensor> {
  const [first, ...others] = media;
  return first !== undefined && others.length === 0 ? joint(steps, first) : mixed(steps, media.map((medium) => ({ weight: 1, part: { type: 'media', media: medium } })));
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

/** The medium of `output` with the media that followed it in its file; as it is, with a warning, where that file cannot hold them. */
export async function join(steps: Steps, output: string, media: Media, followers: readonly Media[]): Promise<Media> {
  const decoder = steps.chain.outputs.get(output)?.decoder;
  if (decoder === undefined || followers.length === 0) return media;
  const context = steps.context(createRandom(0));
  const start = performance.now();
  let fault = 'a file of its decoder holds one medium';
  try {
    if (decoder.component.join !== undefined) {
      const joined = await decoder.component.join(media, followers, context);
      trace(steps, 'join', decoder.name, {}, start);
      return joined;
    }
  } catch (error) {
    if (!(error instanceof AnymodalError) || error.code !== 'bad_input') throw error;
    fault = error.message;
  }
  context.warn('not_joined', `${output}: its file comes without ${followers.map(({ modality }) => modality).join(', ')}, which comes alone; ${fault}`);
  return media;
}

/** A text as a medium, for encoders of text. */
export function textMedia(text: string): Media {
  const bytes = new TextEncoder().encode(text);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'text', mediaType: 'text/plain', bytes };
}
