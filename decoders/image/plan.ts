// What is drawn for a request, from what, and how a picture comes of it: one picture, two things that are put together, or a new thing for an old picture.
// Knows arrangements and pixels; nothing of steps, noise and files.

import { added, halvesOf, holdsOne, isFree, onWhite } from './arrangement.ts';
import type { Arrangement } from './arrangement.ts';
import type { EditSource } from './sources.ts';

export interface DrawingPlan {
  /** Conditioning tokens of every picture to draw. */
  readonly tokens: readonly Float32Array[];
  /** What they are drawn from; null is noise alone. */
  readonly source: EditSource | null;
  /** The answer out of the pictures drawn, interleaved. */
  join(made: readonly Uint8ClampedArray[]): Uint8ClampedArray;
}

/** `arrangement` is null where nothing reads the text. What cannot be put together, such as a thing on a coloured ground, is left to the transformer. */
export function planOf(arrangement: Arrangement | null, tokens: Float32Array, source: EditSource | null, frame: { readonly width: number; readonly height: number }): DrawingPlan {
  const whole: DrawingPlan = { tokens: [tokens], source, join: ([made]) => made! };
  if (arrangement === null) return whole;
  const { kind, first, second } = arrangement;
  if (source === null) {
    if (kind !== 'beside' && kind !== 'above') return whole;
    return { tokens: [first, second], source: null, join: ([one, two]) => halvesOf(one!, two!, frame, kind === 'beside' ? ['left', 'right'] : ['top', 'bottom']) };
  }
  const { pixels } = source;
  if (!onWhite(pixels, frame)) return whole;
  if (kind === 'replace') return holdsOne(pixels, frame) && !isFree(pixels, frame, 'left') && !isFree(pixels, frame, 'right') ? { tokens: [second], source: null, join: ([made]) => made! } : whole;
  if (!kind.startsWith('add')) return whole;
  const side = kind === 'add left' || (kind === 'add' && isFree(pixels, frame, 'left') && !isFree(pixels, frame, 'right')) ? 'left' : 'right';
  return { tokens: [second], source: null, join: ([made]) => added(pixels, made!, frame, side) };
}
