// Samples of a made sound as they go into a file: the right number, no louder than full scale, quiet at the end.
// Plain functions on float32 arrays.

/** A faded end of this length hides the step to silence and is too short to be heard as a fade. */
const FADE_SECONDS = 0.005;

/**
 * The first `count` samples, scaled down together where any is beyond -1..1, and faded out at the end. What is missing is silence.
 * The fade is half a cosine.
 */
export function finishSamples(samples: Float32Array, count: number, sampleRateHz: number): Float32Array {
  const finished = new Float32Array(count);
  finished.set(samples.subarray(0, count));
  const peak = finished.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const gain = peak > 1 ? 1 / peak : 1;
  const fade = Math.min(count, Math.round(FADE_SECONDS * sampleRateHz));
  for (let i = 0; i < count; i += 1) {
    const left = count - 1 - i;
    finished[i] = finished[i]! * gain * (left < fade ? (1 - Math.cos((Math.PI * left) / fade)) / 2 : 1);
  }
  return finished;
}
