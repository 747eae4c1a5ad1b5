// The file format of a modality that exists in tests alone: a line `smell 1`, then a line for each note with its strength from 0 to 9.

import type { Media } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';

export const mediaType = 'application/x-smell';
export const firstLine = 'smell 1\n';
export const notes: readonly string[] = ['rose', 'smoke', 'rain', 'pine', 'bread', 'soap'];

export type Strengths = Readonly<Record<string, number>>;

/** Strength of each note. Throws `bad_media` naming the file. */
export function readSmell({ bytes, name }: Media): Strengths {
  const text = new TextDecoder().decode(bytes);
  const lines = text.slice(firstLine.length).split('\n').filter((line) => line !== '');
  const pairs = lines.map((line) => /^(\w+) (\d)$/.exec(line));
  if (!text.startsWith(firstLine) || pairs.includes(null)) throw new AnymodalError('bad_media', `${name ?? 'the smell'}: expected lines of a note and its strength`);
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', Number(pair?.[2])]));
}

export function writeSmell(strengths: Strengths): Uint8Array {
  return new TextEncoder().encode(`${firstLine}${Object.entries(strengths).map(([note, strength]) => `${note} ${strength}\n`).join('')}`);
}
