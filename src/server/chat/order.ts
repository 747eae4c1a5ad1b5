// From fields of a chat to what its job makes: outputs wanted, options of text and of each output, what is done to media before they are sent.
// Shared with responses; knows outputs by their descriptions alone.

import type { Context } from 'hono';
import { z } from '@hono/zod-openapi';
import type { EngineDescription } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { setVoice } from '../audio/order.ts';
import type { ServerParts } from '../contracts.ts';
import { askedSize, nearestSize, sizeOptions, sizeText, usualSize, type Size } from '../images/size.ts';
import { choicesOf, numberOption, optionSchema, pick, type Given, type OutputDescription } from '../output-options.ts';
import { notHonoured } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';

export type Options = Record<string, Record<string, unknown>>;

/** What is to be done with the media of an answer before they are sent. */
export interface Finish {
  /** Size of pictures; null where the decoder's own is right. */
  readonly resampled: Size | null;
  /** What pictures are sent as; null for what the decoder makes. */
  readonly pictures: { readonly format: 'png' | 'jpeg' | 'webp'; readonly quality: number | null } | null;
  /** What the first sound is sent as; null for what the decoder makes. */
  readonly sound: SoundFormat | null;
}
export type SoundFormat = 'wav' | 'mp3' | 'ogg' | 'opus' | 'flac' | 'aac' | 'pcm';

interface Sampling {
  readonly temperature?: number | null | undefined;
  readonly top_p?: number | null | undefined;
  readonly top_k?: number | null | undefined;
  readonly min_p?: number | null | undefined;
  readonly repetition_penalty?: number | null | undefined;
  readonly maxTokens?: Given | null;
  readonly stop?: string | readonly string[] | null | undefined;
}

/**
 * Outputs that an answer must have. A list of modalities is a set to its clients, so words come first; a sound may be speech where the
 * model finds that right. Null leaves it to the model. Throws `unknown_output`.
 */
export function outputsOf(description: EngineDescription, modalities: readonly string[] | null | undefined, field = 'modalities'): readonly string[] | null {
  if (modalities === null || modalities === undefined || modalities.length === 0) return null;
  const known = ['text', ...description.outputs.map(({ name }) => name)];
  const asked = [...new Set(modalities)];
  const other = asked.find((name) => !known.includes(name));
  if (other !== undefined) throw new AnymodalError('unknown_output', `${field}: got "${other.slice(0, 40)}", this model has ${known.join(', ')}.`, { field });
  const without = description.text === null ? asked.filter((name) => name !== 'text') : asked;
  return [...without.filter((name) => name === 'text'), ...without.filter((name) => name !== 'text')];
}

/** Options of the language model. Throws `bad_option` with the field. */
export function textOptions(c: Context<AppEnv>, parts: Pick<ServerParts, 'settings'>, description: EngineDescription, { maxTokens = null, stop = null, ...fields }: Sampling): Record<string, unknown> {
  if (description.text === null) return {};
  const options: Record<string, unknown> = {};
  const output: OutputDescription = { name: 'text', modality: 'text', options: description.text, sources: [], references: [], negative: false };
  const given = (field: keyof typeof fields): Given | null => pick(fields, [field]);
  numberOption(c, parts, output, options, 'temperature', given('temperature'));
  // To draw from nothing is to take the likeliest.
  if (fields.top_p === 0) options['topK'] = 1;
  else numberOption(c, parts, output, options, 'topP', given('top_p'));
  numberOption(c, parts, output, options, 'minP', given('min_p'));
  numberOption(c, parts, output, options, 'repetitionPenalty', given('repetition_penalty'));
  numberOption(c, parts, output, options, 'maxTokens', maxTokens);
  // Others say -1 for off.
  if (typeof fields.top_k === 'number' && fields.top_k > 0) numberOption(c, parts, output, options, 'topK', given('top_k'));
  const stops = (typeof stop === 'string' ? [stop] : (stop ?? [])).filter((text) => text !== '');
  if (stops.length > 0) options['stop'] = stops;
  return options;
}

const numberField = z.number().nullish();
/** Settings of media that image and chat routes of several servers take at the top level. */
export const mediaFields = {
  negative_prompt: z.string().nullish().openapi({ description: 'What the media should not show.' }),
  steps: numberField.openapi({ description: 'Denoising steps; more is slower and finer.' }),
  num_inference_steps: numberField.openapi({ description: 'The same as steps.' }),
  guidance_scale: numberField.openapi({ description: 'How strictly the prompt is followed; 1 is off.' }),
  cfg_scale: numberField.openapi({ description: 'The same as guidance_scale.' }),
  true_cfg_scale: numberField.openapi({ description: 'The same as guidance_scale.' }),
  strength: numberField.openapi({ description: 'How much of an edited medium may change, from 0 to 1.' }),
  size: z.string().nullish().openapi({ description: 'Of pictures, such as 512x512; what the decoder does not draw is resampled.' }),
  width: numberField,
  height: numberField,
  fps: numberField.openapi({ description: 'Frames a second of videos.' }),
  num_frames: numberField.openapi({ description: 'Length of videos.' }),
  seconds: numberField.openapi({ description: 'Length of sounds.' }),
  scheduler: z.string().nullish(),
  sampler: z.string().nullish().openapi({ description: 'The same as scheduler.' }),
  options: z.record(z.string(), z.record(z.string(), z.unknown())).nullish().openapi({ description: 'Options by output in our own names, as GET /v1/models lists them; they win over other fields.' }),
};
type MediaFields = z.infer<z.ZodObject<typeof mediaFields>>;

