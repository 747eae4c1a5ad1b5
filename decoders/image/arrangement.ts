// Two things in one picture: a graph reads off the conditioning what is asked for and where, each thing is drawn by itself, and both are
// put together at half size. An order that adds or replaces is read the same way. Knows tokens and pixels; nothing of steps and files.
// Source: planning where things stand before they are drawn, as in Lian et al. 2023 (arXiv 2305.13655); here the planner reads the conditioning itself.

import type { ComponentSource } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import { floatTensor } from '../../src/runtime/tensors.ts';
import { halve } from './pixels.ts';

/** What a text asks for, in the order of the graph's logits; `add` takes the side that is free. */
export const ARRANGEMENTS = ['whole', 'beside', 'above', 'add left', 'add right', 'add', 'replace'] as const;
export type ArrangementKind = (typeof ARRANGEMENTS)[number];

export interface Arrangement {
  readonly kind: ArrangementKind;
  /** Conditioning tokens of the thing left or above, and of the other or new one; [n * d]. */
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export interface ArrangementReader {
  read(tokens: Float32Array): Promise<Arrangement>;
  release(): Promise<void>;
}

/** A reader less sure than this says `whole`. */
const LEAST = 0.7;

/** Opens the file `arrangement`: `tokens` [batch, n, d] to `kind` [batch, 7] (logits), `first` and `second` [batch, n, d]. Throws `bundle_invalid`. */
export async function openArrangement(source: ComponentSource, tokens: readonly [number, number]): Promise<ArrangementReader> {
  const port = { type: 'float32', shape: [null, ...tokens] } as const;
  const session = await openGraph(source, 'arrangement', { inputs: { tokens: port }, outputs: { kind: { type: 'float32', shape: [null, ARRANGEMENTS.length] }, first: port, second: port } });
  return {
    async read(data) {
      const results = await session.run({ tokens: { shape: [1, ...tokens], data } });
      const logits = floatTensor(results['kind'], 'kind').data;
      const most = Math.max(...logits);
      const share = 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
      const kind = share < LEAST ? 'whole' : ARRANGEMENTS[logits.indexOf(most)]!;
      return { kind, first: floatTensor(results['first'], 'first').data, second: floatTensor(results['second'], 'second').data };
    },
    release: async () => session.release(),
  };
}

/** Interleaved pixels of one size, both even. */
interface Frame {
  readonly width: number;
  readonly height: number;
}
export type Side = 'left' | 'right' | 'top' | 'bottom';

/** Lightness from which a pixel is ground, and the share of a region that must be ground for it to be free. */
const GROUND = 235;
const FREE = 0.995;

/** Whether the picture stands on white: its rim is. */
export function onWhite(pixels: ArrayLike<number>, { width, height }: Frame): boolean {
  const rim = (x: number, y: number): boolean => x < 2 || y < 2 || x >= width - 2 || y >= height - 2;
  return shareOfGround(pixels, width, height, rim) > 0.9;
}

/** Whether nothing stands on one side of the picture. */
export function isFree(pixels: ArrayLike<number>, { width, height }: Frame, side: Side): boolean {
  const within = { left: (x: number) => x < width / 2, right: (x: number) => x >= width / 2, top: (_: number, y: number) => y < height / 2, bottom: (_: number, y: number) => y >= height / 2 };
  return shareOfGround(pixels, width, height, within[side]) >= FREE;
}

/** Whether the picture holds one thing: no clear gap between two halves that both hold something. */
export function holdsOne(pixels: ArrayLike<number>, frame: Frame): boolean {
  const { width, height } = frame;
  if (isFree(pixels, frame, 'left') || isFree(pixels, frame, 'right')) return true;
  return shareOfGround(pixels, width, height, (x) => Math.abs(x + 0.5 - width / 2) <= Math.max(1, width / 32)) < FREE;
}

/** `picture` with `other` at half size on a side: what is darker of both stays, so that white grounds join. */
export function withHalf(picture: ArrayLike<number>, other: Uint8ClampedArray, frame: Frame, side: Side): Uint8ClampedArray {
  const { width, height } = frame;
  const joined = Uint8ClampedArray.from(picture);
  const half = halve(other, width, height);
  const x0 = side === 'left' ? 0 : side === 'right' ? width / 2 : width / 4;
  const y0 = side === 'top' ? 0 : side === 'bottom' ? height / 2 : height / 4;
  for (let y = 0; y < height / 2; y += 1) {
    for (let x = 0; x < width / 2; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        const at = 3 * ((y0 + y) * width + x0 + x) + c;
        joined[at] = Math.min(joined[at]!, half[3 * ((y * width) / 2 + x) + c]!);
      }
    }
  }
  return joined;
}

/** Two pictures at half size on two sides of a white one. */
export function halvesOf(first: Uint8ClampedArray, second: Uint8ClampedArray, frame: Frame, sides: readonly [Side, Side]): Uint8ClampedArray {
  const white = new Uint8ClampedArray(first.length).fill(255);
  return withHalf(withHalf(white, first, frame, sides[0]), second, frame, sides[1]);
}

/** The picture with a new thing on a side, which it leaves to it: where the side is taken, what was there goes to the other at half size. */
export function added(picture: Uint8Array, other: Uint8ClampedArray, frame: Frame, side: 'left' | 'right'): Uint8ClampedArray {
  if (isFree(picture, frame, side)) return withHalf(picture, other, frame, side);
  return halvesOf(Uint8ClampedArray.from(picture), other, frame, side === 'right' ? ['left', 'right'] : ['right', 'left']);
}

function shareOfGround(pixels: ArrayLike<number>, width: number, height: number, within: (x: number, y: number) => boolean): number {
  let ground = 0;
  let all = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!within(x, y)) continue;
      const at = 3 * (y * width + x);
      all += 1;
      if (Math.min(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!) >= GROUND) ground += 1;
    }
  }
  return ground / all;
}
