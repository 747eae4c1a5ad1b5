// What the configuration and the options of every latent diffusion decoder have in common, as parts of JSON Schemas and as types.
// Knows transformers and steps; nothing of pictures, sounds and videos.

import type { JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import type { Checked } from '../../src/schema.ts';
import { schedulersFor } from '../schedulers/index.ts';
import type { Prediction, SchedulerConfig } from '../schedulers/scheduler.ts';

/** What a component's `config` says of its transformer and its steps. */
export interface DiffusionConfig {
  /** Count and width of the conditioning tokens; tokens of zeros are no condition. */
  readonly tokens: readonly [number, number];
  readonly prediction: Prediction;
  /** The graph's timestep is the scheduler's, 0 to 1000, times this. */
  readonly timestepScale: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Settings by scheduler name. */
  readonly schedulers?: Readonly<Record<string, SchedulerConfig>>;
}

/** A count of anything, in a config. */
export const count = { type: 'integer', minimum: 1 } as const;

/** Keys of a config that cannot be left out. */
export const requiredDiffusionConfig: readonly string[] = ['tokens', 'prediction', 'timestepScale', 'steps', 'guidanceScale'];

/** Schemas of the keys of `DiffusionConfig`. */
export const diffusionConfigSchemas: Readonly<Record<string, JsonSchema>> = {
  tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the conditioning tokens.' },
  prediction: { enum: ['flow', 'epsilon', 'v_prediction', 'sample'], description: 'What the output of the transformer means.' },
  timestepScale: { type: 'number', exclusiveMinimum: 0, description: "The transformer's timestep is 0 to 1000 times this." },
  steps: { ...count, maximum: 1000, description: 'Default of the option.' },
  guidanceScale: { type: 'number', minimum: 0, description: 'Default of the option.' },
  schedulers: { type: 'object', additionalProperties: { type: 'object' }, description: 'Settings by scheduler name, as in diffusers.' },
};

/** Schema of `ports`: names of a graph's ports, of which those in `optional` may be null where the graph has no such port. */
export function portsSchema(names: object, optional: readonly string[] = []): JsonSchema {
  const schema = (name: string): JsonSchema => ({ type: optional.includes(name) ? ['string', 'null'] : 'string', minLength: 1 });
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(Object.keys(names).map((name) => [name, schema(name)])) };
}

/** What a request can set of any latent diffusion decoder. */
export interface DiffusionOptions {
  readonly steps: number;
  readonly guidanceScale: number;
  readonly scheduler: string;
  readonly strength: number;
  readonly previewEvery: number;
}

/** Schemas of the keys of `DiffusionOptions`, a default for each; `strength` is that of the medium. */
export function diffusionOptionSchemas(config: Pick<DiffusionConfig, 'prediction' | 'steps' | 'guidanceScale'>, strength: { readonly default: number; readonly description: string }): Readonly<Record<keyof DiffusionOptions, JsonSchema>> {
  const schedulers = schedulersFor(config.prediction);
  return {
    steps: { type: 'integer', minimum: 1, maximum: 1000, default: config.steps, description: 'Denoising steps; more is slower and finer.' },
    guidanceScale: { type: 'number', minimum: 0, maximum: 30, default: config.guidanceScale, description: 'How strictly the prompt is followed; 1 is off and twice as fast.' },
    scheduler: { type: 'string', enum: schedulers, default: schedulers[0], description: 'How the steps are taken.' },
    strength: { type: 'number', minimum: 0, maximum: 1, ...strength },
    previewEvery: { type: 'integer', minimum: 0, maximum: 1000, default: 0, metadata: false, description: 'A preview every so many steps, the first after two at most; 0 is none.' },
  };
}

/** What a check of a request's options found: the options with defaults filled in. Throws `bad_option` with every fault. */
export function requireOptions<T>(checked: Checked<T>): T {
  if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
  return checked.value;
}
