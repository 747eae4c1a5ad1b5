// Area-mean resize of 8-bit pixels over a background colour.
// A plain function of its arguments, the same as training/encoder/preprocess.py; knows no file format.

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

/** Which source pixels one output pixel is the mean of; the rest of its area, if any, is background. */
interface Span {
  readonly first: number;
  readonly weights: Float32Array;
  /** Sum of the weights, 1 where the picture covers the whole output pixel. */
  readonly cover: number;
}

/**
 * [height, width, 3] uint8. Output pixel i is the mean of the source over [i s, (i + 1) s) with s = window / size, partial pixels by their
 * share, when shrinking and when enlarging alike. A contained or covering picture is centred on a whole pixel, floor towards the top left.
 */
export function resizeArea(source: PixelSource, target: Target): Uint8Array {
  const [windowWidth, windowHeight] = windowSize(source, target);
  const columns = spans(source.width, windowWidth, target.width);
  const rows = spans(source.height, windowHeight, target.height);
  const sums = new Float32Array(target.width * target.height * 3);
  const line = new Float32Array(target.width * 3);
  const flat = new Float32Array(source.width * 3);
  const [firstRow, endRow] = extent(rows);
  let from = 0;
  for (let y = firstRow; y < endRow; y++) {
    flatten(source, y, target.background, flat);
    reduceLine(flat, columns, target.background, line);
    while (from < rows.length && spanEnd(rows[from]!) <= y) from++;
    for (let row = from; row < rows.length && rows[row]!.first <= y; row++) {
      const weight = rows[row]!.weights[y - rows[row]!.first] ?? 0;
      const at = row * line.length;
      for (let i = 0; i < line.length; i++) sums[at + i]! += weight * line[i]!;
    }
  }
  const result = new Uint8ClampedArray(sums.length);
  for (let row = 0; row < rows.length; row++) {
    const rest = 1 - rows[row]!.cover;
    for (let i = row * line.length; i < (row + 1) * line.length; i++) result[i] = sums[i]! + rest * target.background[i % 3]!;
  }
  return new Uint8Array(result.buffer);
}

/** Size in source pixels of what the target shows. */
function windowSize(source: PixelSource, target: Target): [number, number] {
  if (target.fit === 'fill') return [source.width, source.height];
  const across = source.width / target.width;
  const down = source.height / target.height;
  const scale = target.fit === 'contain' ? Math.max(across, down) : Math.min(across, down);
  return [scale === across ? source.width : scale * target.width, scale === down ? source.height : scale * target.height];
}

function spans(length: number, window: number, size: number): Span[] {
  const offset = Math.floor(Math.abs(window - length) / 2) * Math.sign(window - length);
  const scale = window / size;
  return Array.from({ length: size }, (_, index) => {
    const start = Math.max(index * scale - offset, 0);
    const end = Math.min((index + 1) * scale - offset, length);
    if (end <= start) return { first: 0, weights: new Float32Array(0), cover: 0 };
    const first = Math.min(Math.floor(start), length - 1);
    const weights = new Float32Array(Math.ceil(end) - first);
    for (let i = 0; i < weights.length; i++) weights[i] = (Math.min(end, first + i + 1) - Math.max(start, first + i)) / scale;
    return { first, weights, cover: Math.min((end - start) / scale, 1) };
  });
}

function spanEnd(span: Span): number {
  return span.first + span.weights.length;
}

function extent(list: readonly Span[]): [number, number] {
  const used = list.filter((span) => span.weights.length > 0);
  return [used[0]?.first ?? 0, used.length === 0 ? 0 : spanEnd(used.at(-1)!)];
}

/** One source line over the background, in float: c a + b (1 - a). */
function flatten(source: PixelSource, y: number, background: readonly number[], flat: Float32Array): void {
  const { width, channels, pixels } = source;
  let from = y * width * channels;
  for (let x = 0; x < width * 3; x += 3, from += channels) {
    const alpha = channels === 4 ? pixels[from + 3]! / 255 : 1;
    for (let c = 0; c < 3; c++) flat[x + c] = pixels[from + c]! * alpha + background[c]! * (1 - alpha);
  }
}

function reduceLine(flat: Float32Array, columns: readonly Span[], background: readonly number[], line: Float32Array): void {
  for (let column = 0; column < columns.length; column++) {
    const { first, weights, cover } = columns[column]!;
    let red = (1 - cover) * background[0]!;
    let green = (1 - cover) * background[1]!;
    let blue = (1 - cover) * background[2]!;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i]!;
      const at = (first + i) * 3;
      red += weight * flat[at]!;
      green += weight * flat[at + 1]!;
      blue += weight * flat[at + 2]!;
    }
    line[column * 3] = red;
    line[column * 3 + 1] = green;
    line[column * 3 + 2] = blue;
  }
}
