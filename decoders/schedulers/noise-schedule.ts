// The discrete noise schedule of DDPM and the ways to pick inference steps from it, shared by all but the flow's scheduler.
// Source: Ho et al. 2020 (arXiv 2006.11239); spacings: Lin et al. 2023 (arXiv 2305.08891), table 2.

import { AnymodalError } from '../../src/errors.ts';
import type { NoisePrediction, SchedulerConfig } from './scheduler.ts';

export type Spacing = 'leading' | 'linspace' | 'trailing';

export type NoiseSchedule = {
  readonly trainSteps: number;
  /** Cumulative product of 1 - beta, [trainSteps], rounded to float32 as diffusers has it. */
  readonly alphasCumulative: Float32Array;
  readonly spacing: Spacing;
  readonly stepsOffset: number;
  readonly prediction: NoisePrediction;
};

/** Reads the settings that the schedulers of this schedule share. Throws `bundle_invalid` for a value that it does not know. */
export function noiseSchedule(config: SchedulerConfig, defaultSpacing: Spacing): NoiseSchedule {
  const betas = betasOf(config);
  const cumulative = cumulativeOf(betas.map((beta) => 1 - beta));
  return {
    trainSteps: betas.length,
    alphasCumulative: flagSetting(config, 'rescaleBetasZeroSnr', false) ? withoutTerminalSignal(cumulative) : cumulative,
    spacing: choiceSetting(config, 'timestepSpacing', ['leading', 'linspace', 'trailing'], defaultSpacing),
    stepsOffset: numberSetting(config, 'stepsOffset', 0),
    prediction: choiceSetting(config, 'predictionType', ['epsilon', 'v_prediction', 'sample'], 'epsilon'),
  };
}

/** Variances of the trained steps: a curve by its name, or a list of them. */
function betasOf(config: SchedulerConfig): Float32Array {
  const trained: unknown = config['trainedBetas'] ?? null;
  if (Array.isArray(trained) && trained.length > 0 && trained.every((beta) => typeof beta === 'number')) return Float32Array.from(trained);
  if (trained !== null) throw new AnymodalError('bundle_invalid', 'scheduler setting trainedBetas: expected numbers, one a trained step.');
  const trainSteps = numberSetting(config, 'numTrainTimesteps', 1000);
  const start = numberSetting(config, 'betaStart', 0.00085);
  const end = numberSetting(config, 'betaEnd', 0.012);
  const curve = choiceSetting(config, 'betaSchedule', ['scaled_linear', 'linear', 'squaredcos_cap_v2'], 'scaled_linear');
  return Float32Array.from({ length: trainSteps }, (_, t) => {
    const along = t / (trainSteps - 1);
    if (curve === 'squaredcos_cap_v2') return Math.min(1 - cosine((t + 1) / trainSteps) / cosine(t / trainSteps), 0.999);
    return curve === 'linear' ? start + (end - start) * along : Math.fround(Math.sqrt(start) + (Math.sqrt(end) - Math.sqrt(start)) * along) ** 2;
  });
}

/** Share of the signal along a cosine: Nichol and Dhariwal 2021 (arXiv 2102.09672), equation 17. */
function cosine(along: number): number {
  return Math.cos((((along + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

function cumulativeOf(alphas: Float32Array): Float32Array {
  let product = 1;
  return alphas.map((alpha) => (product *= alpha));
}

/** The schedule shifted and scaled so that its last step is pure noise: Lin et al. 2023, algorithm 1, in float32. */
function withoutTerminalSignal(cumulative: Float32Array): Float32Array {
  const roots = cumulative.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  const factor = Math.fround(first / Math.fround(first - last));
  const squares = roots.map((root) => Math.fround(Math.fround(root - last) * factor) ** 2);
  const betas = squares.map((square, t) => 1 - (t === 0 ? square : Math.fround(square / squares[t - 1]!)));
  return cumulativeOf(betas.map((beta) => 1 - beta));
}

/** A last step of pure noise has an infinite sigma; the smallest number of float16 stands for its alpha, as in diffusers. */
export function withFiniteSigma(alphasCumulative: Float32Array): Float32Array {
  return alphasCumulative.map((alpha) => (alpha === 0 ? 2 ** -24 : alpha));
}

/** Training timesteps for `steps` inference steps, descending; `rounded` keeps linspace on whole timesteps. */
export function spacedTimesteps(schedule: NoiseSchedule, steps: number, rounded: boolean): Float32Array {
  const { trainSteps, spacing, stepsOffset } = schedule;
  return Float32Array.from({ length: steps }, (_, i) => {
    if (spacing === 'trailing') return roundHalfEven(trainSteps - (i * trainSteps) / steps) - 1;
    if (spacing === 'leading') return Math.floor(trainSteps / steps) * (steps - 1 - i) + stepsOffset;
    const t = steps === 1 ? 0 : ((trainSteps - 1) * (steps - 1 - i)) / (steps - 1);
    return rounded ? roundHalfEven(t) : t;
  });
}

/** A number of a scheduler's settings. Throws `bundle_invalid` for anything else. */
export function numberSetting(config: SchedulerConfig, key: string, fallback: number): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new AnymodalError('bundle_invalid', `scheduler setting ${key}: got ${JSON.stringify(value)}, expected a number.`);
}

/** One of a few words of a scheduler's settings. Throws `bundle_invalid` for anything else. */
export function choiceSetting<T extends string>(config: SchedulerConfig, key: string, choices: readonly T[], fallback: T): T {
  const value = config[key] ?? fallback;
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw new AnymodalError('bundle_invalid', `scheduler setting ${key}: got ${JSON.stringify(value)}, expected ${choices.join(' or ')}.`);
}

/** A yes or no of a scheduler's settings. Throws `bundle_invalid` for anything else. */
export function flagSetting(config: SchedulerConfig, key: string, fallback: boolean): boolean {
  const value = config[key] ?? fallback;
  if (typeof value === 'boolean') return value;
  throw new AnymodalError('bundle_invalid', `scheduler setting ${key}: got ${JSON.stringify(value)}, expected true or false.`);
}

/** numpy's rounding, on which the whole timesteps of diffusers rest. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
