// Pictures in tiles against diffusers' autoencoder with tiling on, on the same random weights (training/fixtures/zeroscope.py).

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openAutoencoder, takesTiles } from '../../../decoders/diffusion/autoencoder.ts';
import { exportedGraphs } from '../../../decoders/diffusion/exported-graphs.ts';
import { inTiles, needsTiles } from '../../../decoders/diffusion/tiles.ts';
import type { ComponentSource } from '../../../src/contracts.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { difference } from '../image/stable-diffusion-fixture.ts';
import type { Stored } from '../image/stable-diffusion-fixture.ts';

const root = new URL('../../fixtures/zeroscope/', import.meta.url);
const { tiles }: { tiles: { decoded: Stored; encoded: Stored; apart: number } } = JSON.parse(readFileSync(new URL('reference.json', root), 'utf8'));
const folders: Readonly<Record<string, string>> = { vaeDecoder: 'vae_decoder', vaeEncoder: 'vae_encoder' };
const source: ComponentSource = { name: 'decoder', config: {}, device: 'cpu', path: (file) => fileURLToPath(new URL(`bundle/${folders[file] ?? file}/model.onnx`, root)) };
const config = { latentChannels: 4, factor: 8, scalingFactor: 1, shiftFactor: 0, edits: true, tinyDecoder: false, tile: 64 };

afterAll(() => expect(openSessionCount()).toBe(0));

/** [channels, rows, columns] in -1..1, as the script makes it. */
function pattern(channels: number, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: channels * rows * columns }, (_, i) => {
    const [x, y, c] = [i % columns, Math.floor(i / columns) % rows, Math.floor(i / columns / rows)];
    return ((x * 7 + y * 13 + c * 50) % 256) / 127.5 - 1;
  });
}

test('decoding and encoding in tiles equal those of diffusers', async () => {
  const graphs = exportedGraphs(source);
  try {
    const { decode, encode } = await openAutoencoder(graphs, 'decoder', config);
    const latents = pattern(4, 9, 14).map((value) => 2 * value);
    const [tiled, whole] = [await decode(latents, [4, 9, 14], true), await decode(latents, [4, 9, 14])];
    expect(difference(tiled.filter((_, i) => i % 5 === 0), tiles.decoded)).toBeLessThan(1e-3);
    const apart = tiled.reduce((most, value, i) => Math.max(most, Math.abs(value - whole[i]!)), 0);
    expect(apart).toBeCloseTo(tiles.apart, 3);
    expect(apart).toBeGreaterThan(0.01);
    expect(difference(await encode(pattern(3, 72, 112), [4, 9, 14], true), tiles.encoded)).toBeLessThan(1e-3);
    // One tile is the whole.
    expect(await decode(latents.subarray(0, 4 * 64), [4, 8, 8], true)).toEqual(await decode(latents.subarray(0, 4 * 64), [4, 8, 8]));
  } finally {
    await graphs.release();
  }
});

describe('without a graph', () => {
  test('tiles of what is the same everywhere put it together again, and no tile is larger than asked for', async () => {
    const seen: string[] = [];
    const planes = Float32Array.from({ length: 2 * 11 * 19 }, (_, i) => (i < 11 * 19 ? 3 : -1));
    const out = await inTiles(planes, [2, 11, 19], { from: 8, to: 16, channels: 1 }, async (tile, [, rows, columns]) => {
      seen.push(`${rows}x${columns}`);
      return new Float32Array(4 * rows * columns).fill(tile[0]! + tile.at(-1)!);
    });
    expect(seen).toEqual(['8x8', '8x8', '8x7', '8x1', '5x8', '5x8', '5x7', '5x1']);
    expect(out).toEqual(new Float32Array(22 * 38).fill(2));
  });

  test('large pictures alone are taken in tiles of themselves', () => {
    expect([[8, 8], [8, 9]].map(([rows, columns]) => needsTiles([4, rows!, columns!], { from: 8 }))).toEqual([false, true]);
    expect([1024, 1032].map((width) => takesTiles({ tile: 512 }, 'auto', width, 1024))).toEqual([false, true]);
    expect([takesTiles({ tile: 512 }, 'never', 4096, 4096), takesTiles({ tile: 512 }, 'always', 64, 64)]).toEqual([false, true]);
  });
});
