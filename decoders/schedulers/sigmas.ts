// Noise levels sigma at the steps of a noise schedule, for the schedulers that count in them; also in the spacing of Karras.
// Knows no step rule. Source: Karras et al. 2022 (arXiv 2206.00364), equation 5; equal to diffusers.

import { flagSetting, spacedTimesteps, withFiniteSigma } from './noise-schedule.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import type { SchedulerConfig } from './scheduler.ts';

/** Noise levels of the trained steps, ascending. */
export function trainedSigmas(schedule: NoiseSchedule): Float32Array {
  return withFiniteSigma(schedule.alphasCumulative).map((alpha) => Math.sqrt(Math.fround(1 - alpha) / alpha));
}

/** Timesteps for `steps` inference steps and their noise levels, descending; Karras spacing where `useKarrasSigmas` says so. */
export function spacedSigmas(schedule: NoiseSchedule, config: SchedulerConfig, steps: number): { readonly timesteps: Float32Array; readonly sigmas: Float32Array } {
  const trained = trainedSigmas(schedule);
  const timesteps = spacedTimesteps(schedule, steps, false);
  const sigmas = timesteps.map((t) => sigmaAt(trained, t));
  if (!flagSetting(config, 'useKarrasSigmas', false)) return { timesteps, sigmas };
  const karras = karrasSigmas(sigmas[0]!, sigmas.at(-1)!, steps);
  return { timesteps: karras.map((sigma) => timestepOf(trained, sigma)), sigmas: karras };
}

/** Noise level at a training timestep, interpolated between whole ones. */
export function sigmaAt(trained: Float32Array, t: number): number {
  const last = trained.length - 1;
  const low = Math.min(last, Math.floor(t));
  const high = Math.min(last, low + 1);
  return trained[low]! + (t - Math.floor(t)) * (trained[high]! - trained[low]!);
}

/** `steps` noise levels from `largest` to `smallest`, dense where they are small. */
export function karrasSigmas(largest: number, smallest: number, steps: number): Float32Array {
  const rho = 7;
  const [from, to] = [largest ** (1 / rho), smallest ** (1 / rho)];
  return Float32Array.from({ length: steps }, (_, i) => (from + (steps === 1 ? 0 : i / (steps - 1)) * (to - from)) ** rho);
}

/** The training timestep, not whole, of a noise level; linear in its logarithm. */
export function timestepOf(trained: Float32Array, sigma: number): number {
  const level = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < trained.length - 2 && Math.log(trained[low + 1]!) <= level) low += 1;
  const [below, above] = [Math.log(trained[low]!), Math.log(trained[low + 1]!)];
  return low + Math.max(0, Math.min(1, (level - below) / (above - below)));
}
