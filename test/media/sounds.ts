// Wavs made byte by byte for the tests: right ones, and ones whose headers lie.
// Holds no expectations.

export interface WavParts {
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly bits?: number;
  /** Format tag: 1 PCM, 3 float, 6 A-law, 7 µ-law. */
  readonly tag?: number;
  /** Puts the tag into the sub-format of WAVE_FORMAT_EXTENSIBLE. */
  readonly extensible?: boolean;
  readonly bigEndian?: boolean;
  /** What the header says of the bytes of samples; the truth where absent. */
  readonly claimed?: number;
  readonly behind?: Uint8Array;
}

/** A wav of the bytes of samples. */
export function wav(samples: Uint8Array, { sampleRateHz = 16_000, channels = 1, bits = 16, tag = 1, extensible = false, bigEndian = false, claimed = samples.length, behind = new Uint8Array(0) }: WavParts = {}): Buffer {
  const format = Buffer.alloc(extensible ? 40 : 16);
  const view = new DataView(format.buffer, format.byteOffset);
  const block = (channels * bits) / 8;
  view.setUint16(0, extensible ? 0xfffe : tag, !bigEndian);
  view.setUint16(2, channels, !bigEndian);
  view.setUint32(4, sampleRateHz, !bigEndian);
  view.setUint32(8, (sampleRateHz * block) >>> 0, !bigEndian);
  view.setUint16(12, block, !bigEndian);
  view.setUint16(14, bits, !bigEndian);
  if (extensible) {
    view.setUint16(16, 22, true);
    view.setUint16(18, bits, true);
    view.setUint16(24, tag, true);
    format.set([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71], 26);
  }
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (bigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  };
  const body = Buffer.concat([Buffer.from('WAVEfmt ', 'latin1'), number(format.length), format, Buffer.from('data', 'latin1'), number(claimed), samples, behind]);
  return Buffer.concat([Buffer.from(bigEndian ? 'RIFX' : 'RIFF', 'latin1'), number(body.length), body]);
}

/** Numbers in the bytes of one format of samples. */
export function samplesAs(values: readonly number[], bytes: number, put: (view: DataView, at: number, value: number) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * bytes));
  values.forEach((value, i) => put(view, i * bytes, value));
  return new Uint8Array(view.buffer);
}

/** Little-endian 16 bits. */
export function pcm16(values: readonly number[]): Uint8Array {
  return samplesAs(values, 2, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), true));
}

export function sine(hertz: number, sampleRateHz: number, seconds: number, level = 0.5): number[] {
  return Array.from({ length: Math.round(seconds * sampleRateHz) }, (_, i) => level * Math.sin((2 * Math.PI * hertz * i) / sampleRateHz));
}

/** Root of the mean square. */
export function loudness(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}

/** Level of one frequency, as the peak of a sine of it would be. */
export function levelAt(samples: Float32Array, hertz: number, sampleRateHz: number): number {
  let [re, im] = [0, 0];
  samples.forEach((value, i) => {
    re += value * Math.cos((2 * Math.PI * hertz * i) / sampleRateHz);
    im += value * Math.sin((2 * Math.PI * hertz * i) / sampleRateHz);
  });
  return (2 * Math.sqrt(re * re + im * im)) / samples.length;
}
