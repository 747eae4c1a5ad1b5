// A picture in another size or format, and its transparency as a mask. What the file says of its making goes along.
// Decoding is in the limited process behind `decode-image`; knows no format of its own.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { decodeImage, inspectImage } from './decode-image.ts';
import { decodeVideo, inspectVideo } from './decode-video.ts';
import { encodeImage } from './encode-image.ts';
import type { ImageFormat } from './encode-image.ts';
import { isMarkedGenerated, readProvenance } from './provenance.ts';
import type { Fit } from './resize.ts';

const WHITE = [255, 255, 255] as const;
const BLACK = [0, 0, 0] as const;

export interface ImageChange {
  /** One of the two alone keeps the shape; none keeps the size. */
  readonly width?: number;
  readonly height?: number;
  /** That of the picture where it is one of these, else png. */
  readonly format?: ImageFormat;
  /** 1 to 100, of jpeg and webp. */
  readonly quality?: number;
  /** How another shape is met; `fill` if not given. */
  readonly fit?: Fit;
}

/**
 * The picture as asked for, over white where it was transparent; the medium itself where nothing changes. The mark of generated media and prompt and settings stay.
 * @throws AnymodalError `bad_media` for what cannot be read, `bad_option` for a quality outside 1 to 100, `aborted`.
 */
export async function convertImage(media: Media, change: ImageChange, signal?: AbortSignal): Promise<Media> {
  const header = await inspectImage(media, signal);
  const width = change.width ?? scaled(header.width, change.height, header.height);
  const height = change.height ?? scaled(header.height, change.width, header.width);
  const own = formatOf(media.mediaType);
  const format = change.format ?? own ?? 'png';
  const same = width === header.width && height === header.height && header.pages === 1;
  if (same && format === own && (change.quality === undefined || format === 'png')) return media;
  const picture = await decodeImage(media, { width, height, fit: change.fit ?? 'fill', background: WHITE }, signal);
  return encodeImage(picture, { format, ...(change.quality === undefined ? {} : { quality: change.quality }), provenance: readProvenance(media), mark: isMarkedGenerated(media) });
}

/**
 * A mask from a picture's transparency: white where it is transparent, black where it is not, grey between. A picture without any is a mask already.
 * @throws AnymodalError `bad_media` for what cannot be read, `aborted`.
 */
export async function maskOfAlpha(media: Media, signal?: AbortSignal): Promise<Media> {
  const { width, height } = await inspectImage(media, signal);
  const over = async (background: readonly [number, number, number]): Promise<Uint8Array> => (await decodeImage(media, { width, height, fit: 'fill', background }, signal)).pixels;
  // Over white less over black is what shows of the background.
  const [white, black] = [await over(WHITE), await over(BLACK)];
  const mask = new Uint8Array(white.length);
  let transparent = false;
  for (let at = 0; at < mask.length; at += 3) {
    const shows = Math.max((white[at] ?? 0) - (black[at] ?? 0), (white[at + 1] ?? 0) - (black[at + 1] ?? 0), (white[at + 2] ?? 0) - (black[at + 2] ?? 0), 0);
    // Less than this is rounding.
    if (shows > 2) transparent = true;
    mask.fill(shows, at, at + 3);
  }
  return transparent ? encodeImage({ width, height, pixels: mask }, { format: 'png', provenance: null, mark: false }) : media;
}

/**
 * The first frame of a video as a png, no larger than `most` pixels on a side; it bears the mark of the video.
 * @throws AnymodalError `bad_media` for what cannot be read, `unsupported` where the codecs are not installed, `aborted`.
 */
export async function firstFrame(media: Media, most = 512, signal?: AbortSignal): Promise<Media> {
  const header = await inspectVideo(media, signal);
  const scale = Math.min(1, most / Math.max(header.width, header.height));
  const [width, height] = [Math.max(1, Math.round(header.width * scale)), Math.max(1, Math.round(header.height * scale))];
  const { frames } = await decodeVideo(media, { width, height, fit: 'fill', background: WHITE, times: [0] }, signal);
  const [pixels] = frames;
  if (pixels === undefined) throw new AnymodalError('bad_media', `${media.name ?? 'The video'} has no frame.`);
  return encodeImage({ width, height, pixels }, { format: 'png', provenance: null, mark: isMarkedGenerated(media) });
}

/** `side` scaled as the other side was. */
function scaled(side: number, changed: number | undefined, other: number): number {
  return changed === undefined ? side : Math.max(1, Math.round((side * changed) / other));
}

function formatOf(mediaType: string): ImageFormat | null {
  return ({ 'image/png': 'png', 'image/jpeg': 'jpeg', 'image/webp': 'webp' } as const)[mediaType] ?? null;
}
