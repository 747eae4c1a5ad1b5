// Euler on a rectified flow: Lipman et al. 2023 (arXiv 2210.02747) and Esser et al. 2024 (arXiv 2403.03206), whose
// timestep shift it has. Equal to diffusers' FlowMatchEulerDiscreteScheduler without dynamic shifting.

import { choiceSetting, numberSetting } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { combine } from './scheduler.ts';

/**
 * x_t = (1 - t) x_0 + t eps; the model predicts eps - x_0. Settings: `shift` (1 is none), `numTrainTimesteps` and
 * `timestepSpacing`: `linspace` ends at the smallest trained t as diffusers does, `trailing` takes t = 1, (n-1)/n, ..., 1/n
 * before the shift as Flux does, so that no step is spent on the last thousandth.
 */
export function createFlowMatchEuler(config: SchedulerConfig): Scheduler {
  const shift = numberSetting(config, 'shift', 1);
  const trainSteps = numberSetting(config, 'numTrainTimesteps', 1000);
  const spacing = choiceSetting(config, 'timestepSpacing', ['linspace', 'trailing'], 'linspace');
  const shifted = (t: number): number => (shift * t) / (1 + (shift - 1) * t);
  // The smallest trained t is itself shifted before the steps are spaced and shifted again: so does diffusers.
  const smallest = shifted(1 / trainSteps);

  return {
    name: 'flow-match-euler',
    start({ steps }): SchedulerRun {
      const sigmas = new Float32Array(steps + 1);
      for (let i = 0; i < steps; i += 1) {
        const t = spacing === 'trailing' ? (steps - i) / steps : steps === 1 ? 1 : 1 + ((smallest - 1) * i) / (steps - 1);
        sigmas[i] = shifted(t);
      }
      return {
        timesteps: sigmas.subarray(0, steps).map((sigma) => sigma * trainSteps),
        initialSigma: 1,
        scaleInput: (x_t) => x_t,
        step(output, x_t, index) {
          const sigma = sigmas[index]!;
          return { next: combine(1, x_t, sigmas[index + 1]! - sigma, output), x_0: combine(1, x_t, -sigma, output) };
        },
        addNoise: (x_0, eps, index) => combine(1 - sigmas[index]!, x_0, sigmas[index]!, eps),
      };
    },
  };
}
