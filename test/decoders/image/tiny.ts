// The tiny graphs with random weights as a decoder of pictures, and requests for it.

import { fileURLToPath } from 'node:url';
import { encodeImage } from '../../../media/index.ts';
import type { ComponentSource, Context, DecodeRequest, Decoder, DecodePreview, DecodeProgress, Media, Random, Tensor } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';

export const tinyConfig = {
  latent: [4, 16, 16],
  factor: 8,
  tokens: [16, 24],
  prediction: 'flow',
  timestepScale: 0.001,
  steps: 3,
  guidanceScale: 2,
  schedulers: { 'flow-match-euler': { shift: 1.5, timestepSpacing: 'trailing' } },
} as const;

const files: Readonly<Record<string, string>> = { transformer: 'transformer.onnx', latentEncoder: 'latent-encoder.onnx', latentDecoder: 'latent-decoder.onnx' };

export function tinySource(config: Readonly<Record<string, unknown>> = tinyConfig, replaced: Readonly<Record<string, string>> = {}): ComponentSource {
  return {
    name: 'image-decoder',
    config,
    device: 'cpu',
    path: (file) => fileURLToPath(new URL(`../../fixtures/tiny/image/${replaced[file] ?? files[file] ?? file}`, import.meta.url)),
  };
}

/** Tokens that differ by `phase`. */
export function tokens(phase = 0): { tokens: Tensor } {
  return { tokens: { shape: [16, 24], data: Float32Array.from({ length: 16 * 24 }, (_, i) => Math.sin(0.1 * i + phase)) } };
}

export function request(changes: Partial<DecodeRequest> = {}): DecodeRequest {
  return { conditioning: tokens(), negative: null, references: [], companions: {}, options: {}, provenance: null, ...changes };
}

export function context(random: Random | number = 1, signal: AbortSignal = new AbortController().signal): Context & { warnings: string[] } {
  const warnings: string[] = [];
  return { signal, random: typeof random === 'number' ? createRandom(random) : random, warnings, warn: (code) => void warnings.push(code) };
}

export type Made = { media: Media; progress: DecodeProgress[]; previews: DecodePreview[]; warnings: string[] };

/** Everything a decoder says about one request. */
export async function make(decoder: Decoder, changes: Partial<DecodeRequest> = {}, random: Random | number = 1): Promise<Made> {
  const given = context(random);
  const progress: DecodeProgress[] = [];
  const previews: DecodePreview[] = [];
  let media: Media | null = null;
  for await (const event of decoder.decode(request(changes), given)) {
    if (event.type === 'progress') progress.push(event);
    else if (event.type === 'preview') previews.push(event);
    else media = event.media;
  }
  if (media === null) throw new Error('no medium came');
  return { media, progress, previews, warnings: given.warnings };
}

/** A png of one function of x and y in 0..1 to RGB 0..255. */
export async function picture(width: number, height: number, paint: (x: number, y: number) => [number, number, number]): Promise<Media> {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) pixels.set(paint(x / width, y / height), 3 * (y * width + x));
  return encodeImage({ width, height, pixels }, { format: 'png', provenance: null, mark: false });
}
