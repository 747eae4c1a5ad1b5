// The tiny AudioLDM of test/fixtures and what diffusers made of it, by training/fixtures/audioldm.py.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Bundle } from '../../../src/bundle/format.ts';
import type { ComponentSource } from '../../../src/contracts.ts';

export type Stored = { shape: number[]; data: string };
export interface Case {
  name: string;
  scheduler: Readonly<Record<string, unknown>>;
  prompt: string;
  negative: string | null;
  steps: number;
  guidanceScale: number;
  seconds: number | null;
  seed: number;
  samples: number;
  stride: number;
  /** A waveform each variant, every `stride`-th sample. */
  sounds: Stored[];
  edit?: string;
  strength?: number;
  /** Log-mels [frames, mels] of the sound to edit. */
  mel?: Stored;
}
export interface ReferenceFile {
  tokenizer: { strings: string[]; ids: number[][] };
  vectors: { prompt: string; vector: Stored }[];
  cases: Case[];
}

const root = new URL('../../fixtures/audioldm/', import.meta.url);
export const pathOf = (path: string): string => fileURLToPath(new URL(path, root));
export const reference: ReferenceFile = JSON.parse(readFileSync(pathOf('reference.json'), 'utf8'));
export const bundle: Bundle = JSON.parse(readFileSync(pathOf('bundle.json'), 'utf8'));

export function floats(stored: Stored): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(stored.data, 'base64')).buffer);
}

/** A component of the fixture as its bundle.json declares it. */
export function sourceOf(name: string, changes: Readonly<Record<string, unknown>> = {}): ComponentSource {
  const component = bundle.components[name]!;
  return { name, config: { ...component.config, ...changes }, device: 'cpu', path: (file) => pathOf(component.files[file]?.path ?? file) };
}

/** Paths of its graphs and other files by key, below test/fixtures. */
export function filesOf(name: string): Record<string, string> {
  const files = Object.entries(bundle.components[name]!.files).filter(([key]) => !key.includes('-weights'));
  return Object.fromEntries(files.map(([key, { path }]) => [key, `audioldm/${path}`]));
}
