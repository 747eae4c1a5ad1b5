// Euler with fresh noise at each step: the ancestral sampler of k-diffusion (Katherine Crowson, k_diffusion/sampling.py).
// Equal to diffusers' EulerAncestralDiscreteScheduler.

import { initialSigmaOf, scaledInput } from './euler.ts';
import { noiseSchedule } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSampleAt, combine } from './scheduler.ts';
import { spacedSigmas } from './sigmas.ts';

/** Settings: the noise schedule's. Samples are x_0 + sigma eps. Noise is drawn after every step, the last one too, as in diffusers. */
export function createEulerAncestral(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'linspace');

  return {
    name: 'euler-ancestral',
    start({ steps }): SchedulerRun {
      const { timesteps, sigmas } = spacedSigmas(schedule, { ...config, useKarrasSigmas: false }, steps);
      return {
        timesteps,
        initialSigma: initialSigmaOf(sigmas, schedule.spacing),
        scaleInput: (x_t, index) => scaledInput(x_t, sigmas[index]!),
        step(output, x_t, index, draw) {
          const sigma = sigmas[index]!;
          const after = sigmas[index + 1] ?? 0;
          const x_0 = cleanSampleAt(schedule.prediction, output, x_t, sigma);
          const up = Math.sqrt((after ** 2 * (sigma ** 2 - after ** 2)) / sigma ** 2);
          const down = Math.sqrt(after ** 2 - up ** 2);
          const ratio = (down - sigma) / sigma;
          return { next: combine(1, combine(1 + ratio, x_t, -ratio, x_0), up, draw()), x_0 };
        },
        addNoise: (x_0, eps, index) => combine(1, x_0, sigmas[index] ?? 0, eps),
      };
    },
  };
}
