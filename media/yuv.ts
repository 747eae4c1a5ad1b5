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
  const at = (x: number, y: number): number => (Math.min(y, from.height - 1) * from.width + Math.min(x, from.width - 1)) * 3;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = at(x, y);
      data[y * width + x] = Math.round(16 + (65.481 * pixels[i]! + 128.553 * pixels[i + 1]! + 24.966 * pixels[i + 2]!) / 255);
    }
  }
  const [u, v] = [width * height, width * height + halfWidth * halfHeight];
  for (let y = 0; y < halfHeight; y += 1) {
    for (let x = 0; x < halfWidth; x += 1) {
      let [red, green, blue] = [0, 0, 0];
      for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
        const i = at(x * 2 + dx, y * 2 + dy);
        red += pixels[i]! / 4;
        green += pixels[i + 1]! / 4;
        blue += pixels[i + 2]! / 4;
      }
      const i = y * halfWidth + x;
      data[u + i] = Math.round(128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255);
      data[v + i] = Math.round(128 + (112 * red - 93.786 * green - 18.214 * blue) / 255);
    }
  }
  return { width, height, data };
}
