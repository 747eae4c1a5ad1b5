// A map of pictures to pictures, in overlapping tiles whose seams are blended, so that memory does not grow with the picture.
// Knows planes and seams; nothing of graphs. Source: diffusers AutoencoderKL.tiled_decode and tiled_encode, whose result it equals.

/** Channels, rows and columns of planes. */
export type Planes = readonly [number, number, number];

/** Share of a tile's edge that lies on its neighbour. */
const OVERLAP = 0.25;

export interface Tiling {
  /** Edge of a tile that goes in, and of what comes out of it. */
  readonly from: number;
  readonly to: number;
  /** Channels that come out. */
  readonly channels: number;
}

/** Whether planes are larger than one tile. */
export function needsTiles([, rows, columns]: Planes, { from }: Pick<Tiling, 'from'>): boolean {
  return rows > from || columns > from;
}

interface Tile {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * `run` over tiles of `planes`, put together; `run` keeps the proportion of `to` to `from`. Rows and columns that come out are those that
 * go in times that proportion. Holds two rows of tiles at a time.
 */
export async function inTiles(planes: Float32Array, shape: Planes, tiling: Tiling, run: (tile: Float32Array, shape: Planes) => Promise<Float32Array>): Promise<Float32Array> {
  const [inChannels, rows, columns] = shape;
  const { from, to, channels } = tiling;
  const scaled = (length: number): number => (length * to) / from;
  const stride = Math.floor(from * (1 - OVERLAP));
  const seam = Math.floor(to * OVERLAP);
  const limit = to - seam;
  const whole = { rows: scaled(rows), columns: scaled(columns) };
  const out = new Float32Array(channels * whole.rows * whole.columns);
  let above: Tile[] = [];
  for (let top = 0, down = 0; top < rows; top += stride, down += limit) {
    const line: Tile[] = [];
    for (let left = 0, across = 0; left < columns; left += stride, across += limit) {
      const part = [inChannels, Math.min(from, rows - top), Math.min(from, columns - left)] as const;
      const tile: Tile = { data: (await run(cut(planes, shape, top, left, part), part)).slice(), rows: scaled(part[1]), columns: scaled(part[2]) };
      const [upper, before] = [above[line.length], line.at(-1)];
      if (upper !== undefined) blendRows(upper, tile, channels, seam);
      if (before !== undefined) blendColumns(before, tile, channels, seam);
      paste(tile, out, channels, whole, down, across, limit);
      line.push(tile);
    }
    above = line;
  }
  return out;
}

function cut(planes: Float32Array, [channels, rows, columns]: Planes, top: number, left: number, [, height, width]: Planes): Float32Array {
  const part = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c += 1) {
    for (let y = 0; y < height; y += 1) {
      const at = (c * rows + top + y) * columns + left;
      part.set(planes.subarray(at, at + width), (c * height + y) * width);
    }
  }
  return part;
}

/** The first rows of `tile` from the last ones of the tile above; in place, for the next tiles are blended with what came of it. */
function blendRows(above: Tile, tile: Tile, channels: number, seam: number): void {
  const extent = Math.min(above.rows, tile.rows, seam);
  const width = Math.min(above.columns, tile.columns);
  for (let c = 0; c < channels; c += 1) {
    for (let y = 0; y < extent; y += 1) {
      const share = y / extent;
      const other = (c * above.rows + above.rows - extent + y) * above.columns;
      const own = (c * tile.rows + y) * tile.columns;
      for (let x = 0; x < width; x += 1) tile.data[own + x] = above.data[other + x]! * (1 - share) + tile.data[own + x]! * share;
    }
  }
}

function blendColumns(before: Tile, tile: Tile, channels: number, seam: number): void {
  const extent = Math.min(before.columns, tile.columns, seam);
  for (let line = 0; line < channels * tile.rows; line += 1) {
    const other = line * before.columns + before.columns - extent;
    const own = line * tile.columns;
    for (let x = 0; x < extent; x += 1) {
      const share = x / extent;
      tile.data[own + x] = before.data[other + x]! * (1 - share) + tile.data[own + x]! * share;
    }
  }
}

/** What a tile shows of the whole: all but what the next tiles have blended. */
function paste(tile: Tile, out: Float32Array, channels: number, whole: { rows: number; columns: number }, top: number, left: number, limit: number): void {
  const [height, width] = [Math.min(limit, tile.rows), Math.min(limit, tile.columns)];
  for (let c = 0; c < channels; c += 1) {
    for (let y = 0; y < height; y += 1) {
      const at = (c * tile.rows + y) * tile.columns;
      out.set(tile.data.subarray(at, at + width), (c * whole.rows + top + y) * whole.columns + left);
    }
  }
}
