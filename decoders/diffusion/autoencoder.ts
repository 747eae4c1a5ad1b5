// The autoencoder of Stable Diffusion and its kin, in two halves as Optimum exports them, behind plain functions on float32 arrays.
// Knows ports, scaling and when a picture is taken in tiles; nothing of steps, prompts and files of pictures.

import { feedFor, floatsOf, inputPort } from '../../src/runtime/float16.ts';
import type { Session } from '../../src/runtime/sessions.ts';
import { AnymodalError } from '../../src/errors.ts';
import type { JsonSchema } from '../../src/contracts.ts';
import type { ExportedGraphs } from './exported-graphs.ts';
import { count } from './settings.ts';
import { inTiles, needsTiles } from './tiles.ts';
import type { Planes, Tiling } from './tiles.ts';

export interface AutoencoderConfig {
  readonly latentChannels: number;
  /** Pixels along one edge of a latent cell. */
  readonly factor: number;
  /** Latents as the UNet has them are the autoencoder's, less the shift, times this. */
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** Whether there is a file `vaeEncoder`, without which nothing can be edited. */
  readonly edits: boolean;
  /** Whether there is a file `tinyDecoder` for previews. */
  readonly tinyDecoder: boolean;
  /** Edge of a tile in pixels: the size that the autoencoder was trained at. */
  readonly tile: number;
}

const positive = { type: 'number', exclusiveMinimum: 0 } as const;

/** Schemas of the keys of `AutoencoderConfig`. */
export const autoencoderSchemas: Readonly<Record<keyof AutoencoderConfig, JsonSchema>> = {
  latentChannels: { ...count, default: 4 },
  factor: { ...count, default: 8, description: 'Pixels along one edge of a latent cell.' },
  scalingFactor: { ...positive, default: 0.18215, description: 'Of the autoencoder.' },
  shiftFactor: { type: 'number', default: 0, description: 'Of the autoencoder.' },
  edits: { type: 'boolean', default: true, description: 'Whether there is a file vaeEncoder.' },
  tinyDecoder: { type: 'boolean', default: false, description: 'Whether there is a file tinyDecoder, for previews.' },
  tile: { ...count, default: 512, description: 'Edge of a tile in pixels: the size that the autoencoder was trained at.' },
};

/** How large pictures are taken: `auto` in tiles where one is of more than `AUTO_TILES` tiles' area. */
export type Tiles = 'auto' | 'always' | 'never';
const AUTO_TILES = 4;

/** Schema of the option. */
export const tilesOption: JsonSchema = { type: 'string', enum: ['auto', 'always', 'never'], default: 'auto', description: 'Whether large pictures are decoded in tiles, which takes less memory.' };

/** Whether a picture of this size is taken in tiles. */
export function takesTiles(config: Pick<AutoencoderConfig, 'tile'>, tiles: Tiles, width: number, height: number): boolean {
  return tiles === 'always' || (tiles === 'auto' && width * height > AUTO_TILES * config.tile ** 2);
}

export interface Autoencoder {
  /** Planar pixels of a picture to its latents as the UNet has them: the mean that the autoencoder gives, not a draw. */
  readonly encode: (planar: Float32Array, latent: Planes, tiled?: boolean) => Promise<Float32Array>;
  /** Latents as the UNet has them to planar pixels, not clamped. */
  readonly decode: (latents: Float32Array, latent: Planes, tiled?: boolean) => Promise<Float32Array>;
  /** The same, quickly and roughly, by the tiny autoencoder; null without one. */
  readonly decodeRoughly: ((latents: Float32Array, latent: Planes) => Promise<Float32Array>) | null;
}

/** Opens the files `vaeDecoder` and, as the config says, `vaeEncoder` and `tinyDecoder`; `name` is for messages, `graphs` owns the sessions. */
export async function openAutoencoder(graphs: ExportedGraphs, name: string, config: AutoencoderConfig): Promise<Autoencoder> {
  const { scalingFactor, shiftFactor, latentChannels, factor } = config;
  const decoder = await graphs.open('vaeDecoder', ['latent_sample'], ['sample']);
  const encoder = config.edits ? await graphs.open('vaeEncoder', ['sample'], ['latent_parameters', 'latent_sample']) : null;
  const tiny = config.tinyDecoder ? await graphs.open('tinyDecoder', ['latent_sample'], ['sample']) : null;
  const cells = Math.max(1, Math.floor(config.tile / factor));
  const outward: Tiling = { from: cells, to: cells * factor, channels: 3 };
  const inward: Tiling = { from: cells * factor, to: cells, channels: latentChannels };

  const encodeTile = async (planar: Float32Array, shape: Planes): Promise<Float32Array> => {
    if (encoder === null) throw new AnymodalError('unsupported', `${name}: this model has no encoder of pictures and edits none.`);
    const results = await encoder.run({ sample: feedFor(inputPort(encoder, 'vaeEncoder', 'sample'), [1, ...shape], planar) });
    // Newer exports give mean and logarithm of the variance, older ones a mean alone.
    const given = floatsOf(results['latent_parameters'] ?? results['latent_sample'], 'latent_parameters').data;
    return given.subarray(0, (latentChannels * shape[1] * shape[2]) / factor ** 2);
  };
  const decodeTile = decodeBy(decoder, 'vaeDecoder');
  return {
    async encode(planar, [, rows, columns], tiled = false) {
      const shape: Planes = [3, rows * factor, columns * factor];
      const means = tiled && needsTiles(shape, inward) ? await inTiles(planar, shape, inward, encodeTile) : await encodeTile(planar, shape);
      return means.map((value) => (value - shiftFactor) * scalingFactor);
    },
    async decode(latents, latent, tiled = false) {
      const own = latents.map((value) => value / scalingFactor + shiftFactor);
      return tiled && needsTiles(latent, outward) ? inTiles(own, latent, outward, decodeTile) : decodeTile(own, latent);
    },
    decodeRoughly: tiny === null ? null : decodeBy(tiny, 'tinyDecoder'),
  };
}

function decodeBy(session: Session, file: string): (latents: Float32Array, latent: Planes) => Promise<Float32Array> {
  return async (latents, latent) => {
    const results = await session.run({ latent_sample: feedFor(inputPort(session, file, 'latent_sample'), [1, ...latent], latents) });
    return floatsOf(results['sample'], 'sample').data;
  };
}
