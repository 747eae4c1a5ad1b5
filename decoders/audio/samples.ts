// Samples of a made sound as they go into a file: the right number, no louder than a ceiling, quiet at the end; and whether they are heard at all.
// Plain functions on float32 arrays.

/** A faded end of this length hides the step to silence and is too short to be heard as a fade. */
const FADE_SECONDS = 0.005;

/** One decibel below full scale: lossy coders and resamplers overshoot, and what is at full scale looks cut off. */
const CEILING = 10 ** (-1 / 20);

/** Root mean square below which a sound counts as silent: 50 dB below full scale. */
const SILENCE = 10 ** (-50 / 20);

/**
 * The first `count` samples, scaled down together where any is beyond the ceiling (-1 dB), and faded out at the end. What is missing is silence.
 * The fade is half a cosine.
 */
export function finishSamples(samples: Float32Array, count: number, sampleRateHz: number): Float32Array {
  const finished = new Float32Array(count);
  finished.set(samples.subarray(0, count));
  const peak = finished.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const gain = peak > CEILING ? CEILING / peak : 1;
  const fade = Math.min(count, Math.round(FADE_SECONDS * sampleRateHz));
  for (let i = 0; i < count; i += 1) {
    const left = count - 1 - i;
    finished[i] = finished[i]! * gain * (left < fade ? (1 - Math.cos((Math.PI * left) / fade)) / 2 : 1);
  }
  return finished;
}

/** Whether nobody would hear anything. */
export function isSilent(samples: Float32Array): boolean {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / Math.max(1, samples.length)) < SILENCE;
}
