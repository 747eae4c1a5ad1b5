// The sampler of latent consistency models: Luo et al. 2023 (arXiv 2310.04378), algorithm 3. Each step leaps to a clean sample and
// takes fresh noise for the next one. Equal to diffusers' LCMScheduler.

import { AnymodalError } from '../../src/errors.ts';
import { flagSetting, noiseSchedule, numberSetting } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSample, combine } from './scheduler.ts';

/** Deviation of the data that the boundary condition of consistency models assumes. */
const SIGMA_DATA = 0.5;

/** Settings: the noise schedule's, `originalInferenceSteps` (those of the teacher), `timestepScaling`, `clipSample`, `clipSampleRange`. */
export function createLcm(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'leading');
  const { alphasCumulative, trainSteps, prediction } = schedule;
  const original = numberSetting(config, 'originalInferenceSteps', 50);
  const scaling = numberSetting(config, 'timestepScaling', 10);
  const limit = flagSetting(config, 'clipSample', false) ? numberSetting(config, 'clipSampleRange', 1) : Infinity;

  return {
    name: 'lcm',
    start({ steps }): SchedulerRun {
      if (steps > original) throw new AnymodalError('bad_option', `steps: got ${steps}, expected ${original} or less with the scheduler lcm.`);
      const stride = Math.floor(trainSteps / original);
      const timesteps = Float32Array.from({ length: steps }, (_, i) => (original - Math.floor((i * original) / steps)) * stride - 1);
      return {
        timesteps,
        initialSigma: 1,
        scaleInput: (x_t) => x_t,
        step(output, x_t, index, draw) {
          const t = timesteps[index]!;
          const alpha = alphasCumulative[t]!;
          const implied = cleanSample(prediction, output, x_t, Math.sqrt(alpha), Math.sqrt(1 - alpha));
          const x_0 = limit === Infinity ? implied : implied.map((value) => Math.max(-limit, Math.min(limit, value)));
          const scaled = (t * scaling) ** 2 + SIGMA_DATA ** 2;
          const clean = combine((t * scaling) / Math.sqrt(scaled), x_0, SIGMA_DATA ** 2 / scaled, x_t);
          if (index === steps - 1) return { next: clean, x_0 };
          const alphaNext = alphasCumulative[timesteps[index + 1]!]!;
          return { next: combine(Math.sqrt(alphaNext), clean, Math.sqrt(1 - alphaNext), draw()), x_0 };
        },
        addNoise(x_0, eps, index) {
          if (index >= steps) return x_0.slice();
          const alpha = alphasCumulative[timesteps[index]!]!;
          return combine(Math.sqrt(alpha), x_0, Math.sqrt(1 - alpha), eps);
        },
      };
    },
  };
}
