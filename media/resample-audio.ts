// Sound of one rate to another, by a windowed sinc. Knows samples and rates; knows no format.
// Source: J. O. Smith, Digital Audio Resampling (https://ccrma.stanford.edu/~jos/resample/), with a Kaiser window.

/** Zero crossings of the sinc on each side; more is steeper. */
const crossings = 32;
/** Kaiser window of about 100 dB of stop band. */
const beta = 10;
/** Where the pass band ends, as a part of the lower rate's half: what lies above fades. */
const rolloff = 0.95;

/**
 * `samples` at another rate: round(n * to / from) of them, the first at the same instant; silence is assumed before and after.
 * Equal input gives equal output on every machine whose sine is rounded alike.
 * @param samples [n] float32.
 * @param from rate of `samples` in hertz, a positive integer.
 * @param to rate of the result in hertz, a positive integer.
 */
export function resampleAudio(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples.slice();
  const divisor = greatestCommonDivisor(from, to);
  const [phases, stride] = [to / divisor, from / divisor];
  // Below 1 when the rate falls: the sinc widens, so that what the lower rate cannot hold is left out.
  const scale = Math.min(1, to / from) * rolloff;
  const reach = Math.ceil(crossings / scale);
  const filters = new Map<number, Float32Array>();
  const output = new Float32Array(Math.round((samples.length * to) / from));
  for (let i = 0; i < output.length; i += 1) {
    const centre = Math.floor((i * stride) / phases);
    const phase = (i * stride) % phases;
    let filter = filters.get(phase);
    if (filter === undefined) {
      filter = filterOf(phase / phases, reach, scale);
      filters.set(phase, filter);
    }
    const start = centre - reach + 1;
    const [first, end] = [Math.max(0, -start), Math.min(filter.length, samples.length - start)];
    let sum = 0;
    for (let k = first; k < end; k += 1) sum += filter[k]! * samples[start + k]!;
    output[i] = sum;
  }
  return output;
}

/** Weights of the samples from `reach - 1` before the instant to `reach` after it; `fraction` is how far it lies behind a sample. Their sum is 1. */
function filterOf(fraction: number, reach: number, scale: number): Float32Array {
  const filter = Float64Array.from({ length: 2 * reach }, (_, k) => {
    const x = (k - reach + 1 - fraction) * scale;
    const width = x / crossings;
    if (Math.abs(width) >= 1) return 0;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * bessel(beta * Math.sqrt(1 - width * width));
  });
  const sum = filter.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(filter, (weight) => weight / sum);
}

/** The modified Bessel function of order 0, by its series. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
