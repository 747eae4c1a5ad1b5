// From fields of compatible routes to the options of a decoder, by the schema that the decoder tells: what it lacks is told, not passed over.
// Knows decoders by their descriptions alone.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { EngineDescription } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { ServerParts } from './contracts.ts';
import { notHonoured } from './request-body.ts';
import type { AppEnv } from './routes.ts';

export type OutputDescription = EngineDescription['outputs'][number];

/** What is read of the schema of one option. */
export interface OptionSchema {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

const number = z.number().nullable().optional();
/** Fields that compatible servers take beside OpenAI's own; several names mean the same. */
export const makingShape = {
  seed: z.number().int().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).nullable().optional().openapi({ description: 'Random if absent or -1; variant i is made with seed + i, the same bytes as alone.' }),
  steps: number.openapi({ description: 'Denoising steps; more is slower and finer.' }),
  num_inference_steps: number.openapi({ description: 'The same as steps.' }),
  step: number.openapi({ description: 'The same as steps.' }),
  guidance_scale: number.openapi({ description: 'How strictly the prompt is followed; 1 is off.' }),
  cfg_scale: number.openapi({ description: 'The same as guidance_scale.' }),
  true_cfg_scale: number.openapi({ description: 'The same as guidance_scale.' }),
  negative_prompt: z.string().nullable().optional().openapi({ description: 'What the media should not show.' }),
  scheduler: z.string().nullable().optional().openapi({ description: 'How the steps are taken.' }),
  sampler: z.string().nullable().optional().openapi({ description: 'The same as scheduler.' }),
  strength: number.openapi({ description: 'How much of an edited medium may change, from 0 to 1.' }),
  metadata: z.boolean().nullable().optional().openapi({ description: 'Whether prompt and settings are written into the file; true if absent.' }),
  loras: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  lora: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  clip_skip: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
};
type Making = z.infer<z.ZodObject<typeof makingShape>>;

/** What of a request goes into a job, whatever it makes. */
export interface MakingFields {
  readonly options: Record<string, unknown>;
  readonly negativePrompt: string | null;
  readonly metadata: boolean;
  /** Empty for a random one. */
  readonly seed: { readonly seed?: number };
}

type Server = Pick<ServerParts, 'settings'>;

/** The output of a bundle that makes `modality`: the one of that name, or else the first one. Throws `unsupported`. */
export function outputOf(description: EngineDescription, modality: string): OutputDescription {
  const found = description.outputs.find(({ name }) => name === modality) ?? description.outputs.find((output) => output.modality === modality);
  if (found === undefined) throw new AnymodalError('unsupported', `model: ${description.bundle} makes no ${modality}; it makes ${description.outputs.map(({ name }) => name).join(', ') || 'text alone'}.`, { field: 'model' });
  return found;
}

/** The schema of an option of an output, or null where it has none. */
export function optionSchema(output: OutputDescription, name: string): OptionSchema | null {
  const properties: unknown = output.options['properties'];
  const schema: unknown = typeof properties === 'object' && properties !== null && Object.hasOwn(properties, name) ? Reflect.get(properties, name) : undefined;
  return typeof schema === 'object' && schema !== null ? schema : null;
}

/** Values that an option may have, where they are listed. */
export function choicesOf(output: OutputDescription, name: string): readonly string[] {
  return (optionSchema(output, name)?.enum ?? []).map(String);
}

/** The default of a numeric option; `otherwise` where there is none. */
export function defaultOf(output: OutputDescription, name: string, otherwise: number): number {
  const value = optionSchema(output, name)?.default;
  return typeof value === 'number' ? value : otherwise;
}

/** Reads the fields of `makingShape`. Throws `bad_option` with the field for a value out of range. */
export function readMaking(c: Context<AppEnv>, parts: Server, output: OutputDescription, body: Making): MakingFields {
  const options: Record<string, unknown> = {};
  numberOption(c, parts, output, options, 'steps', pick(body, ['steps', 'num_inference_steps', 'step']));
  numberOption(c, parts, output, options, 'guidanceScale', pick(body, ['guidance_scale', 'cfg_scale', 'true_cfg_scale']));
  numberOption(c, parts, output, options, 'strength', pick(body, ['strength']));
  const scheduler = body.scheduler ?? body.sampler ?? null;
  if (scheduler !== null) {
    const choices = choicesOf(output, 'scheduler');
    if (choices.includes(scheduler)) options['scheduler'] = scheduler;
    else notHonoured(c, parts, body.scheduler === scheduler ? 'scheduler' : 'sampler', 'scheduler_ignored', `not one of this decoder's; it has ${choices.join(', ') || 'none to choose from'}`);
  }
  for (const field of ['loras', 'lora', 'clip_skip'] as const) if (body[field] !== undefined && body[field] !== null) notHonoured(c, parts, field, 'option_ignored', 'this server has no such option');
  const negative = body.negative_prompt?.trim() ?? '';
  const honoured = negative !== '' && output.negative && output.sources.includes('prompt');
  if (negative !== '' && !honoured) notHonoured(c, parts, 'negative_prompt', 'negative_ignored', 'this decoder takes none');
  return { options, negativePrompt: honoured ? negative : null, metadata: body.metadata ?? true, seed: seedOf(c, parts, body.seed) };
}

/** Seeds there are: whole numbers from 0 to one less than this. */
const SEEDS = Number.MAX_SAFE_INTEGER + 1;

/** A seed as clients send it: none and -1 are random; OpenAI's are 64 bits with a sign, and those that no job has stand for one that it has, and warn. Throws `bad_option`. */
export function seedOf(c: Context<AppEnv>, parts: Server, seed: number | null | undefined): { readonly seed?: number } {
  if (seed === null || seed === undefined || seed === -1) return {};
  if (!Number.isInteger(seed) || Math.abs(seed) > 2 ** 63) throw new AnymodalError('bad_option', `seed: got ${seed}, expected an integer from 0 to ${SEEDS - 1}.`, { field: 'seed' });
  if (seed >= 0 && seed < SEEDS) return { seed };
  const taken = ((seed % SEEDS) + SEEDS) % SEEDS;
  notHonoured(c, parts, 'seed', 'seed_changed', `here they are from 0 to ${SEEDS - 1}; ${taken} is taken for it`);
  return { seed: taken };
}

/** Sets a numeric option where the decoder has it. Throws `bad_option` with the field for a value out of range. */
export function numberOption(c: Context<AppEnv>, parts: Server, output: OutputDescription, options: Record<string, unknown>, name: string, given: Given | null): void {
  if (given === null) return;
  const { field, value } = given;
  const schema = optionSchema(output, name);
  if (schema === null) {
    notHonoured(c, parts, field, 'option_ignored', `the decoder of ${output.name} has no such option`);
    return;
  }
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (value < minimum || value > maximum) throw new AnymodalError('bad_option', `${field}: got ${value}, expected a number from ${minimum} to ${maximum}.`, { field });
  const isWhole = Reflect.get(schema, 'type') === 'integer';
  if (isWhole && !Number.isInteger(value)) throw new AnymodalError('bad_option', `${field}: got ${value}, expected a whole number.`, { field });
  options[name] = value;
}

export interface Given {
  readonly field: string;
  readonly value: number;
}

/** The first of several fields that is a number. */
export function pick<Field extends string>(body: Readonly<Partial<Record<Field, unknown>>>, fields: readonly Field[]): Given | null {
  for (const field of fields) {
    const value = body[field];
    if (typeof value === 'number') return { field, value };
  }
  return null;
}
