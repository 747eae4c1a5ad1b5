// A prompt of any length as rows of token ids that a tower can read: begin, up to 75 pieces, end, padding; a weight for each token.
// Knows ids and weights; nothing of graphs.

import type { ClipTokenizer } from './clip-tokenizer.ts';
import type { Fragment } from './prompt-weights.ts';

export interface Chunk {
  /** [length] */
  readonly ids: readonly number[];
  /** [length]; 1 for begin, end and padding. */
  readonly weights: readonly number[];
}

/** Rows of `length` tokens, one at least; BREAK ends a row, and so does a row that is full. */
export function chunksOf(fragments: readonly Fragment[], tokenizer: ClipTokenizer, length: number): Chunk[] {
  const room = length - 2;
  const rows: { id: number; weight: number }[][] = [[]];
  for (const fragment of fragments) {
    if (fragment === null) {
      rows.push([]);
      continue;
    }
    for (const id of tokenizer.pieces(fragment.text)) {
      if (rows.at(-1)!.length === room) rows.push([]);
      rows.at(-1)!.push({ id, weight: fragment.weight });
    }
  }
  return rows.map((row) => {
    const padding = room - row.length;
    return {
      ids: [tokenizer.begin, ...row.map(({ id }) => id), tokenizer.end, ...Array.from({ length: padding }, () => tokenizer.pad)],
      weights: [1, ...row.map(({ weight }) => weight), 1, ...Array.from({ length: padding }, () => 1)],
    };
  });
}

/**
 * Hidden states [length, width] of one row times the weights of its tokens, in place, brought back to the mean they had, so that
 * weights shift the balance and not the whole. Same as the AUTOMATIC1111 web interface.
 */
export function weigh(states: Float32Array, weights: readonly number[]): void {
  if (weights.every((weight) => weight === 1)) return;
  const width = states.length / weights.length;
  const before = sum(states);
  weights.forEach((weight, row) => {
    for (let i = row * width; i < (row + 1) * width; i += 1) states[i] = states[i]! * weight;
  });
  const factor = before / sum(states);
  if (!Number.isFinite(factor)) return;
  for (let i = 0; i < states.length; i += 1) states[i] = states[i]! * factor;
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
