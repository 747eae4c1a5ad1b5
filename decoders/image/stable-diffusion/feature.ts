// The embedding of a picture that an unCLIP model is told, noised as it was trained and beside it how much.
// Knows numbers alone. Source: Ramesh et al. 2022 (arXiv 2204.06125); equal to diffusers' StableUnCLIPImg2ImgPipeline.noise_image_embeddings.

import type { SchedulerConfig } from '../../schedulers/scheduler.ts';
import { noiseSchedule } from '../../schedulers/noise-schedule.ts';

/** Mean and deviation of the embeddings that the model was trained with, [width] each. */
export interface FeatureStatistics {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/**
 * Class labels [2 * width]: the embedding at a noise level (0 is almost none, 999 almost noise alone), then the level itself in waves.
 * `eps` is standard normal, [width].
 */
export function noisedFeature(feature: Float32Array, { mean, deviation }: FeatureStatistics, schedule: SchedulerConfig, level: number, eps: Float32Array): Float32Array {
  const width = feature.length;
  const alpha = noiseSchedule({ betaSchedule: 'squaredcos_cap_v2', ...schedule }, 'leading').alphasCumulative[level]!;
  const [kept, added] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  const labels = new Float32Array(2 * width);
  for (let i = 0; i < width; i += 1) {
    const scaled = (feature[i]! - mean[i]!) / deviation[i]!;
    labels[i] = (kept * scaled + added * eps[i]!) * deviation[i]! + mean[i]!;
  }
  const half = width / 2;
  for (let i = 0; i < half; i += 1) {
    const angle = level * Math.exp((-Math.log(10_000) * i) / half);
    labels[width + i] = Math.cos(angle);
    labels[width + half + i] = Math.sin(angle);
  }
  return labels;
}
