// The whole chain as one generator: media, encoders, input projectors, language model, signals, output projectors,
// decoders, media; and the direct route around the language model. Knows no modality, no bundle format and no process.

import { chosenByModel, chosenByRequest, provenanceOf, type Chosen } from './references.ts';
import { condition, createSteps, join, joint, jointMean, mixed, read, textMedia, trace, type Chain, type ChainOutput, type Steps } from './chain.ts';
import type { Context, DecodeResult, JobEventBody, JobRequest, LanguageModelEnd, Media, PromptMedia, PromptMessage, Source, TextPart } from './contracts.ts';
import { AnymodalError } from './errors.ts';
import { indexOf, together } from './groups.ts';
import { createRandom } from './runtime/random.ts';
import { satisfiesOf, wantsOf } from './wants.ts';

export type Usage = LanguageModelEnd['usage'];

/** One variant of a job under way. */
interface Run extends Steps {
  readonly job: JobRequest;
  readonly variant: number;
  /** Of the job plus the variant. */
  readonly seed: number;
}

/** One medium to be made: its place in the reply and what it is made from. */
interface Order extends Chosen {
  readonly part: number;
  readonly output: string;
  readonly source: Source;
  readonly prompt: string;
  /** Whether the language model wrote the prompt for this output. */
  readonly caption: boolean;
}

/** A medium that was made before those that follow it. */
interface Leader extends DecodeResult {
  readonly output: string;
}

type Reply = { readonly orders: readonly Order[]; readonly usage: Usage };

/**
 * Makes one variant of a job and returns what the language model used. What components throw passes through.
 *
 * @param job its route is `chat` or `direct`; its options are checked and complete
 */
export async function* generate(chain: Chain, job: JobRequest, variant: number, signal: AbortSignal, elsewhere?: Context['elsewhere']): AsyncGenerator<JobEventBody, Usage> {
  const run: Run = { ...createSteps(chain, signal, elsewhere), job, variant, seed: job.seed + variant };
  const { orders, usage } = yield* job.route === 'chat' ? converse(run) : goDirectly(run);
  for (const { leader, followers } of together(orders, chain.groups)) {
    signal.throwIfAborted();
    const lead = { output: leader.output, ...(yield* decode(run, leader, indexOf(orders, leader), null)) };
    const made: Media[] = [];
    for (const follower of followers) {
      const { media } = yield* decode(run, follower, indexOf(orders, follower), lead);
      yield* ended(run, follower, media);
      made.push(media);
    }
    yield* ended(run, leader, await join(run, leader.output, lead.media, made));
  }
  return usage;
}

/** The chat route: the language model reads the conversation, writes text and asks for media by signals. */
async function* converse(run: Run): AsyncGenerator<JobEventBody, Reply> {
  const { chain, job, variant } = run;
  const model = chain.languageModel;
  if (model === null) throw new AnymodalError('unsupported', 'chat: this bundle has no language model; use the direct route');

  const media: Media[] = [];
  const messages: PromptMessage[] = [];
  for (const { role, parts } of job.messages) {
    const shown: (TextPart | PromptMedia)[] = [];
    const about = parts.flatMap((part) => (part.type === 'text' && part.text.trim() !== '' ? [part.text.trim()] : [])).join(' ');
    for (const part of parts) {
      if (part.type === 'text') shown.push(part);
      else shown.push({ type: 'media', ordinal: media.push(part.media), modality: part.media.modality, media: part.media, ...(await read(run, part.media, about)), ...(part.made && { made: part.made }) });
      yield* notesOf(run);
    }
    messages.push({ role, parts: shown });
  }

  const context = run.context(createRandom(run.seed).fork('text'));
  const wants = wantsOf(chain, job, model.component);
  const satisfies = satisfiesOf(chain, job);
  const orders: Order[] = [];
  const given = new Set<string>();
  let usage: Usage = { inputTokens: 0, outputTokens: 0 };
  let part = -1;
  let inText = false;
  const start = performance.now();
  for await (const event of model.component.generate({ messages, wants, satisfies, options: job.options['text'] ?? {} }, context)) {
    yield* notesOf(run);
    if (event.type === 'text-delta') {
      if (event.text === '') continue;
      if (!inText) part += 1;
      inText = true;
      given.add('text');
      yield { type: 'text-delta', variant, part, text: event.text };
    } else if (event.type === 'signal') {
      part += 1;
      inText = false;
      given.add(event.output).add(satisfies[event.output] ?? event.output);
      trace(run, 'signal', model.name, event.states ?? {}, start);
      const { chat, decoder } = outputOf(chain, event.output);
      const source: Source = chat === 'signal' ? { type: 'signal', signal: event } : { type: 'prompt', text: event.prompt };
      const chosen = chosenByModel(decoder.component, event.output, event.references, media, job.mask, context);
      orders.push({ part, output: event.output, source, prompt: event.prompt, caption: event.states === null, ...chosen });
    } else {
      usage = event.usage;
      if (event.reason === 'length' && wants['text'] !== 'forbidden') context.warn('reply_cut', 'the reply reached its limit of length; raise text.maxTokens for more');
    }
  }
  trace(run, 'language-model', model.name, {}, start);
  for (const output of job.outputs ?? []) if (!given.has(output)) context.warn('output_missing', `the language model gave no ${output}`);
  yield* notesOf(run);
  return { orders, usage };
}

