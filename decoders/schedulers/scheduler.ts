// What a scheduler promises a denoising loop, and what all of them share.
// Knows no model and no modality: samples are plain float32 arrays.

/** What a model's output means: the noise, the velocity of Salimans and Ho (2022), or the clean sample. */
export type NoisePrediction = 'epsilon' | 'v_prediction' | 'sample';
/** As above, or the flow eps - x_0. */
export type Prediction = NoisePrediction | 'flow';

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
  /** What the model is told before each step, on a scale of 0 to 1000; one a call of the model, which may be more than `steps`. */
  readonly timesteps: Float32Array;
  /** Pure noise times this is the first sample. */
  readonly initialSigma: number;
  /** The sample as the model expects it. May be the sample itself. */
  scaleInput(x_t: Float32Array, index: number): Float32Array;
  /**
   * One step: the next sample, and the clean sample that the model's output implies. `draw` gives fresh noise. A run remembers the
   * outputs that it was given: steps are taken once each, in order, from any index on.
   */
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

/** The clean sample that a model's output implies for x_t = a x_0 + s eps with a^2 + s^2 = 1. */
export function cleanSample(prediction: NoisePrediction, output: Float32Array, x_t: Float32Array, a: number, s: number): Float32Array {
  if (prediction === 'sample') return output;
  return prediction === 'epsilon' ? combine(1 / a, x_t, -s / a, output) : combine(a, x_t, -s, output);
}

/** The same for x_t = x_0 + sigma eps, which the model was shown divided by sqrt(sigma^2 + 1). */
export function cleanSampleAt(prediction: NoisePrediction, output: Float32Array, x_t: Float32Array, sigma: number): Float32Array {
  if (prediction === 'sample') return output;
  return prediction === 'epsilon' ? combine(1, x_t, -sigma, output) : combine(1 / (sigma ** 2 + 1), x_t, -sigma / Math.sqrt(sigma ** 2 + 1), output);
}

/** a x + b y, element by element. */
export function combine(a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  const out = new Float32Array(x.length);
  for (let i = 0; i < out.length; i += 1) out[i] = a * x[i]! + b * y[i]!;
  return out;
}
