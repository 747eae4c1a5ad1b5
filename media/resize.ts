// Resizing of 8-bit pixels over a background colour, by an antialiased Lanczos kernel of three lobes.
// Plain functions, equal to Pillow's `resize(..., LANCZOS)` within a step of 8 bits, as training/encoder/preprocess.py uses it; knows no file format.

export interface PixelSource {
  readonly width: number;
  readonly height: number;
  /** 3 is RGB, 4 is RGBA with alpha not premultiplied. */
  readonly channels: 3 | 4;
  /** [height, width, channels], uint8, sRGB. */
  readonly pixels: Uint8Array;
}

export type Fit = 'cover' | 'contain' | 'fill';

export interface Target {
  readonly width: number;
  readonly height: number;
  /** `contain` shows the whole picture on background, `cover` fills the target and cuts, `fill` stretches. */
  readonly fit: Fit;
  /** RGB 0 to 255, behind transparent pixels and around a contained picture. */
  readonly background: readonly [number, number, number];
}

/** Where one axis of the picture goes: source interval [from, to) onto output pixels [start, start + size). */
interface Placement {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly size: number;
}

/** The source pixels that one output pixel is a weighted mean of. */
interface Span {
  readonly first: number;
  readonly weights: Float32Array;
}

const LOBES = 3;
// A picture of far more pixels than are wanted is first averaged in whole boxes, leaving this many pixels a side for each that is wanted:
// Pillow's `reducing_gap`, a tenth of the work of the kernel alone. Up to twice this shrinking the kernel sees every pixel.
const GAP = 4;

/**
 * [height, width, 3] uint8. Transparency is flattened first, then columns, then rows are resized, with 8 bits kept between as Pillow does.
 * Beyond eightfold shrinking, boxes of pixels are averaged before. A contained picture has sides of round(side * scale) pixels, at least 1, centred, floor towards the top left; `cover` cuts its middle.
 */
export function resizePixels(given: PixelSource, target: Target): Uint8Array {
  const [acrossGiven, downGiven] = placements(given, target);
  const [wide, high] = [boxFactor(acrossGiven), boxFactor(downGiven)];
  const source = wide > 1 || high > 1 ? reduceBoxes(given, wide, high, target.background) : given;
  const across = { ...acrossGiven, from: acrossGiven.from / wide, to: acrossGiven.to / wide };
  const down = { ...downGiven, from: downGiven.from / high, to: downGiven.to / high };
  const columns = spans(across, source.width);
  const rows = spans(down, source.height);
  const result = new Uint8ClampedArray(target.width * target.height * 3);
  for (let i = 0; i < result.length; i += 3) result.set(target.background, i);
  const sums = new Float32Array(down.size * across.size * 3);
  const line = new Uint8ClampedArray(across.size * 3);
  const flat = new Uint8ClampedArray(source.width * 3);
  let from = 0;
  for (let y = rows[0]!.first; y < spanEnd(rows.at(-1)!); y++) {
    flatten(source, y, target.background, flat);
    reduceLine(flat, columns, line);
    // Both ends of the spans ascend, so the output rows that this line belongs to follow one another.
    while (from < rows.length && spanEnd(rows[from]!) <= y) from++;
    for (let row = from; row < rows.length && rows[row]!.first <= y; row++) {
      const weight = rows[row]!.weights[y - rows[row]!.first]!;
      const at = row * line.length;
      for (let i = 0; i < line.length; i++) sums[at + i]! += weight * line[i]!;
    }
  }
  for (let row = 0; row < down.size; row++) {
    result.set(sums.subarray(row * line.length, (row + 1) * line.length), ((down.start + row) * target.width + across.start) * 3);
  }
  return new Uint8Array(result.buffer);
}

function placements(source: PixelSource, target: Target): [Placement, Placement] {
  const [horizontal, vertical] = [target.width / source.width, target.height / source.height];
  if (target.fit === 'contain') {
    const scale = Math.min(horizontal, vertical);
    return [contained(source.width, target.width, scale), contained(source.height, target.height, scale)];
  }
  const scale = target.fit === 'cover' ? Math.max(horizontal, vertical) : null;
  return [filled(source.width, target.width, scale ?? horizontal), filled(source.height, target.height, scale ?? vertical)];
}

