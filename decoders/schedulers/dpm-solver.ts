// DPM-Solver++ in its multistep form of second order (2M): Lu et al. 2022 (arXiv 2211.01095), algorithm 2, and its form with noise.
// Equal to diffusers' DPMSolverMultistepScheduler with `dpmsolver++` or `sde-dpmsolver++`.

import { AnymodalError } from '../../src/errors.ts';
import { choiceSetting, flagSetting, noiseSchedule, numberSetting, roundHalfEven } from './noise-schedule.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import type { Scheduler, SchedulerConfig, SchedulerRun } from './scheduler.ts';
import { cleanSample, combine } from './scheduler.ts';
import { karrasSigmas, sigmaAt, timestepOf, trainedSigmas } from './sigmas.ts';

/**
 * Settings: the noise schedule's, `solverOrder` (1, 2), `algorithmType`, `solverType` (`midpoint`, `heun`), `lowerOrderFinal`, `eulerAtFinal`,
 * `finalSigmasType` (`zero`, `sigma_min`), `useKarrasSigmas`.
 */
export function createDpmSolver(config: SchedulerConfig): Scheduler {
  const schedule = noiseSchedule(config, 'linspace');
  const order = numberSetting(config, 'solverOrder', 2);
  if (order !== 1 && order !== 2) throw new AnymodalError('bundle_invalid', `scheduler setting solverOrder: got ${order}, expected 1 or 2.`);
  const noisy = choiceSetting(config, 'algorithmType', ['dpmsolver++', 'sde-dpmsolver++'], 'dpmsolver++') === 'sde-dpmsolver++';
  const heun = choiceSetting(config, 'solverType', ['midpoint', 'heun'], 'midpoint') === 'heun';
  const lowerOrderFinal = flagSetting(config, 'lowerOrderFinal', true);
  const eulerAtFinal = flagSetting(config, 'eulerAtFinal', false);
  const endsClean = choiceSetting(config, 'finalSigmasType', ['zero', 'sigma_min'], 'zero') === 'zero';

  return {
    name: 'dpm-solver',
    start({ steps }): SchedulerRun {
      const { timesteps, sigmas } = levelsOf(schedule, config, steps);
      const firstOrderLast = eulerAtFinal || endsClean || (lowerOrderFinal && steps < 15);
      const levels = [...sigmas, endsClean ? 0 : trainedSigmas(schedule)[0]!].map(levelOf);
      let previous: Float32Array | null = null;
      return {
        timesteps,
        initialSigma: 1,
        scaleInput: (x_t) => x_t,
        step(output, x_t, index, draw) {
          const [from, to] = [levels[index]!, levels[index + 1]!];
          const x_0 = cleanSample(schedule.prediction, output, x_t, from.alpha, from.sigma);
          const h = to.lambda - from.lambda;
          // phi is 1 - exp(-h), or 1 - exp(-2h) with noise; exp(-h) is written as a ratio because h is infinite at the end.
          const decay = (to.sigma / to.alpha) * (from.alpha / from.sigma);
          const phi = noisy ? 1 - decay ** 2 : 1 - decay;
          const kept = (to.sigma / from.sigma) * (noisy ? decay : 1);
          let next = combine(kept, x_t, to.alpha * phi, x_0);
          if (order === 2 && previous !== null && !(index === steps - 1 && firstOrderLast)) {
            const ratio = (from.lambda - levels[index - 1]!.lambda) / h;
            const weight = heun ? to.alpha * (noisy ? 1 - phi / (2 * h) : 1 - phi / h) : (to.alpha * phi) / 2;
            next = combine(1, next, weight / ratio, combine(1, x_0, -1, previous));
          }
          previous = x_0;
          return { next: noisy ? combine(1, next, to.sigma * Math.sqrt(phi), draw()) : next, x_0 };
        },
        addNoise(x_0, eps, index) {
          if (index >= steps) return x_0.slice();
          return combine(levels[index]!.alpha, x_0, levels[index]!.sigma, eps);
        },
      };
    },
  };
}

/** Whole timesteps, of which none is spent on the last trained level, and their noise levels. */
function levelsOf(schedule: NoiseSchedule, config: SchedulerConfig, steps: number): { timesteps: Float32Array; sigmas: Float32Array } {
  const { trainSteps, spacing, stepsOffset } = schedule;
  const trained = trainedSigmas(schedule);
  if (flagSetting(config, 'useKarrasSigmas', false)) {
    const sigmas = karrasSigmas(trained.at(-1)!, trained[0]!, steps);
    return { sigmas, timesteps: sigmas.map((sigma) => roundHalfEven(timestepOf(trained, sigma))) };
  }
  const timesteps = Float32Array.from({ length: steps }, (_, i) => {
    if (spacing === 'trailing') return roundHalfEven(trainSteps - (i * trainSteps) / steps) - 1;
    if (spacing === 'leading') return Math.floor(trainSteps / (steps + 1)) * (steps - i) + stepsOffset;
    return roundHalfEven(((trainSteps - 1) * (steps - i)) / steps);
  });
  return { timesteps, sigmas: timesteps.map((t) => sigmaAt(trained, t)) };
}

/** A noise level as the shares of sample and noise, and the logarithm of their ratio. */
function levelOf(sigma: number): { alpha: number; sigma: number; lambda: number } {
  const alpha = 1 / Math.sqrt(sigma ** 2 + 1);
  return { alpha, sigma: sigma * alpha, lambda: -Math.log(sigma) };
}
