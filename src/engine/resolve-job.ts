// Checks a job against what an engine can do, before it is queued: route, outputs, options, media, seed, mask.
// Works on the engine's description alone and opens nothing.

import type { EmbedRequest, EngineDescription, JobRequest, Media, Part, Route } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';

/** Characters of one text. No model reads more; to take a text apart holds up everybody's work. */
const TEXT_LENGTH = 1_000_000;

type OutputDescription = EngineDescription['outputs'][number];

/**
 * The job with its route decided and its options complete.
 * Throws `bad_option`, `bad_input`, `bad_media`, `unknown_output` or `unsupported`, saying what would be right.
 */
export function resolveJob(engine: EngineDescription, job: JobRequest): JobRequest {
  checkNumbers(job);
  const route = resolveRoute(engine, job);
  const outputs = resolveOutputs(engine, job, route);
  const parts = route === 'chat' ? job.messages.flatMap((message) => message.parts) : (job.messages.at(-1)?.parts ?? []);
  if (job.messages.at(-1)?.role !== 'user' && job.mix === null) throw new AnymodalError('bad_input', 'messages: the last one must be the user\'s');
  if (!parts.some((part) => part.type === 'media' || part.text.trim() !== '') && job.mix === null) {
    throw new AnymodalError('bad_input', 'nothing to work from; give a prompt or a medium');
  }
  if (route === 'chat' && job.mix !== null) throw new AnymodalError('unsupported', 'mix: is for the direct route; choose it, or leave the mix out');
  if (job.mix?.length === 0) throw new AnymodalError('bad_input', 'mix: got no parts, expected one or more');
  for (const [index, { weight }] of (job.mix ?? []).entries()) if (!Number.isFinite(weight)) throw new AnymodalError('bad_option', `mix.${index}.weight: got ${weight}, expected a number`);
  for (const part of parts) checkPart(engine, part, (input) => route === 'direct' || input.chat, 'read');
  if (route === 'direct') checkSource(engine, job, outputs, parts);
  for (const { part } of job.mix ?? []) checkPart(engine, part, (input) => input.joint, 'place in the joint space');
  if (job.mask !== null) {
    checkMedia(engine, job.mask);
    if (!outputs.some((output) => output.references.includes('mask'))) throw new AnymodalError('unsupported', `mask: ${namesOf(outputs)} takes none; leave it out`);
  }
  if (job.negativePrompt !== null && !outputs.some((output) => output.negative && output.sources.includes('prompt'))) {
    throw new AnymodalError('unsupported', `negativePrompt: ${namesOf(outputs)} takes none; leave it out`);
  }
  return { ...job, route, options: resolveOptions(engine, job) };
}

/** Checks that every input can be placed in the joint space. */
export function checkEmbedRequest(engine: EngineDescription, request: EmbedRequest): void {
  if (request.inputs.length === 0) throw new AnymodalError('bad_input', 'inputs: got none, expected one or more');
  for (const part of request.inputs) checkPart(engine, part, (input) => input.joint, 'place in the joint space', true);
}

