// The discrete noise schedule of DDPM and the ways to pick inference steps from it, shared by DDIM and Euler.
// Source: Ho et al. 2020 (arXiv 2006.11239); spacings: Lin et al. 2023 (arXiv 2305.08891), table 2.

import { AnymodalError } from '../../src/errors.ts';
import type { SchedulerConfig } from './scheduler.ts';

export type Spacing = 'leading' | 'linspace' | 'trailing';

export type NoiseSchedule = {
  readonly trainSteps: number;
  /** Cumulative product of 1 - beta, [trainSteps]. */
  readonly alphasCumulative: Float64Array;
  readonly spacing: Spacing;
  readonly stepsOffset: number;
  readonly prediction: 'epsilon' | 'v_prediction';
};

/** Reads the settings that DDIM and Euler share. Throws `bundle_invalid` for a value that it does not know. */
export function noiseSchedule(config: SchedulerConfig, defaultSpacing: Spacing): NoiseSchedule {
  const trainSteps = numberSetting(config, 'numTrainTimesteps', 1000);
  const start = numberSetting(config, 'betaStart', 0.00085);
  const end = numberSetting(config, 'betaEnd', 0.012);
  const curve = choiceSetting(config, 'betaSchedule', ['scaled_linear', 'linear'], 'scaled_linear');
  const alphasCumulative = new Float64Array(trainSteps);
  let product = 1;
  for (let t = 0; t < trainSteps; t += 1) {
    const along = t / (trainSteps - 1);
    const beta = curve === 'linear' ? start + (end - start) * along : (Math.sqrt(start) + (Math.sqrt(end) - Math.sqrt(start)) * along) ** 2;
    product *= 1 - beta;
    alphasCumulative[t] = product;
  }
  return {
    trainSteps,
    alphasCumulative,
    spacing: choiceSetting(config, 'timestepSpacing', ['leading', 'linspace', 'trailing'], defaultSpacing),
    stepsOffset: numberSetting(config, 'stepsOffset', 0),
    prediction: choiceSetting(config, 'predictionType', ['epsilon', 'v_prediction'], 'epsilon'),
  };
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
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