function contained(length: number, size: number, scale: number): Placement {
  const part = Math.min(Math.max(roundHalfEven(length * scale), 1), size);
  return { from: 0, to: length, start: Math.floor((size - part) / 2), size: part };
}

function filled(length: number, size: number, scale: number): Placement {
  const window = Math.min(size / scale, length);
  return { from: (length - window) / 2, to: (length + window) / 2, start: 0, size };
}

/** As Python rounds, so that training and use agree on a picture's sides. */
function roundHalfEven(value: number): number {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

/** Weights per output pixel; the kernel widens with the scale when shrinking and keeps its size when enlarging. */
function spans({ from, to, size }: Placement, length: number): Span[] {
  const scale = (to - from) / size;
  const widening = Math.max(scale, 1);
  return Array.from({ length: size }, (_, index) => {
    const centre = from + (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - LOBES * widening + 0.5), 0);
    const end = Math.min(Math.trunc(centre + LOBES * widening + 0.5), length);
    const weights = Float32Array.from({ length: end - first }, (__, i) => lanczos((first + i + 0.5 - centre) / widening));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Side of the boxes that are averaged before the kernel. */
function boxFactor({ from, to, size }: Placement): number {
  return Math.max(Math.floor((to - from) / size / GAP), 1);
}

/** Means of boxes of `wide` x `high` pixels over the background; the last box of a line or column may hold fewer. */
function reduceBoxes(source: PixelSource, wide: number, high: number, background: readonly number[]): PixelSource {
  const width = Math.ceil(source.width / wide);
  const height = Math.ceil(source.height / high);
  const pixels = new Uint8ClampedArray(width * height * 3);
  const flat = new Uint8ClampedArray(source.width * 3);
  const sums = new Float64Array(width * 3);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    const end = Math.min((row + 1) * high, source.height);
    for (let y = row * high; y < end; y++) {
      flatten(source, y, background, flat);
      for (let column = 0, at = 0; column < width; column++) {
        const last = Math.min((column + 1) * wide, source.width) * 3;
        for (; at < last; at += 3) {
          sums[column * 3]! += flat[at]!;
          sums[column * 3 + 1]! += flat[at + 1]!;
          sums[column * 3 + 2]! += flat[at + 2]!;
        }
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const across = Math.min(wide, source.width - Math.floor(i / 3) * wide);
      pixels[row * sums.length + i] = sums[i]! / (across * (end - row * high));
    }
  }
  return { width, height, channels: 3, pixels: new Uint8Array(pixels.buffer) };
}

function lanczos(x: number): number {
  if (Math.abs(x) >= LOBES) return 0;
  return sinc(x) * sinc(x / LOBES);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function spanEnd(span: Span): number {
  return span.first + span.weights.length;
}

/** One source line over the background: c a + b (1 - a). */
function flatten(source: PixelSource, y: number, background: readonly number[], flat: Uint8ClampedArray): void {
  const { width, channels, pixels } = source;
  if (channels === 3) {
    flat.set(pixels.subarray(y * width * 3, (y + 1) * width * 3));
    return;
  }
  for (let x = 0, from = y * width * 4; x < width * 3; x += 3, from += 4) {
    const alpha = pixels[from + 3]! / 255;
    for (let c = 0; c < 3; c++) flat[x + c] = pixels[from + c]! * alpha + background[c]! * (1 - alpha);
  }
}

function reduceLine(flat: Uint8ClampedArray, columns: readonly Span[], line: Uint8ClampedArray): void {
  for (let column = 0; column < columns.length; column++) {
    const { first, weights } = columns[column]!;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let i = 0, at = first * 3; i < weights.length; i++, at += 3) {
      const weight = weights[i]!;
      red += weight * flat[at]!;
      green += weight * flat[at + 1]!;
      blue += weight * flat[at + 2]!;
    }
    line[column * 3] = red;
    line[column * 3 + 1] = green;
    line[column * 3 + 2] = blue;
  }
}