function checkNumbers({ seed, count }: JobRequest): void {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new AnymodalError('bad_option', `seed: got ${seed}, expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  if (!Number.isSafeInteger(count) || count < 1) throw new AnymodalError('bad_option', `count: got ${count}, expected an integer of 1 or more`);
  if (seed > Number.MAX_SAFE_INTEGER - (count - 1)) throw new AnymodalError('bad_option', `seed: got ${seed} for ${count} variants, expected the last of them within ${Number.MAX_SAFE_INTEGER}`);
}

function resolveRoute(engine: EngineDescription, job: JobRequest): Exclude<Route, 'auto'> {
  if (job.route === 'auto') return engine.text === null ? 'direct' : 'chat';
  if (job.route === 'chat' && engine.text === null) throw new AnymodalError('unsupported', `route: got "chat", but bundle ${engine.bundle} has no language model; use "direct"`);
  if (job.route !== 'chat' && job.route !== 'direct') throw new AnymodalError('bad_option', `route: got ${JSON.stringify(job.route)}, expected auto, chat or direct`);
  return job.route;
}

/** The outputs that the job may make. */
function resolveOutputs(engine: EngineDescription, job: JobRequest, route: Route): readonly OutputDescription[] {
  const known = route === 'chat' ? ['text', ...engine.outputs.map((output) => output.name)] : engine.outputs.map((output) => output.name);
  if (job.outputs === null) {
    if (route === 'direct') throw new AnymodalError('bad_input', `outputs: the direct route needs to know what to make; name one of ${known.join(', ')}`);
    return engine.outputs;
  }
  if (job.outputs.length === 0) throw new AnymodalError('bad_input', `outputs: got none, expected one or more of ${known.join(', ')}`);
  for (const [index, name] of job.outputs.entries()) {
    if (name === 'text' && route === 'direct') throw new AnymodalError('unsupported', 'outputs: text comes from the language model; use route "chat"');
    if (!known.includes(name)) throw new AnymodalError('unknown_output', `output "${name}": bundle ${engine.bundle} has ${known.join(', ')}`);
    if (route === 'chat' && job.outputs.indexOf(name) !== index) throw new AnymodalError('bad_input', `outputs: "${name}" is named twice; name it once and raise count for more`);
  }
  return engine.outputs.filter((output) => job.outputs?.includes(output.name) === true);
}

/** The direct route without a prompt: media have a place in the joint space, and outputs are made from it. */
function checkSource(engine: EngineDescription, job: JobRequest, outputs: readonly OutputDescription[], parts: readonly Part[]): void {
  if (job.mix === null && parts.some((part) => part.type === 'text' && part.text.trim() !== '')) return;
  if (job.mix === null) for (const part of parts) checkPart(engine, part, (input) => input.joint, 'place in the joint space');
  const other = outputs.find((output) => !output.sources.includes('joint'));
  if (other !== undefined) throw new AnymodalError('unsupported', `${other.name}: bundle ${engine.bundle} makes it from words alone; give a prompt${job.mix === null ? '' : ' and leave the mix out'}`);
}

function resolveOptions(engine: EngineDescription, job: JobRequest): JobRequest['options'] {
  const schemas = new Map(engine.outputs.map((output) => [output.name, output.options]));
  if (engine.text !== null) schemas.set('text', engine.text);
  for (const name of Object.keys(job.options)) {
    if (!schemas.has(name)) throw new AnymodalError('unknown_output', `options.${name}: no such output in bundle ${engine.bundle}; it has ${[...schemas.keys()].join(', ')}`);
  }
  const faults: string[] = [];
  const options = [...schemas].map(([name, schema]) => {
    const checked = checkSchema<Readonly<Record<string, unknown>>>(schema, job.options[name] ?? {}, name);
    faults.push(...checked.faults);
    return [name, checked.value ?? {}] as const;
  });
  if (faults.length > 0) throw new AnymodalError('bad_option', faults.join('\n'));
  return Object.fromEntries(options);
}

type InputDescription = EngineDescription['inputs'][number];

function checkPart(engine: EngineDescription, part: Part, can: (input: InputDescription) => boolean, verb: string, textToo = false): void {
  const modality = part.type === 'text' ? 'text' : part.media.modality;
  if (part.type === 'text' && part.text.length > TEXT_LENGTH) throw new AnymodalError('bad_input', `input: got a text of ${part.text.length} characters, at most ${TEXT_LENGTH} are read; give less at once`);
  if (part.type === 'text' && !textToo) return;
  const input = engine.inputs.find((candidate) => candidate.modality === modality);
  if (input === undefined || !can(input)) {
    const able = engine.inputs.filter(can).map((candidate) => candidate.modality);
    throw new AnymodalError('unsupported', `${nameOf(part)}: bundle ${engine.bundle} cannot ${verb} ${modality}; it can ${verb} ${able.join(', ') || 'nothing'}`);
  }
  if (part.type === 'media') checkMedia(engine, part.media);
}

function checkMedia(engine: EngineDescription, media: Media): void {
  const input = engine.inputs.find((candidate) => candidate.modality === media.modality);
  if (input === undefined) throw new AnymodalError('unsupported', `${media.name ?? 'medium'}: bundle ${engine.bundle} reads no ${media.modality}; it reads ${engine.inputs.map(({ modality }) => modality).join(', ')}`);
  if (!input.mediaTypes.includes(media.mediaType)) throw new AnymodalError('bad_media', `${media.name ?? media.modality}: got ${media.mediaType}, expected one of ${input.mediaTypes.join(', ')}`);
}

function nameOf(part: Part): string {
  return part.type === 'text' ? 'text' : (part.media.name ?? part.media.modality);
}

function namesOf(outputs: readonly OutputDescription[]): string {
  return outputs.map((output) => output.name).join(', ') || 'text';
}
