// Samples to filter banks as Kaldi computes them, which AST, ImageBind and other audio encoders are fed. Knows samples; no format and no network.
// Equal to torchaudio.compliance.kaldi.fbank(htk_compat, hanning, no energy, no dither) and transformers' spectrogram within 1e-4.

import { createRealTransform } from '../../media/fourier.ts';

const [FRAME_SECONDS, HOP_SECONDS] = [0.025, 0.01];
const [PREEMPHASIS, LOW_HZ] = [0.97, 20];
/** Smallest energy: the distance of float32 from 1 to its neighbour. */
const FLOOR = 2 ** -23;

/**
 * [mels, frames] natural logarithms of energies; frames that would reach beyond the end are left out, so fewer samples than 25 ms are no frame.
 *
 * @param samples mono, -1..1
 */
export function filterBanks(samples: Float32Array, sampleRateHz: number, mels: number): { readonly frames: number; readonly data: Float32Array } {
  const [length, hop] = [Math.trunc(FRAME_SECONDS * sampleRateHz), Math.trunc(HOP_SECONDS * sampleRateHz)];
  const fftSize = 2 ** Math.ceil(Math.log2(length));
  const frames = samples.length < length ? 0 : 1 + Math.floor((samples.length - length) / hop);
  const filters = melFilters(fftSize, sampleRateHz, mels);
  const transform = createRealTransform(fftSize);
  const window = Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (length - 1)));
  const frame = new Float64Array(fftSize);
  const magnitudes = new Float64Array(fftSize / 2 + 1);
  const data = new Float32Array(mels * frames);
  for (let k = 0; k < frames; k += 1) {
    let mean = 0;
    for (let i = 0; i < length; i += 1) mean += samples[k * hop + i]! / length;
    // From the end, since each value takes its share of the one before.
    for (let i = length - 1; i >= 0; i -= 1) {
      const before = samples[k * hop + Math.max(i - 1, 0)]! - mean;
      frame[i] = (samples[k * hop + i]! - mean - PREEMPHASIS * before) * window[i]!;
    }
    transform.magnitudes(frame, magnitudes);
    for (let mel = 0; mel < mels; mel += 1) {
      const { first, weights } = filters[mel]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i += 1) sum += weights[i]! * magnitudes[first + i]! ** 2;
      data[mel * frames + k] = Math.log(Math.max(sum, FLOOR));
    }
  }
  return { frames, data };
}

/** Triangles on Kaldi's mel scale, 1127 ln(1 + f / 700), drawn in mels and not in hertz. */
function melFilters(fftSize: number, sampleRateHz: number, mels: number): { readonly first: number; readonly weights: Float64Array }[] {
  const [low, high] = [toMel(LOW_HZ), toMel(sampleRateHz / 2)];
  const step = (high - low) / (mels + 1);
  const bins = Array.from({ length: fftSize / 2 }, (_, bin) => toMel((bin * sampleRateHz) / fftSize));
  return Array.from({ length: mels }, (_, mel) => {
    const left = low + mel * step;
    const weights = bins.map((at) => Math.max(0, Math.min((at - left) / step, (left + 2 * step - at) / step)));
    const first = Math.max(weights.findIndex((weight) => weight > 0), 0);
    return { first, weights: Float64Array.from(weights.slice(first, weights.findLastIndex((weight) => weight > 0) + 1)) };
  });
}

function toMel(hertz: number): number {
  return 1127 * Math.log(1 + hertz / 700);
}