/** The direct route: the prompt, the media without one, or a mix is the source of every output. */
async function* goDirectly(run: Run): AsyncGenerator<JobEventBody, Reply> {
  const { chain, job } = run;
  const parts = job.messages.at(-1)?.parts ?? [];
  const media = parts.flatMap((part) => (part.type === 'media' ? [part.media] : []));
  const prompt = parts.flatMap((part) => (part.type === 'text' && part.text.trim() !== '' ? [part.text.trim()] : [])).join(' ');
  const shown = job.mix === null && prompt === '' ? media : [];
  const context = run.context(createRandom(run.seed));
  const orders: Order[] = [];
  for (const [part, name] of (job.outputs ?? []).entries()) {
    const { decoder, sources } = outputOf(chain, name);
    let source: Source;
    if (job.mix !== null) source = { type: 'joint', embedding: await mixed(run, job.mix) };
    else if (shown.length > 0) source = { type: 'joint', embedding: await jointMean(run, shown) };
    else if (sources.prompt !== undefined) source = { type: 'prompt', text: prompt };
    else source = { type: 'joint', embedding: await joint(run, textMedia(prompt)) };
    orders.push({ part, output: name, source, prompt, caption: false, ...chosenByRequest(decoder.component, name, media, shown, job.mask, context) });
    yield* notesOf(run);
  }
  return { orders, usage: { inputTokens: 0, outputTokens: 0 } };
}

/** One order through its output projector and decoder; `index` counts the media of this output before it, `leader` is what it follows. */
async function* decode(run: Run, order: Order, index: number, leader: Leader | null): AsyncGenerator<JobEventBody, DecodeResult> {
  const { chain, job, variant, seed } = run;
  const { output, part, source, references, ordinals, prompt, caption } = order;
  const { decoder, sources } = outputOf(chain, output);
  const conditioning = await condition(run, output, source);
  const context = run.context(index === 0 ? createRandom(seed) : createRandom(seed).fork(`${output}/${index}`));
  let negative = null;
  if (job.negativePrompt !== null) {
    if (decoder.component.negative && sources.prompt !== undefined) negative = await condition(run, output, { type: 'prompt', text: job.negativePrompt });
    else context.warn('negative_ignored', `${output}: its decoder takes no negative prompt`);
  }
  yield* notesOf(run);
  yield { type: 'media-start', variant, part, output, modality: decoder.component.modality, seed, references: ordinals, ...(caption && { prompt }) };

  const start = performance.now();
  const request = {
    conditioning,
    negative,
    references,
    companions: leader?.companion === undefined ? {} : { [leader.output]: leader.companion },
    options: job.options[output] ?? {},
    provenance: job.metadata ? provenanceOf(chain.bundle, job, decoder.component, { ...order, index, seed, leader }) : null,
  };
  let result: DecodeResult | null = null;
  for await (const event of decoder.component.decode(request, context)) {
    yield* notesOf(run);
    if (event.type === 'progress') yield { type: 'media-progress', variant, part, step: event.step, steps: event.steps };
    else if (event.type === 'preview') yield { type: 'media-preview', variant, part, step: event.step, media: event.media };
    else result = event;
  }
  if (result === null) throw new AnymodalError('internal', `${decoder.name} ended without a medium`);
  trace(run, 'decoder', decoder.name, conditioning, start);
  yield* notesOf(run);
  return result;
}

/** A finished medium, as it stands in the reply. */
function* ended(run: Run, { part, output }: Order, media: Media): Generator<JobEventBody> {
  yield* notesOf(run);
  yield { type: 'media-end', variant: run.variant, part, output, modality: media.modality, mediaType: media.mediaType, seed: run.seed, media };
}

function outputOf(chain: Chain, name: string): ChainOutput {
  const output = chain.outputs.get(name);
  if (output === undefined) throw new AnymodalError('unknown_output', `output "${name}": this bundle has ${[...chain.outputs.keys()].join(', ')}`);
  return output;
}

/** Warnings and traces since the last time. */
function* notesOf(run: Run): Generator<JobEventBody> {
  yield* run.notes.splice(0);
}
