// Sizes of pictures and videos: what was asked for, and the nearest that the decoder makes.
// Knows decoders by the schemas of `width` and `height` alone.

import { AnymodalError } from '../../errors.ts';
import { optionSchema, type OptionSchema, type OutputDescription } from '../output-options.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Longest side and most pixels that a picture is resampled to; those of OpenAI's largest. */
const LONGEST_SIDE = 4096;
const MOST_PIXELS = 3840 * 2160;

export interface AskedSize {
  readonly size?: string | null | undefined;
  readonly width?: number | null | undefined;
  readonly height?: number | null | undefined;
  readonly aspect_ratio?: string | null | undefined;
}

/** The size that a request asks for; null leaves it to the decoder. Throws `bad_option` with the field. */
export function askedSize(body: AskedSize, usual: Size): Size | null {
  const { size = null, width = null, height = null, aspect_ratio: ratio = null } = body;
  if (width !== null || height !== null) return checked({ width: width ?? height ?? 0, height: height ?? width ?? 0 }, width === null ? 'height' : 'width');
  if (size !== null && size.toLowerCase() !== 'auto') {
    const [, wide = '', high = ''] = /^(\d{1,5})\s*[x*×]\s*(\d{1,5})$/i.exec(size.trim()) ?? [];
    if (wide === '') throw new AnymodalError('bad_option', 'size: expected auto or WIDTHxHEIGHT in pixels, such as 512x512.', { field: 'size' });
    return checked({ width: Number(wide), height: Number(high) }, 'size');
  }
  if (ratio === null || ratio === 'auto') return null;
  const [, across = '', down = ''] = /^(\d{1,3}(?:\.\d+)?):(\d{1,3}(?:\.\d+)?)$/.exec(ratio.trim()) ?? [];
  const value = Number(across) / Number(down);
  if (!Number.isFinite(value) || value <= 0) throw new AnymodalError('bad_option', 'aspect_ratio: expected WIDTH:HEIGHT, such as 16:9.', { field: 'aspect_ratio' });
  const area = usual.width * usual.height;
  return checked({ width: even(Math.sqrt(area * value)), height: even(Math.sqrt(area / value)) }, 'aspect_ratio');
}

/** What a decoder makes by default. */
export function usualSize(output: OutputDescription): Size {
  const width = numberOr(optionSchema(output, 'width')?.default, 512);
  return { width, height: numberOr(optionSchema(output, 'height')?.default, width) };
}

/** The size nearest to `asked` that the decoder makes, of the same shape where it can; without a height of its own it makes squares. */
export function nearestSize(output: OutputDescription, asked: Size): Size {
  const [wide, high] = [optionSchema(output, 'width'), optionSchema(output, 'height')];
  if (wide === null) return usualSize(output);
  if (high === null) {
    const side = nearest(wide, Math.sqrt(asked.width * asked.height));
    return { width: side, height: side };
  }
  const most = Math.min(limit(wide, 'maximum') / asked.width, limit(high, 'maximum') / asked.height, 1);
  const least = Math.max(limit(wide, 'minimum') / asked.width, limit(high, 'minimum') / asked.height, 1);
  const factor = most < 1 ? most : least;
  return { width: nearest(wide, asked.width * factor), height: nearest(high, asked.height * factor) };
}

/** Options that make a size, as far as the decoder has them. */
export function sizeOptions(output: OutputDescription, { width, height }: Size): Record<string, number> {
  return { ...(optionSchema(output, 'width') !== null && { width }), ...(optionSchema(output, 'height') !== null && { height }) };
}

export function sizeText({ width, height }: Size): string {
  return `${width}x${height}`;
}

function checked({ width, height }: Size, field: string): Size {
  if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE || width * height > MOST_PIXELS) {
    throw new AnymodalError('bad_option', `${field}: got ${width}x${height}, expected sides from 1 to ${LONGEST_SIDE} and at most ${MOST_PIXELS} pixels.`, { field });
  }
  return { width, height };
}

/** The value nearest to `wanted` that an option may have. */
export function nearest({ enum: choices, minimum = 1, maximum = Infinity, multipleOf = 1 }: OptionSchema, wanted: number): number {
  const numbers = (choices ?? []).filter((choice) => typeof choice === 'number');
  if (numbers.length > 0) return numbers.reduce((best, choice) => (Math.abs(choice - wanted) < Math.abs(best - wanted) ? choice : best));
  const rounded = Math.round(wanted / multipleOf) * multipleOf;
  return Math.min(Math.floor(maximum / multipleOf) * multipleOf, Math.max(Math.ceil(minimum / multipleOf) * multipleOf, rounded));
}

function limit({ enum: choices, minimum = 1, maximum = Infinity }: OptionSchema, end: 'minimum' | 'maximum'): number {
  const numbers = (choices ?? []).filter((choice) => typeof choice === 'number');
  if (numbers.length > 0) return end === 'minimum' ? Math.min(...numbers) : Math.max(...numbers);
  return end === 'minimum' ? minimum : maximum;
}

function even(value: number): number {
  return Math.max(2, Math.round(value / 2) * 2);
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
