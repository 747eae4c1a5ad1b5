// The discrete Fourier transform of real numbers, for lengths that are powers of two. Knows numbers alone.
// Source: Press et al., Numerical Recipes, section 12.3: N real numbers as N / 2 complex ones, decimation in time.

export interface RealTransform {
  /** Absolute values of bins 0 to N / 2 of `input` [N] into `output` [N / 2 + 1]. */
  magnitudes(input: Float64Array, output: Float64Array): void;
}

/** A transform of one length `size`, a power of two from 4 on, with its tables and scratch memory. */
export function createRealTransform(size: number): RealTransform {
  const half = size / 2;
  const bits = Math.log2(half);
  const cosines = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sines = Float64Array.from({ length: half }, (_, i) => Math.sin((2 * Math.PI * i) / size));
  const places = Uint32Array.from({ length: half }, (_, i) => reversed(i, bits));
  const real = new Float64Array(half);
  const imaginary = new Float64Array(half);

  /** Butterflies over bit-reversed pairs of samples. */
  function transform(input: Float64Array): void {
    for (let i = 0; i < half; i += 1) {
      const place = places[i]!;
      real[place] = input[2 * i]!;
      imaginary[place] = input[2 * i + 1]!;
    }
    for (let length = 2; length <= half; length *= 2) {
      const middle = length / 2;
      const stride = size / length;
      for (let start = 0; start < half; start += length) {
        for (let k = 0, turn = 0; k < middle; k += 1, turn += stride) {
          const a = start + k;
          const b = a + middle;
          const c = cosines[turn]!;
          const s = sines[turn]!;
          const re = real[b]! * c + imaginary[b]! * s;
          const im = imaginary[b]! * c - real[b]! * s;
          real[b] = real[a]! - re;
          imaginary[b] = imaginary[a]! - im;
          real[a] = real[a]! + re;
          imaginary[a] = imaginary[a]! + im;
        }
      }
    }
  }

  return {
    magnitudes(input, output) {
      transform(input);
      output[0] = Math.abs(real[0]! + imaginary[0]!);
      output[half] = Math.abs(real[0]! - imaginary[0]!);
      for (let k = 1; k < half; k += 1) {
        // Bins k and N/2 - k of the half-length transform are those of the even samples and of the odd ones together.
        const other = half - k;
        const evenRe = (real[k]! + real[other]!) / 2;
        const evenIm = (imaginary[k]! - imaginary[other]!) / 2;
        const oddRe = (imaginary[k]! + imaginary[other]!) / 2;
        const oddIm = (real[other]! - real[k]!) / 2;
        const c = cosines[k]!;
        const s = sines[k]!;
        const re = evenRe + oddRe * c + oddIm * s;
        const im = evenIm + oddIm * c - oddRe * s;
        // Math.hypot is many times slower and guards against an overflow that sounds are far from.
        output[k] = Math.sqrt(re * re + im * im);
      }
    },
  };
}

function reversed(value: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit += 1) result |= ((value >> bit) & 1) << (bits - 1 - bit);
  return result;
}
