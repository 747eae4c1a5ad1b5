// The tiny graphs with random weights as a decoder of videos, and videos for it.

import { fileURLToPath } from 'node:url';
import { encodeVideo } from '../../../media/index.ts';
import type { VideoFormat } from '../../../media/index.ts';
import type { ComponentSource, Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Media, Random } from '../../../src/contracts.ts';
import { context, request, tinyConfig as image } from '../image/tiny.ts';

export const tinyConfig = {
  image,
  frames: 16,
  fps: 8,
  differenceScale: 1.5,
  prediction: 'flow',
  timestepScale: 0.001,
  steps: 2,
  guidanceScale: 2,
  schedulers: { 'flow-match-euler': { timestepSpacing: 'trailing' } },
} as const;

const files: Readonly<Record<string, string>> = {
  transformer: 'video/transformer.onnx',
  imageTransformer: 'image/transformer.onnx',
  latentEncoder: 'image/latent-encoder.onnx',
  latentDecoder: 'image/latent-decoder.onnx',
};

export function tinySource(config: Readonly<Record<string, unknown>> = tinyConfig, replaced: Readonly<Record<string, string>> = {}): ComponentSource {
  return {
    name: 'video-decoder',
    config,
    device: 'cpu',
    path: (file) => fileURLToPath(new URL(`../../fixtures/tiny/${replaced[file] ?? files[file] ?? file}`, import.meta.url)),
  };
}

export type Made = { result: DecodeResult; media: Media; progress: DecodeProgress[]; previews: DecodePreview[]; warnings: string[] };

/** Everything a decoder says about one request. */
export async function makeVideo(decoder: Decoder, changes: Partial<DecodeRequest> = {}, given: Context & { warnings: string[] } = context()): Promise<Made> {
  const progress: DecodeProgress[] = [];
  const previews: DecodePreview[] = [];
  let result: DecodeResult | null = null;
  for await (const event of decoder.decode(request(changes), given)) {
    if (event.type === 'progress') progress.push(event);
    else if (event.type === 'preview') previews.push(event);
    else result = event;
  }
  if (result === null) throw new Error('no medium came');
  return { result, media: result.media, progress, previews, warnings: given.warnings };
}

/** A context whose draws are counted. */
export function counting(random: Random): { random: Random; drawn: number[]; forks: string[] } {
  const [drawn, forks]: [number[], string[]] = [[], []];
  return { drawn, forks, random: { ...random, normal: (count) => (drawn.push(count), random.normal(count)), fork: (label) => (forks.push(label), random.fork(label)) } };
}

/** A video of one function of x, y and time, each in 0..1, to RGB 0..255. */
export async function clip(frames: number, fps: number, paint: (x: number, y: number, t: number) => [number, number, number], format: VideoFormat = 'webp', size = 128): Promise<Media> {
  const drawn = Array.from({ length: frames }, (_, frame) => {
    const pixels = new Uint8Array(size * size * 3);
    for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) pixels.set(paint(x / size, y / size, frame / frames), 3 * (y * size + x));
    return pixels;
  });
  return encodeVideo({ width: size, height: size, frames: drawn, fps }, { format, provenance: null, mark: false });
}

/** Latents of frame `index` of a companion. */
export function latentsOf(result: DecodeResult, index: number): Float32Array {
  const { data, shape } = result.companion!['frames']!;
  return data.subarray(index * shape[1]!, (index + 1) * shape[1]!);
}

/** Peak signal to noise ratio of two pictures, in dB. */
export function psnr(a: Uint8Array | Uint8ClampedArray, b: Uint8Array | Uint8ClampedArray): number {
  const error = Array.from(a).reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length;
  return 10 * Math.log10(255 ** 2 / error);
}
