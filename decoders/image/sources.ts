// What an edit starts from: the picture to change and the mask of what may change, as pixels and as latents.
// Knows references and geometry; nothing of steps and prompts.

import type { Context, Media, Reference } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { decodeImage, inspectImage } from '../../media/index.ts';
import type { ImageGraphs } from './graphs.ts';
import { maskOf, shrinkMask, toPlanar } from './pixels.ts';
import type { ImageDecoderConfig } from './settings.ts';

export interface EditMask {
  /** [height * width]: how much each pixel may change, 0..1. */
  readonly pixels: Float32Array;
  /** [rows * columns]: 1 may change, 0 stays. */
  readonly latents: Float32Array;
}

export interface EditSource {
  /** [height, width, 3] uint8: the picture at the size of the output, whole, on white. */
  readonly pixels: Uint8Array;
  readonly latents: Float32Array;
  readonly mask: EditMask | null;
}

const WHITE = [255, 255, 255] as const;
const BLACK = [0, 0, 0] as const;

/**
 * The picture of the first `edit` reference and the mask beside it; null without one. Throws `bad_input` for a mask alone
 * or of another shape than the picture, `bad_media` for bytes that are no picture.
 */
export async function readEditSource(references: readonly Reference[], config: Pick<ImageDecoderConfig, 'latent' | 'factor'>, graphs: Pick<ImageGraphs, 'encode'>, context: Context): Promise<EditSource | null> {
  const [edited, ...others] = references.filter((reference) => reference.role === 'edit').map((reference) => reference.media);
  const mask = references.find((reference) => reference.role === 'mask')?.media;
  if (edited === undefined) {
    if (mask !== undefined) throw new AnymodalError('bad_input', 'mask: got a mask without a picture to edit; give the picture too.');
    return null;
  }
  if (others.length > 0) context.warn('reference_ignored', `one picture is edited at a time; the first of ${others.length + 1} was taken.`);
  const [, rows, columns] = config.latent;
  const size = { width: columns * config.factor, height: rows * config.factor, fit: 'contain' } as const;
  const { pixels } = await decodeImage(edited, { ...size, background: WHITE }, context.signal);
  const latents = await graphs.encode(toPlanar(pixels));
  if (mask === undefined) return { pixels, latents, mask: null };
  await requireSameShape(edited, mask, context.signal);
  const maskPixels = maskOf((await decodeImage(mask, { ...size, background: BLACK }, context.signal)).pixels);
  const cells = shrinkMask(maskPixels, rows, columns, config.factor);
  if (!cells.includes(1)) context.warn('mask_empty', 'the mask has no white, so nothing may change.');
  return { pixels, latents, mask: { pixels: maskPixels, latents: cells } };
}

/** Compares the mask with the picture that it belongs to. Throws `bad_input` for another shape, `bad_media`. */
export async function checkReferences(references: readonly Reference[], context: Context): Promise<void> {
  const edited = references.find((reference) => reference.role === 'edit')?.media;
  const mask = references.find((reference) => reference.role === 'mask')?.media;
  if (edited !== undefined && mask !== undefined) await requireSameShape(edited, mask, context.signal);
}

/** Both are fitted into the same frame, so equal proportions are enough; one pixel of the smaller side is rounding. */
async function requireSameShape(picture: Media, mask: Media, signal: AbortSignal): Promise<void> {
  const [of, by] = [await inspectImage(picture, signal), await inspectImage(mask, signal)];
  const apart = Math.abs(of.width * by.height - by.width * of.height);
  if (apart <= Math.max(of.width, of.height, by.width, by.height)) return;
  throw new AnymodalError('bad_input', `mask: got ${by.width}x${by.height} for a picture of ${of.width}x${of.height}, expected the same proportions.`);
}
