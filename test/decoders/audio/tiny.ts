// The tiny graphs with random weights as a decoder of sounds, requests for it, and sounds to give it.

import { fileURLToPath } from 'node:url';
import type { AudioGraphs } from '../../../decoders/audio/graphs.ts';
import type { AudioDecoderConfig } from '../../../decoders/audio/settings.ts';
import { encodeAudio } from '../../../media/index.ts';
import type { ComponentSource, Conditioning, Context, DecodePreview, DecodeProgress, DecodeRequest, Decoder, Media, Random, Tensor } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';

const CHANNELS = 8;
export const WINDOW = 64 * CHANNELS;

export const tinyConfig: AudioDecoderConfig & Record<string, unknown> = {
  latent: [64, CHANNELS],
  samplesPerPosition: 1024,
  overlap: 16,
  mel: { sampleRateHz: 16_000, fftSize: 1024, hop: 256, mels: 128, minHz: 0, maxHz: 8000, melScale: 'slaney', norm: 'slaney', floor: 1e-5 },
  motion: { frame: 1024, width: 6 },
  melDecoder: false,
  seconds: 4,
  strength: 0.6,
  maxSeconds: 30,
  tokens: [16, 24],
  prediction: 'flow',
  timestepScale: 0.001,
  steps: 3,
  guidanceScale: 2,
  schedulers: { 'flow-match-euler': { timestepSpacing: 'trailing' } },
};

const files: Readonly<Record<string, string>> = { transformer: 'transformer.onnx', vocoder: 'vocoder.onnx', melEncoder: 'mel-encoder.onnx', environment: 'environment.onnx' };

export function tinySource(config: Readonly<Record<string, unknown>> = tinyConfig, replaced: Readonly<Record<string, string>> = {}): ComponentSource {
  return {
    name: 'audio-decoder',
    config,
    device: 'cpu',
    path: (file) => fileURLToPath(new URL(`../../fixtures/tiny/audio/${replaced[file] ?? files[file] ?? file}`, import.meta.url)),
  };
}

/** Tokens that differ by `phase`. */
export function tokens(phase = 0): { tokens: Tensor } {
  return { tokens: { shape: [16, 24], data: Float32Array.from({ length: 16 * 24 }, (_, i) => Math.sin(0.1 * i + phase)) } };
}

/** What a video of `count` frames tells of itself. */
export function frames(count: number, fps: number, phase = 0): Conditioning {
  return {
    frames: { shape: [count, 1024], data: Float32Array.from({ length: count * 1024 }, (_, i) => Math.sin(0.37 * i + phase)) },
    times: { shape: [count], data: Float32Array.from({ length: count }, (_, i) => i / fps) },
  };
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

/** A sweep of `seconds` at 16 kHz in any format. */
export async function sweep(seconds: number, format: 'wav' | 'mp3' | 'ogg' | 'flac' = 'wav', from = 200): Promise<Media> {
  const samples = Float32Array.from({ length: Math.round(seconds * 16_000) }, (_, i) => 0.5 * Math.sin((2 * Math.PI * (from + i / 100) * i) / 16_000));
  return encodeAudio({ samples, sampleRateHz: 16_000 }, { format, provenance: null, mark: false });
}

/** Samples of a 16 bit mono wav, read by its header alone. */
export function samplesOf({ bytes }: Media): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [String.fromCharCode(...bytes.subarray(at, at + 4)), view.getUint32(at + 4, true)];
    if (name === 'data') return Int16Array.from({ length: size / 2 }, (_, i) => view.getInt16(at + 8 + 2 * i, true));
    at += 8 + size + (size % 2);
  }
  throw new Error('the wav has no data');
}

/** Graphs that need no file: every window comes to what `aim` says, and latents are samples as they are, a value for each of a position. */
export function plainGraphs(aim: (window: number, index: number) => number, changes: Partial<AudioGraphs> = {}): AudioGraphs {
  let window = -1;
  return {
    encode: async ({ shape }) => new Float32Array((shape[1]! / 4) * CHANNELS),
    decode: async (latents) => Float32Array.from({ length: (latents.length / CHANNELS) * 1024 }, (_, i) => latents[Math.floor(i / 1024) * CHANNELS + Math.floor((i % 1024) / 128)]!),
    show: async (latents) => ({ shape: [128, latents.length / CHANNELS * 4], data: new Float32Array(latents.length / CHANNELS * 512) }),
    watch: async () => new Float32Array(64 * 6),
    predictor() {
      const of = (window += 1);
      // The velocity that leads from here straight to the aim.
      return async (x_t, timestep) => x_t.map((value, i) => (value - aim(of, i)) / (timestep / 1000));
    },
    release: async () => undefined,
    ...changes,
  };
}
