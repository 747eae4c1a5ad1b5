// What a scheduler promises a denoising loop, and what all of them share.
// Knows no model and no modality: samples are plain float32 arrays.

/** What a model's output means: the noise, the velocity of Salimans and Ho (2022), or the flow eps - x_0. */
export type Prediction = 'epsilon' | 'v_prediction' | 'flow';

/** Settings of a scheduler as a bundle stores them; names and meanings are those of diffusers, in camelCase. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Never changes; everything about one job is in the run that `start` returns. */
export interface Scheduler {
  readonly name: string;
  /** `steps` from 1 to the number of training steps. */
  start(request: { readonly steps: number }): SchedulerRun;
}

/** One trajectory from noise to sample. `index` counts steps from 0; results are owned by the caller. */
export interface SchedulerRun {
  /** What the model is told before each step, on a scale of 0 to 1000. */
  readonly timesteps: Float32Array;
  /** Pure noise times this is the first sample. */
  readonly initialSigma: number;
  /** The sample as the model expects it. May be the sample itself. */
  scaleInput(x_t: Float32Array, index: number): Float32Array;
  /** One step: the next sample, and the clean sample that the model's output implies. `draw` gives fresh noise. */
  step(output: Float32Array, x_t: Float32Array, index: number, draw: () => Float32Array): { next: Float32Array; x_0: Float32Array };
  /** A clean sample at the noise level before step `index`; after the last step there is none left. */
  addNoise(x_0: Float32Array, eps: Float32Array, index: number): Float32Array;
}

/**
 * The step from which a given sample is changed by `strength` (0..1): 0 changes nothing, 1 runs every step.
 * Source: diffusers StableDiffusionImg2ImgPipeline.get_timesteps; any strength above 0 runs one step at least.
 */
export function firstStep(steps: number, strength: number): number {
  if (strength <= 0) return steps;
  return steps - Math.min(steps, Math.max(1, Math.floor(steps * strength)));
}

/** a x + b y, element by element. */
export function combine(a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  const out = new Float32Array(x.length);
  for (let i = 0; i < out.length; i += 1) out[i] = a * x[i]! + b * y[i]!;
  return out;
}
