// Euler on the probability-flow equation: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative
// Models", 2022 (arXiv 2206.00364), algorithm 2 without churn. Equal to diffusers' EulerDiscreteScheduler.

import { choiceSetting, noiseSchedule } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSampleAt, combine } from './scheduler.ts';
import { spacedSigmas, trainedSigmas } from './sigmas.ts';

/** Settings: the noise schedule's, `useKarrasSigmas`, `finalSigmasType` (`zero`, `sigma_min`). Samples are x_0 + sigma eps. */
export function createEuler(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'linspace');
  const final = choiceSetting(config, 'finalSigmasType', ['zero', 'sigma_min'], 'zero') === 'zero' ? 0 : trainedSigmas(schedule)[0]!;
  const { prediction } = schedule;

  return {
    name: 'euler',
    start({ steps }): SchedulerRun {
      const { timesteps, sigmas } = spacedSigmas(schedule, config, steps);
      const sigmaAfter = (index: number): number => sigmas[index + 1] ?? final;
      return {
        timesteps,
        initialSigma: initialSigmaOf(sigmas, schedule.spacing),
        scaleInput: (x_t, index) => scaledInput(x_t, sigmas[index]!),
        step(output, x_t, index) {
          const sigma = sigmas[index]!;
          const x_0 = cleanSampleAt(prediction, output, x_t, sigma);
          const ratio = (sigmaAfter(index) - sigma) / sigma;
          return { next: combine(1 + ratio, x_t, -ratio, x_0), x_0 };
        },
        addNoise: (x_0, eps, index) => combine(1, x_0, sigmas[index] ?? 0, eps),
      };
    },
  };
}

/** With leading spacing the first level is not pure noise, so the sample's whole deviation counts. */
export function initialSigmaOf(sigmas: Float32Array, spacing: string): number {
  const largest = sigmas[0]!;
  return spacing === 'leading' ? Math.sqrt(largest ** 2 + 1) : largest;
}

/** A sample x_0 + sigma eps at the deviation that the model was trained on. */
export function scaledInput(x_t: Float32Array, sigma: number): Float32Array {
  const factor = 1 / Math.sqrt(sigma ** 2 + 1);
  return x_t.map((value) => value * factor);
}
