// The tiny CLIP, SigLIP, CLAP and T5 of test/fixtures and what transformers made of media, by training/fixtures/embedders.py.

import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { Bundle } from '../../src/bundle/format.ts';
import type { Media } from '../../src/contracts.ts';
import { fixtures } from '../conformance/component.ts';

export interface Stored {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int64';
  readonly data: string;
}
export interface Case {
  readonly modality: 'text' | 'image' | 'audio';
  readonly given: string;
  readonly shape: readonly number[];
  readonly stride: number;
  readonly fed: Stored;
  readonly vector: Stored;
  readonly rows?: number;
}
export interface Reference {
  readonly cases: readonly Case[];
  readonly tokenizer?: { readonly strings: readonly string[]; readonly ids: readonly (readonly number[])[] };
}

const root = new URL('embedders/', fixtures);

export function referenceOf(name: string): Reference {
  return JSON.parse(readFileSync(new URL(`${name}/reference.json`, root), 'utf8'));
}

export function bundleOf(name: string): Bundle {
  return JSON.parse(readFileSync(new URL(`${name}/bundle.json`, root), 'utf8'));
}

/** Config and files (below test/fixtures) of a component; weights lie beside their graph and are opened by it. */
export function componentOf(name: string, component: string): { config: Readonly<Record<string, unknown>>; files: Record<string, string>; uses: string } {
  const { config, files, uses } = bundleOf(name).components[component]!;
  const opened = Object.entries(files).filter(([key]) => !key.includes('-weights'));
  return { config, uses, files: Object.fromEntries(opened.map(([key, { path }]) => [key, `embedders/${name}/${path}`])) };
}

export function numbers({ dtype, data }: Stored): number[] {
  const bytes = Buffer.from(data, 'base64');
  const width = dtype === 'float32' ? 4 : 8;
  return Array.from({ length: bytes.length / width }, (_, i) => (width === 4 ? bytes.readFloatLE(4 * i) : Number(bytes.readBigInt64LE(8 * i))));
}

export function mediumOf(modality: string, bytes: Uint8Array, mediaType: string): Media {
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType, bytes };
}

/** The medium of a case: a text as it is, a file of this fixture, or one of ImageBind's. */
export function medium(modality: Case['modality'], given: string): Media {
  if (modality === 'text') return mediumOf('text', new TextEncoder().encode(given), 'text/plain');
  const place = modality === 'image' || given === 'sound.wav' ? new URL('imagebind/media/', fixtures) : root;
  return mediumOf(modality, readFileSync(new URL(given, place)), modality === 'image' ? 'image/png' : 'audio/wav');
}