const numbers = [
  ['steps', ['steps', 'num_inference_steps']],
  ['guidanceScale', ['guidance_scale', 'cfg_scale', 'true_cfg_scale']],
  ['strength', ['strength']],
  ['fps', ['fps']],
  ['frames', ['num_frames']],
  ['seconds', ['seconds']],
] as const;

/** The outputs that fields about media are for: those asked for, or all where the model decides. */
export function concerned(description: EngineDescription, outputs: readonly string[] | null): readonly OutputDescription[] {
  return description.outputs.filter(({ name, modality }) => outputs === null || outputs.includes(name) || outputs.includes(modality));
}

/** Options of each output. Throws `bad_option` with the field; a field that no output takes warns. */
export function mediaOptions(c: Context<AppEnv>, parts: Pick<ServerParts, 'settings'>, outputs: readonly OutputDescription[], body: Omit<MediaFields, 'size' | 'width' | 'height' | 'options' | 'negative_prompt'>): Options {
  const options: Options = Object.fromEntries(outputs.map(({ name }) => [name, {}]));
  for (const [name, fields] of numbers) {
    const given = pick(body, fields);
    if (given === null) continue;
    const taking = outputs.filter((output) => optionSchema(output, name) !== null);
    for (const output of taking) numberOption(c, parts, output, options[output.name] ?? {}, name, given);
    if (taking.length === 0) notHonoured(c, parts, given.field, 'option_ignored', 'no output of this answer has such an option');
  }
  const scheduler = body.scheduler ?? body.sampler ?? null;
  if (scheduler !== null) {
    const taking = outputs.filter((output) => choicesOf(output, 'scheduler').includes(scheduler));
    for (const output of taking) Object.assign(options[output.name] ?? {}, { scheduler });
    if (taking.length === 0) notHonoured(c, parts, body.scheduler === scheduler ? 'scheduler' : 'sampler', 'scheduler_ignored', 'not one that a decoder of this answer has');
  }
  return options;
}

/** Sets the size of pictures; what the decoder cannot draw is resampled, with a warning. Throws `bad_option`. */
export function pictureSize(c: Context<AppEnv>, parts: Pick<ServerParts, 'settings'>, outputs: readonly OutputDescription[], body: { readonly size?: string | null | undefined; readonly width?: number | null | undefined; readonly height?: number | null | undefined; readonly aspect_ratio?: string | undefined }, options: Options, field = 'size'): Size | null {
  const output = outputs.find(({ modality }) => modality === 'image');
  if (output === undefined) {
    if (typeof body.size === 'string' || typeof body.width === 'number' || typeof body.height === 'number') notHonoured(c, parts, field, 'size_ignored', 'this answer has no picture');
    return null;
  }
  const asked = askedSize(body, usualSize(output));
  if (asked === null) return null;
  const drawn = nearestSize(output, asked);
  options[output.name] = { ...options[output.name], ...sizeOptions(output, drawn) };
  if (drawn.width === asked.width && drawn.height === asked.height) return null;
  notHonoured(c, parts, field, 'size_resampled', `the decoder draws ${sizeText(drawn)}; it is resampled to ${sizeText(asked)}`);
  return asked;
}

/** How often a decoder shows its unfinished picture, so that `count` of them are spread over the steps. Throws `unsupported` where it shows none. */
export function previewsOf(outputs: readonly OutputDescription[], count: number, options: Options, field: string): void {
  const output = outputs.find(({ modality }) => modality === 'image');
  if (count === 0 || output === undefined) return;
  const schema = optionSchema(output, 'previewEvery');
  if (schema === null) throw new AnymodalError('unsupported', `${field}: this decoder shows no unfinished pictures; leave it out.`, { field });
  const { steps = optionSchema(output, 'steps')?.default } = options[output.name] ?? {};
  // The first comes after two steps, the last before the end.
  options[output.name] = { ...options[output.name], previewEvery: Math.max(1, Math.floor(((typeof steps === 'number' ? steps : 20) - 2) / count)) };
}

const soundFormats: Readonly<Record<string, SoundFormat>> = { wav: 'wav', mp3: 'mp3', ogg: 'ogg', opus: 'opus', flac: 'flac', aac: 'aac', pcm16: 'pcm', pcm: 'pcm' };

/** Voice and format of the sounds of an answer. Throws `bad_option`. */
export function soundOptions(c: Context<AppEnv>, parts: Pick<ServerParts, 'settings'>, outputs: readonly OutputDescription[], audio: { readonly voice?: unknown; readonly format?: string | undefined }, options: Options): SoundFormat | null {
  const { voice: given, format = null } = audio;
  const id: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'id') : given;
  const voice = typeof id === 'string' ? id : null;
  const speaking = outputs.filter((output) => choicesOf(output, 'voice').length > 0);
  for (const output of speaking) if (voice !== null) setVoice(c, parts, output, options[output.name] ?? {}, voice, 'audio.voice');
  if (format === null) return null;
  const known = soundFormats[format];
  if (known === undefined) throw new AnymodalError('bad_option', `audio.format: got "${format.slice(0, 20)}", expected one of ${Object.keys(soundFormats).join(', ')}.`, { field: 'audio.format' });
  for (const output of outputs) if (output.modality === 'audio' && choicesOf(output, 'format').includes(known)) Object.assign(options[output.name] ?? {}, { format: known });
  return known;
}

/** The user's own options over those that fields stand for. */
export function merged(options: Options, own: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null | undefined): Options {
  const names = new Set([...Object.keys(options), ...Object.keys(own ?? {})]);
  return Object.fromEntries([...names].map((name) => [name, { ...options[name], ...own?.[name] }]));
}
