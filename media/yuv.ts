// Pictures in RGB to the planes that video codecs take. Knows colour, no codec.
// Source: ITU-R BT.601-7, section 2.5; limited range, as every player expects.

export interface Planes {
  readonly width: number;
  readonly height: number;
  /** Y [height, width], then U and V [ceil(height / 2), ceil(width / 2)]. */
  readonly data: Uint8Array;
}

/**
 * Y'CbCr 4:2:0 with chroma averaged over each square of four pixels.
 * @param pixels [height, width, 3] uint8; edges are repeated where `width` or `height` of the result is larger.
 */
export function toPlanes(pixels: Uint8Array, from: { readonly width: number; readonly height: number }, size: { readonly width: number; readonly height: number }): Planes {
  const { width, height } = size;
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const data = new Uint8Array(width * height + 2 * halfWidth * halfHeight);
  // Where a column or row of the result lies in the picture, the last one for what lies beyond.
  const columns = Int32Array.from({ length: halfWidth * 2 }, (_, x) => Math.min(x, from.width - 1) * 3);
  const rows = Int32Array.from({ length: halfHeight * 2 }, (_, y) => Math.min(y, from.height - 1) * from.width * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = rows[y]! + columns[x]!;
      data[y * width + x] = Math.round(16 + (65.481 * pixels[i]! + 128.553 * pixels[i + 1]! + 24.966 * pixels[i + 2]!) / 255);
    }
  }
  const [u, v] = [width * height, width * height + halfWidth * halfHeight];
  for (let y = 0; y < halfHeight; y += 1) {
    const [upper, lower] = [rows[y * 2]!, rows[y * 2 + 1]!];
    for (let x = 0; x < halfWidth; x += 1) {
      const [left, right] = [columns[x * 2]!, columns[x * 2 + 1]!];
      const [a, b, c, d] = [upper + left, upper + right, lower + left, lower + right];
      const red = (pixels[a]! + pixels[b]! + pixels[c]! + pixels[d]!) / 4;
      const green = (pixels[a + 1]! + pixels[b + 1]! + pixels[c + 1]! + pixels[d + 1]!) / 4;
      const blue = (pixels[a + 2]! + pixels[b + 2]! + pixels[c + 2]! + pixels[d + 2]!) / 4;
      const i = y * halfWidth + x;
      data[u + i] = Math.round(128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255);
      data[v + i] = Math.round(128 + (112 * red - 93.786 * green - 18.214 * blue) / 255);
    }
  }
  return { width, height, data };
}
