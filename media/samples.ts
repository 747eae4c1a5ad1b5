// Samples of sound as numbers of 16 bits. Knows no format.

/** Full scale is 1; what lies beyond is limited, not wrapped. */
export function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.round(Math.min(1, Math.max(-1, sample)) * 32_767));
}
