// DDIM: Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021 (arXiv 2010.02502), equations 12 and 16.
// Equal to diffusers' DDIMScheduler for models that predict noise or velocity.

import { flagSetting, noiseSchedule, numberSetting, spacedTimesteps } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { combine } from './scheduler.ts';

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
          const { x_0, eps } = split(prediction, output, x_t, Math.sqrt(alpha), Math.sqrt(1 - alpha));
          if (clip) for (let i = 0; i < x_0.length; i += 1) x_0[i] = Math.max(-1, Math.min(1, x_0[i]!));
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
function split(prediction: 'epsilon' | 'v_prediction', output: Float32Array, x_t: Float32Array, a: number, s: number): { x_0: Float32Array; eps: Float32Array } {
  if (prediction === 'epsilon') return { x_0: combine(1 / a, x_t, -s / a, output), eps: output };
  return { x_0: combine(a, x_t, -s, output), eps: combine(a, output, s, x_t) };
}
