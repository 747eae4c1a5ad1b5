// Samples to log-mels: what audio encoders and decoders see of a sound. Knows samples and rates; knows no format and no network.
// Equal to `spectrogram(..., power=1 or 2, center=True, pad_mode="reflect", log_mel="log")` over `mel_filter_bank` of transformers.audio_utils 5.23.0 within 1e-4.
import type { JsonSchema, Tensor } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { createRealTransform } from './fourier.ts';

export interface LogMelSettings {
  /** Rate of the samples. */
  readonly sampleRateHz: number;
  /** Samples of a frame, a power of two; the window is a periodic Hann of this length. */
  readonly fftSize: number;
  /** Samples from one frame to the next. */
  readonly hop: number;
  /** Triangular filters. */
  readonly mels: number;
  /** Where the first filter begins and the last one ends. */
  readonly minHz: number;
  readonly maxHz: number;
  /** `htk`: 2595 log10(1 + f / 700); `slaney`: linear to 1000 Hz, logarithmic above. */
  readonly melScale: 'htk' | 'slaney';
  /** `slaney`: the area of every filter is the same; null: its peak is 1. */
  readonly norm: 'slaney' | null;
  /** Magnitudes, or powers, below it count as it. */
  readonly floor: number;
  /** What is filtered: magnitudes (1, where it is absent) or powers (2). */
  readonly power?: 1 | 2;
}

const count = { type: 'integer', minimum: 1 } as const;

/** JSON Schema of `LogMelSettings`, for the configuration of components. */
export const logMelSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sampleRateHz', 'fftSize', 'hop', 'mels', 'minHz', 'maxHz', 'melScale', 'norm', 'floor'],
  properties: {
    sampleRateHz: { ...count, description: 'Samples a second.' },
    fftSize: { enum: [64, 128, 256, 512, 1024, 2048, 4096, 8192], description: 'Samples of a frame and of its Hann window.' },
    hop: { ...count, description: 'Samples from one frame to the next.' },
    mels: { ...count, description: 'Triangular filters.' },
    minHz: { type: 'number', minimum: 0, description: 'Where the first filter begins.' },
    maxHz: { type: 'number', exclusiveMinimum: 0, description: 'Where the last filter ends, at most half of sampleRateHz.' },
    melScale: { enum: ['htk', 'slaney'], description: 'Scale on which the filters lie at equal distances.' },
    norm: { enum: ['slaney', null], description: 'slaney: filters of equal area; null: of peak 1.' },
    floor: { type: 'number', exclusiveMinimum: 0, description: 'Magnitudes, or powers, below it count as it.' },
    power: { enum: [1, 2], default: 1, description: 'What is filtered: magnitudes (1) or powers (2).' },
  },
};

/** The bins that one filter is a weighted sum of. */
interface Filter {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * [mels, frames] natural logarithms of filtered magnitudes or powers, frames = 1 + floor(n / hop): frame k is centred on sample k * hop, the sound is
 * reflected at both ends. No samples at all are one silent frame. Result is owned by the caller.
 * @param samples [n] mono at `settings.sampleRateHz`, -1..1.
 * @throws AnymodalError `bundle_invalid` where the settings contradict each other.
 */
export function logMel(samples: Float32Array, settings: LogMelSettings): Tensor {
  const { fftSize, hop, mels, floor, power = 1 } = settings;
  const filters = melFilters(settings);
  const transform = createRealTransform(fftSize);
  const window = Float64Array.from({ length: fftSize }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / fftSize));
  const frames = 1 + Math.floor(samples.length / hop);
  const data = new Float32Array(mels * frames);
  const frame = new Float64Array(fftSize);
  const magnitudes = new Float64Array(fftSize / 2 + 1);
  for (let k = 0; k < frames; k += 1) {
    fillFrame(samples, k * hop - fftSize / 2, window, frame);
    transform.magnitudes(frame, magnitudes);
    if (power === 2) for (let i = 0; i < magnitudes.length; i += 1) magnitudes[i] = magnitudes[i]! ** 2;
    for (let mel = 0; mel < mels; mel += 1) {
      const { first, weights } = filters[mel]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i += 1) sum += weights[i]! * magnitudes[first + i]!;
      data[mel * frames + k] = Math.log(Math.max(sum, floor));
    }
  }
  return { shape: [mels, frames], data };
}

/** Windowed samples from `start` on, reflected where they have ended. */
function fillFrame(samples: Float32Array, start: number, window: Float64Array, frame: Float64Array): void {
  const { length } = samples;
  if (length === 0) {
    frame.fill(0);
    return;
  }
  const period = Math.max(2 * (length - 1), 1);
  for (let i = 0; i < frame.length; i += 1) {
    let at = start + i;
    if (at < 0 || at >= length) {
      at = ((at % period) + period) % period;
      if (at >= length) at = period - at;
    }
    frame[i] = samples[at]! * window[i]!;
  }
}

/** Triangles between equally spaced points of the mel scale, without their zeros. */
function melFilters({ sampleRateHz, fftSize, mels, minHz, maxHz, melScale, norm }: LogMelSettings): Filter[] {
  if (minHz >= maxHz || maxHz > sampleRateHz / 2) {
    throw new AnymodalError('bundle_invalid', `Log-mels from ${minHz} to ${maxHz} Hz of a sound of ${sampleRateHz} Hz: expected minHz < maxHz <= ${sampleRateHz / 2}.`);
  }
  const { toMel, toHertz } = scales[melScale];
  const [low, high] = [toMel(minHz), toMel(maxHz)];
  const edges = Array.from({ length: mels + 2 }, (_, i) => toHertz(low + ((high - low) * i) / (mels + 1)));
  const binHz = sampleRateHz / fftSize;
  return Array.from({ length: mels }, (_, mel) => {
    const [from, peak, to] = [edges[mel]!, edges[mel + 1]!, edges[mel + 2]!];
    const scale = norm === 'slaney' ? 2 / (to - from) : 1;
    const first = Math.ceil(from / binHz);
    const end = Math.min(Math.floor(to / binHz), fftSize / 2) + 1;
    const weights = Float64Array.from({ length: Math.max(end - first, 0) }, (__, i) => {
      const hertz = (first + i) * binHz;
      return scale * Math.max(0, Math.min((hertz - from) / (peak - from), (to - hertz) / (to - peak)));
    });
    return { first, weights };
  });
}

/** Slaney's Auditory Toolbox: 15 mels at 1000 Hz, then 27 for each factor of 6.4. */
const slaneyStep = Math.log(6.4) / 27;

const scales = {
  htk: { toMel: (hertz: number): number => 2595 * Math.log10(1 + hertz / 700), toHertz: (mel: number): number => 700 * (10 ** (mel / 2595) - 1) },
  slaney: {
    toMel: (hertz: number): number => (hertz < 1000 ? (3 * hertz) / 200 : 15 + Math.log(hertz / 1000) / slaneyStep),
    toHertz: (mel: number): number => (mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp(slaneyStep * (mel - 15))),
  },
} as const;
