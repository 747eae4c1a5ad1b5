// DDIM: Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021 (arXiv 2010.02502), equations 12 and 16.
// Equal to diffusers' DDIMScheduler for models that predict noise, velocity or the sample.

import { flagSetting, noiseSchedule, numberSetting, spacedTimesteps } from './noise-schedule.ts';
import type { NoisePrediction, Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSample, combine } from './scheduler.ts';

/** Settings: the noise schedule's, `setAlphaToOne`, `clipSample` (to -1..1) and `eta` (0 deterministic, 1 as DDPM). */
export function createDdim(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'leading');
  const { alphasCumulative, trainSteps, prediction } = schedule;
  const finalAlpha = flagSetting(config, 'setAlphaToOne', false) ? 1 : alphasCumulative[0]!;
  const clip = flagSetting(config, 'clipSample', false);
  const eta = numberSetting(config, 'eta', 0);

  return {
    name: 'ddim',
    start({ steps }): SchedulerRun {
      const timesteps = spacedTimesteps(schedule, steps, true);
      // Some spacings with an offset point one past the last training step.
      for (let i = 0; i < steps; i += 1) timesteps[i] = Math.min(timesteps[i]!, trainSteps - 1);
      const stride = Math.floor(trainSteps / steps);
      return {
        timesteps,
        initialSigma: 1,
        scaleInput: (x_t) => x_t,
        step(output, x_t, index, draw) {
          const t = timesteps[index]!;
          const previous = t - stride;
          const alpha = alphasCumulative[t]!;
          const alphaPrevious = previous >= 0 ? alphasCumulative[previous]! : finalAlpha;
          const { x_0: implied, eps } = split(prediction, output, x_t, Math.sqrt(alpha), Math.sqrt(1 - alpha));
          const x_0 = clip ? implied.map((value) => Math.max(-1, Math.min(1, value))) : implied;
          const variance = ((1 - alphaPrevious) / (1 - alpha)) * (1 - alpha / alphaPrevious);
          const deviation = eta * Math.sqrt(variance);
          const next = combine(Math.sqrt(alphaPrevious), x_0, Math.sqrt(1 - alphaPrevious - deviation ** 2), eps);
          return { next: eta > 0 ? combine(1, next, deviation, draw()) : next, x_0 };
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

/** The model's output as clean sample and noise; a = sqrt(alpha), s = sqrt(1 - alpha). */
function split(prediction: NoisePrediction, output: Float32Array, x_t: Float32Array, a: number, s: number): { x_0: Float32Array; eps: Float32Array } {
  const x_0 = cleanSample(prediction, output, x_t, a, s);
  if (prediction === 'epsilon') return { x_0, eps: output };
  return { x_0, eps: prediction === 'sample' ? combine(1 / s, x_t, -a / s, output) : combine(a, output, s, x_t) };
}
