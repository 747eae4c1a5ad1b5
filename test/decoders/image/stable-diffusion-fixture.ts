// The tiny Stable Diffusion of test/fixtures and what diffusers made of it, by training/fixtures/stable_diffusion.py.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mediaFromBytes } from '../../../media/index.ts';
import { decoderConfig, tasks } from '../../../src/bundle/diffusers-decoder.ts';
import type { Settings } from '../../../src/bundle/diffusers-decoder.ts';
import type { ComponentSource, Reference } from '../../../src/contracts.ts';

export type Stored = { shape: number[]; data: string };
export interface Case {
  name: string;
  folder: 'sd' | 'sdxl';
  unet: string | null;
  pipeline: string;
  scheduler: Settings;
  prompt: string;
  negative: string | null;
  steps: number;
  guidanceScale: number;
  imageGuidanceScale?: number;
  strength?: number;
  edit?: boolean;
  mask?: boolean;
  seed: number;
  latents: Stored;
  image?: Stored;
  /** Embedding of a picture that an unCLIP model is told. */
  feature?: Stored;
  noiseLevel?: number;
}
export interface ReferenceFile {
  size: [number, number];
  tokenizer: { strings: string[]; ids: number[][] };
  embeddings: { name: string; folder: 'sd' | 'sdxl'; prompt: string; rows: number; tokens: Stored; pooled?: Stored }[];
  preview: { latents: Stored; image: Stored };
  cases: Case[];
}

const root = new URL('../../fixtures/stable-diffusion/', import.meta.url);
export const pathOf = (path: string): string => fileURLToPath(new URL(path, root));
export const reference: ReferenceFile = JSON.parse(readFileSync(pathOf('reference.json'), 'utf8'));

export function floats(stored: Stored): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(stored.data, 'base64')).buffer);
}

/** Largest difference, relative to the largest value where that exceeds 1. */
export function difference(got: Float32Array, stored: Stored): number {
  const expected = floats(stored);
  if (got.length !== expected.length) return Infinity;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / largest;
}

function dot(x: Float32Array, y: Float32Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
}

export function cosine(a: Float32Array, b: Float32Array): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function json(path: string): Settings {
  return JSON.parse(readFileSync(pathOf(path), 'utf8'));
}

/** The decoder of a case as the adapter of folders configures it. */
export function decoderSource(each: Pick<Case, 'folder' | 'unet' | 'pipeline' | 'scheduler'>, changes: Settings = {}): ComponentSource {
  const told = each.unet === 'unet-unclip.onnx';
  const task = told ? 'generate' : tasks[each.pipeline]!;
  const channels = { generate: 4, inpaint: each.unet === null ? 4 : 9, instruct: 8 }[task];
  const unet = { ...json(`${each.folder}/unet/config.json`), in_channels: channels };
  const { config } = decoderConfig({ task, unet, vae: json(`${each.folder}/vae_decoder/config.json`), scheduler: each.scheduler, edits: true, tinyDecoder: false });
  const files: Record<string, string> = {
    unet: each.unet ?? `${each.folder}/unet/model.onnx`,
    vaeDecoder: `${each.folder}/vae_decoder/model.onnx`,
    vaeEncoder: `${each.folder}/vae_encoder/model.onnx`,
    tinyDecoder: 'tiny-decoder.onnx',
    featureStatistics: 'unclip-statistics.f32',
  };
  return { name: 'image-decoder', config: { ...config, minSize: 16, ...(told && { featureWidth: 16 }), ...changes }, device: 'cpu', path: (file) => pathOf(files[file] ?? file) };
}

const tower = (suffix: string): Record<string, string> => ({ model: `text_encoder${suffix}/model.onnx`, vocabulary: `tokenizer${suffix}/vocab.json`, merges: `tokenizer${suffix}/merges.txt` });

/** The text towers of a folder. */
export function promptSource(folder: 'sd' | 'sdxl', changes: Settings = {}): ComponentSource {
  const second = Object.fromEntries(Object.entries(tower('_2')).map(([key, path]) => [`${key}2`, path]));
  const files: Record<string, string> = { ...tower(''), ...second };
  const towers = {
    sd: [{ width: 32 }],
    sdxl: [{ width: 32, states: 'hidden_states.2' }, { width: 24, states: 'hidden_states.2', pooled: { output: 'text_embeds', width: 24 }, pad: '!' }],
  };
  return { name: 'prompt-encoder', config: { towers: towers[folder], emptyIsZero: folder === 'sdxl', ...changes }, device: 'cpu', path: (file) => pathOf(`${folder}/${files[file] ?? file}`) };
}

/** The picture and the mask of a case. */
export async function referencesOf(each: Pick<Case, 'edit' | 'mask'>): Promise<Reference[]> {
  return [
    ...(each.edit === true ? [{ role: 'edit' as const, media: await mediaFromBytes(readFileSync(pathOf('picture.png'))) }] : []),
    ...(each.mask === true ? [{ role: 'mask' as const, media: await mediaFromBytes(readFileSync(pathOf('mask.png'))) }] : []),
  ];
}
