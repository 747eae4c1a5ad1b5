// PNDM in its linear multistep form (PLMS): Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds", 2022
// (arXiv 2202.09778), equations 9 and 12. Equal to diffusers' PNDMScheduler with `skip_prk_steps`.

import { AnymodalError } from '../../src/errors.ts';
import { flagSetting, noiseSchedule, spacedTimesteps } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSample, combine } from './scheduler.ts';

/** Weights of the newest output and those before it, by how many there are. */
const weights = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]] as const;

/**
 * Settings: the noise schedule's, `setAlphaToOne`, `skipPrkSteps` (must be true where it is said). The first step is taken twice, so
 * `steps` steps are `steps` + 1 calls of the model; a run that starts later takes its first two calls the same way, as diffusers does.
 */
export function createPndm(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'leading');
  const { alphasCumulative, trainSteps, prediction } = schedule;
  const finalAlpha = flagSetting(config, 'setAlphaToOne', false) ? 1 : alphasCumulative[0]!;
  if (!flagSetting(config, 'skipPrkSteps', true)) throw new AnymodalError('bundle_invalid', 'scheduler setting skipPrkSteps: got false, expected true; Runge-Kutta steps are not offered.');
  if (prediction === 'sample') throw new AnymodalError('bundle_invalid', 'scheduler setting predictionType: got "sample", expected epsilon or v_prediction for pndm.');
  const alphaAt = (t: number): number => (t >= 0 ? alphasCumulative[Math.min(t, trainSteps - 1)]! : finalAlpha);

  /** Equation 9: the sample moved from one timestep to another along an output. */
  const move = (x_t: Float32Array, output: Float32Array, from: number, to: number): Float32Array => {
    const [alpha, alphaTo] = [alphaAt(from), alphaAt(to)];
    const eps = prediction === 'epsilon' ? output : combine(Math.sqrt(alpha), output, Math.sqrt(1 - alpha), x_t);
    const divisor = alpha * Math.sqrt(1 - alphaTo) + Math.sqrt(alpha * (1 - alpha) * alphaTo);
    return combine(Math.sqrt(alphaTo / alpha), x_t, -(alphaTo - alpha) / divisor, eps);
  };

  return {
    name: 'pndm',
    start({ steps }): SchedulerRun {
      const spaced = spacedTimesteps(schedule, steps, true);
      const timesteps = steps === 1 ? spaced : Float32Array.from([spaced[0]!, spaced[1]!, ...spaced.subarray(1)]);
      const stride = Math.floor(trainSteps / steps);
      let calls = 0;
      let outputs: Float32Array[] = [];
      let beforeFirst: Float32Array = new Float32Array();
      return {
        timesteps,
        initialSigma: 1,
        scaleInput: (x_t) => x_t,
        step(output, x_t, index) {
          const t = timesteps[index]!;
          const alpha = alphaAt(t);
          const x_0 = cleanSample(prediction, output, x_t, Math.sqrt(alpha), Math.sqrt(1 - alpha));
          calls += 1;
          if (calls === 2) return { next: move(beforeFirst, combine(1 / 2, output, 1 / 2, outputs[0]!), t + stride, t), x_0 };
          if (calls === 1) beforeFirst = x_t;
          outputs = [output, ...outputs].slice(0, 4);
          return { next: move(x_t, blend(outputs), t, t - stride), x_0 };
        },
        addNoise(x_0, eps, index) {
          if (index >= timesteps.length) return x_0.slice();
          const alpha = alphaAt(timesteps[index]!);
          return combine(Math.sqrt(alpha), x_0, Math.sqrt(1 - alpha), eps);
        },
      };
    },
  };
}

/** Equation 12: the outputs, newest first, as one. */
function blend(outputs: readonly Float32Array[]): Float32Array {
  const shares = weights[outputs.length - 1]!;
  return outputs[0]!.map((_, i) => outputs.reduce((sum, output, k) => sum + shares[k]! * output[i]!, 0));
}
