// Euler on the probability-flow equation: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative
// Models", 2022 (arXiv 2206.00364), algorithm 2 without churn. Equal to diffusers' EulerDiscreteScheduler.

import { noiseSchedule, spacedTimesteps } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { combine } from './scheduler.ts';

/** Settings: the noise schedule's. Samples are x_0 + sigma eps. */
export function createEuler(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'linspace');
  const { alphasCumulative, prediction, spacing } = schedule;

  return {
    name: 'euler',
    start({ steps }): SchedulerRun {
      const timesteps = spacedTimesteps(schedule, steps, false);
      const sigmas = new Float32Array(steps + 1);
      timesteps.forEach((t, i) => (sigmas[i] = sigmaAt(alphasCumulative, t)));
      const largest = sigmas[0]!;
      return {
        timesteps,
        // With leading spacing the first level is not pure noise, so the sample's whole deviation counts.
        initialSigma: spacing === 'leading' ? Math.sqrt(largest ** 2 + 1) : largest,
        scaleInput(x_t, index) {
          const factor = 1 / Math.sqrt(sigmas[index]! ** 2 + 1);
          return x_t.map((value) => value * factor);
        },
        step(output, x_t, index) {
          const sigma = sigmas[index]!;
          const x_0 = prediction === 'epsilon' ? combine(1, x_t, -sigma, output) : combine(1 / (sigma ** 2 + 1), x_t, -sigma / Math.sqrt(sigma ** 2 + 1), output);
          const ratio = (sigmas[index + 1]! - sigma) / sigma;
          return { next: combine(1 + ratio, x_t, -ratio, x_0), x_0 };
        },
        addNoise: (x_0, eps, index) => combine(1, x_0, sigmas[index]!, eps),
      };
    },
  };
}

/** Noise level at a training timestep, interpolated between whole ones. */
function sigmaAt(alphasCumulative: Float64Array, t: number): number {
  const last = alphasCumulative.length - 1;
  const low = Math.min(last, Math.floor(t));
  const high = Math.min(last, low + 1);
  const sigma = (i: number): number => Math.sqrt((1 - alphasCumulative[i]!) / alphasCumulative[i]!);
  return sigma(low) + (t - Math.floor(t)) * (sigma(high) - sigma(low));
}
