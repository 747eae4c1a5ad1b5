// Pixels as files have them and as graphs take them, masks and small previews. Plain functions on arrays.
// "Interleaved" is uint8 [height, width, 3]; "planar" is float32 [3, height, width] in -1..1.

/** Interleaved 0..255 to planar -1..1. */
export function toPlanar(pixels: Uint8Array): Float32Array {
  const area = pixels.length / 3;
  const planar = new Float32Array(pixels.length);
  for (let i = 0; i < area; i += 1) for (let c = 0; c < 3; c += 1) planar[c * area + i] = pixels[3 * i + c]! / 127.5 - 1;
  return planar;
}

/** Planar -1..1, clamped, to interleaved 0..255. */
export function fromPlanar(planar: Float32Array): Uint8ClampedArray {
  const area = planar.length / 3;
  const pixels = new Uint8ClampedArray(planar.length);
  for (let i = 0; i < area; i += 1) for (let c = 0; c < 3; c += 1) pixels[3 * i + c] = (planar[c * area + i]! + 1) * 127.5;
  return pixels;
}

/** Interleaved pixels to how much each may change, 0..1 by lightness: [height * width]. */
export function maskOf(pixels: Uint8Array): Float32Array {
  return Float32Array.from({ length: pixels.length / 3 }, (_, i) => (0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!) / 255);
}

/** A pixel mask to latent cells: 1 where any pixel of the cell may change at least by half, else 0; [rows * columns]. */
export function shrinkMask(mask: Float32Array, rows: number, columns: number, factor: number): Float32Array {
  const cells = new Float32Array(rows * columns);
  const width = columns * factor;
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i]! < 0.5) continue;
    cells[Math.floor(Math.floor(i / width) / factor) * columns + Math.floor((i % width) / factor)] = 1;
  }
  return cells;
}

/** `made` where the mask is 1, `original` where it is 0, exactly; interleaved. */
export function composite(made: Uint8ClampedArray, original: Uint8Array, mask: Float32Array): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(made.length);
  for (let i = 0; i < pixels.length; i += 1) {
    const share = mask[Math.floor(i / 3)]!;
    pixels[i] = share * made[i]! + (1 - share) * original[i]!;
  }
  return pixels;
}

/** Interleaved pixels at half the size, the mean of four. Width and height are even. */
export function halve(pixels: Uint8ClampedArray, width: number, height: number): Uint8ClampedArray {
  const half = new Uint8ClampedArray(pixels.length / 4);
  const at = (x: number, y: number, c: number): number => pixels[3 * (y * width + x) + c]!;
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      for (let c = 0; c < 3; c += 1) {
        half[3 * ((y / 2) * (width / 2) + x / 2) + c] = (at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c)) / 4;
      }
    }
  }
  return half;
}

/** Latents [c, area] to interleaved pixels, a pixel a cell, by a linear map of the channels to RGB in -1..1. */
export function linearPreview(latents: Float32Array, map: { readonly matrix: readonly (readonly number[])[]; readonly offset: readonly number[] }): Uint8ClampedArray {
  const area = latents.length / map.matrix.length;
  const planar = new Float32Array(3 * area);
  for (let rgb = 0; rgb < 3; rgb += 1) {
    for (let i = 0; i < area; i += 1) {
      planar[rgb * area + i] = map.matrix.reduce((sum, row, channel) => sum + row[rgb]! * latents[channel * area + i]!, map.offset[rgb]!);
    }
  }
  return fromPlanar(planar);
}

/** Planar pixels [3, height, width] at another size, each pixel the mean of what it covers. */
export function resizePlanar(planar: Float32Array, width: number, height: number, columns: number, rows: number): Float32Array {
  const across = spansOf(width, columns);
  const down = spansOf(height, rows);
  const resized = new Float32Array(3 * rows * columns);
  for (let c = 0; c < 3; c += 1) {
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        let sum = 0;
        for (const [y, high] of down[row]!) for (const [x, wide] of across[column]!) sum += high * wide * planar[(c * height + y) * width + x]!;
        resized[(c * rows + row) * columns + column] = sum;
      }
    }
  }
  return resized;
}

/** For each of `cells` equal parts of a line of `length` pixels: the pixels that it covers with their shares. */
function spansOf(length: number, cells: number): [number, number][][] {
  const wide = length / cells;
  return Array.from({ length: cells }, (_, cell) => {
    const [from, to] = [cell * wide, (cell + 1) * wide];
    const spans: [number, number][] = [];
    for (let at = Math.floor(from); at < Math.min(length, Math.ceil(to)); at += 1) spans.push([at, (Math.min(to, at + 1) - Math.max(from, at)) / wide]);
    return spans;
  });
}

/** Differences of a channel (of 2) below which a place counts as left alone, and above which as changed. */
const LEFT_ALONE = 0.1;
const CHANGED = 0.3;

/**
 * The detail of the original put back where an edit left it alone: what an autoencoder loses of it is added where the edited picture
 * and the original, both from the decoder, are alike. All planar -1..1 of the same size; not clamped.
 */
export function withDetail(edited: Float32Array, original: Float32Array, autoencoded: Float32Array, width: number, height: number): Float32Array {
  const area = width * height;
  const apart = new Float32Array(area);
  for (let i = 0; i < edited.length; i += 1) apart[i % area] = Math.max(apart[i % area]!, Math.abs(edited[i]! - autoencoded[i]!));
  const detailed = edited.slice();
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let sum = 0;
      let count = 0;
      for (let v = Math.max(0, y - 2); v <= Math.min(height - 1, y + 2); v += 1) {
        for (let u = Math.max(0, x - 2); u <= Math.min(width - 1, x + 2); u += 1) {
          sum += apart[v * width + u]!;
          count += 1;
        }
      }
      const share = Math.min(1, Math.max(0, (CHANGED - sum / count) / (CHANGED - LEFT_ALONE)));
      for (let i = y * width + x; i < edited.length; i += area) detailed[i]! += share * (original[i]! - autoencoded[i]!);
    }
  }
  return detailed;
}
