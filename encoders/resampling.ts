// Resampling as the loaders of published encoders do it, to the last bit where they round: Pillow's kernels and torch's bilinear one.
// Knows numbers in planes; no file format and no network. Sources: Pillow src/libImaging/Resample.c; torch interpolate(mode='bilinear', align_corners=False).

/** Rows of pixels, channels together: [height, width, channels]. */
export interface Plane<T extends Uint8Array | Float32Array> {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: T;
}

/** The values that one output value is a weighted sum of. */
interface Span {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Bits behind the point of the whole numbers that Pillow makes of the weights of 8-bit pictures. */
const PRECISION = 22;

/**
 * Resized by an antialiased bicubic kernel: the short side to `size`, the other in proportion, floored; then the middle square is cut
 * out. Where it lies between two pixels torchvision takes the even one, transformers the lower one.
 */
export function bicubicSquare<T extends Uint8Array | Float32Array>(plane: Plane<T>, size: number, between: 'even' | 'lower' = 'even'): Plane<T> {
  const { width, height } = plane;
  const [wide, high] = width <= height ? [size, Math.floor((size * height) / width)] : [Math.floor((size * width) / height), size];
  const round = between === 'even' ? roundHalfEven : Math.floor;
  return cut(resize(plane, wide, high), round((wide - size) / 2), round((high - size) / 2), size);
}

/** The square of `size` whose corner is at (left, top); the result is a copy. */
export function cut<T extends Uint8Array | Float32Array>({ width, channels, data }: Plane<T>, left: number, top: number, size: number): Plane<T> {
  const result = like(data, size * size * channels);
  for (let y = 0; y < size; y += 1) {
    const start = ((top + y) * width + left) * channels;
    result.set(data.subarray(start, start + size * channels), y * size * channels);
  }
  return { width: size, height: size, channels, data: result };
}

/** Pillow's antialiased kernels: how far they reach and what they weigh. */
const kernels = {
  bilinear: { reach: 1, weigh: (x: number): number => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, weigh: bicubic },
  lanczos: { reach: 3, weigh: (x: number): number => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};
export type Kernel = keyof typeof kernels;

/**
 * One direction after the other, with values of the plane's own type between: along the rows first, or along the columns where far more
 * goes away there, as Pillow does from version 13 on (src/libImaging/Resample.c); older ones differ by one in some values of tall pictures.
 */
export function resize<T extends Uint8Array | Float32Array>(plane: Plane<T>, width: number, height: number, kernel: Kernel = 'bicubic'): Plane<T> {
  const columnsFirst = plane.height > height && plane.height - height > 2 * (plane.width - width);
  const across = (from: Plane<T>): Plane<T> => resizedAlong(from, 'rows', width, kernel);
  const down = (from: Plane<T>): Plane<T> => resizedAlong(from, 'columns', height, kernel);
  return columnsFirst ? across(down(plane)) : down(across(plane));
}

function resizedAlong<T extends Uint8Array | Float32Array>({ width, height, channels, data }: Plane<T>, direction: 'rows' | 'columns', to: number, kernel: Kernel): Plane<T> {
  if (direction === 'rows') {
    return { width: to, height, channels, data: along(data, kernel, { lines: height, lineStep: width * channels, step: channels, channels, from: width, to, outLineStep: to * channels, outStep: channels }) };
  }
  return { width, height: to, channels, data: along(data, kernel, { lines: width, lineStep: channels, step: width * channels, channels, from: height, to, outLineStep: channels, outStep: width * channels }) };
}

interface Axis {
  readonly lines: number;
  readonly lineStep: number;
  readonly step: number;
  readonly channels: number;
  readonly from: number;
  readonly to: number;
  readonly outLineStep: number;
  readonly outStep: number;
}

/** Every line of one axis from `from` to `to` values. */
function along<T extends Uint8Array | Float32Array>(data: T, kernel: Kernel, { lines, lineStep, step, channels, from, to, outLineStep, outStep }: Axis): T {
  if (from === to) return data;
  const rounded = data instanceof Uint8Array;
  const spans = spansOf(from, to, kernel).map(({ first, weights }) => ({ first, weights: rounded ? weights.map(toFixed) : weights }));
  const result = like(data, lines * to * channels);
  const half = 2 ** (PRECISION - 1);
  for (let line = 0; line < lines; line += 1) {
    for (let i = 0; i < to; i += 1) {
      const { first, weights } = spans[i]!;
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = rounded ? half : 0;
        let at = line * lineStep + first * step + channel;
        for (let k = 0; k < weights.length; k += 1, at += step) sum += weights[k]! * data[at]!;
        const value = rounded ? Math.min(255, Math.max(0, Math.floor(sum / 2 ** PRECISION))) : sum;
        result[line * outLineStep + i * outStep + channel] = value;
      }
    }
  }
  return result;
}

function toFixed(weight: number): number {
  const scaled = weight * 2 ** PRECISION;
  return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/** Weights of each output value; the kernel widens with the scale when shrinking. */
function spansOf(from: number, to: number, kernel: Kernel): Span[] {
  const { reach, weigh } = kernels[kernel];
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = reach * widening;
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = Float64Array.from({ length: end - first }, (__, i) => weigh((first + i - centre + 0.5) / widening));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Keys' kernel with a = -0.5. */
function bicubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

function like<T extends Uint8Array | Float32Array>(data: T, length: number): T;
function like(data: Uint8Array | Float32Array, length: number): Uint8Array | Float32Array {
  return data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}

/** The short side to `size` by a bilinear kernel without antialiasing, the other in proportion, floored. */
export function bilinearShortSide({ width, height, channels, data }: Plane<Uint8Array>, size: number): Plane<Float32Array> {
  const [wide, high] = width < height ? [size, Math.floor((height / width) * size)] : [Math.floor((width / height) * size), size];
  const [columns, rows] = [neighbours(width, wide), neighbours(height, high)];
  const result = new Float32Array(wide * high * channels);
  for (let y = 0; y < high; y += 1) {
    const row = rows[y]!;
    for (let x = 0; x < wide; x += 1) {
      const column = columns[x]!;
      for (let channel = 0; channel < channels; channel += 1) {
        const value = (line: number, place: number): number => data[(line * width + place) * channels + channel]!;
        const upper = value(row.low, column.low) * (1 - column.share) + value(row.low, column.high) * column.share;
        const lower = value(row.high, column.low) * (1 - column.share) + value(row.high, column.high) * column.share;
        result[(y * wide + x) * channels + channel] = upper * (1 - row.share) + lower * row.share;
      }
    }
  }
  return { width: wide, height: high, channels, data: result };
}

/** For each of `to` places the two of `from` that it lies between, and the share of the second. */
function neighbours(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, index) => {
    const at = Math.max(0, ((index + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(at), from - 1);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  });
}
