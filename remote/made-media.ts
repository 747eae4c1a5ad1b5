// A stranger's bytes as a medium of ours: read in the limited process of media/, encoded anew or packed anew, with the mark of generated media.
// Knows no server.

import { decodeAudio, decodeImage, encodeAudio, encodeImage, inspectAudio, inspectImage, markVideo, mediaFromBytes, type AudioFormat, type ImageFormat } from '../media/index.ts';
import type { Media, Provenance } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';

/** Longest sound that is taken. */
const MOST_SECONDS = 1800;
const WHITE = [255, 255, 255] as const;

export interface Making {
  /** The component, for messages. */
  readonly name: string;
  /** What the medium is to be. */
  readonly modality: string;
  /** File format; of a video that of the server. */
  readonly format: string | null;
  /** 1 to 100, of jpeg and webp. */
  readonly quality?: number;
  readonly provenance: Provenance | null;
}

/** Throws `unavailable` for bytes that are no medium of the modality: the server's fault and nobody else's. */
export async function madeMedia(bytes: Uint8Array, { name, modality, format, quality, provenance }: Making, signal: AbortSignal): Promise<Media> {
  try {
    const media = await mediaFromBytes(bytes, undefined, { as: modality });
    if (modality === 'image') {
      const { width, height } = await inspectImage(media, signal);
      const image = await decodeImage(media, { width, height, fit: 'fill', background: WHITE }, signal);
      return await encodeImage(image, { format: oneOf<ImageFormat>(format, ['png', 'jpeg', 'webp'], 'png'), ...(quality !== undefined && { quality }), provenance, mark: true });
    }
    if (modality === 'audio') {
      const { sampleRateHz } = await inspectAudio(media, signal);
      const sound = await decodeAudio(media, { sampleRateHz, maxSeconds: MOST_SECONDS }, signal);
      return await encodeAudio(sound, { format: oneOf<AudioFormat>(format, ['wav', 'mp3', 'ogg', 'flac'], 'wav'), provenance, mark: true });
    }
    return await markVideo(media, provenance, signal);
  } catch (error) {
    if (!(error instanceof AnymodalError) || error.code !== 'bad_media') throw error;
    throw new AnymodalError('unavailable', `${name}: the server sent no ${modality} that can be read: ${error.message}`, { cause: error });
  }
}

/** A small picture of an unfinished medium; null where it cannot be read, since nothing depends on it. */
export async function madePreview(bytes: Uint8Array, signal: AbortSignal): Promise<Media | null> {
  try {
    const media = await mediaFromBytes(bytes, undefined, { as: 'image' });
    const { width, height } = await inspectImage(media, signal);
    const scale = Math.min(1, 256 / Math.max(width, height));
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    return await encodeImage(await decodeImage(media, { ...size, fit: 'fill', background: WHITE }, signal), { format: 'webp', quality: 80, provenance: null, mark: true });
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** The bytes of a base64 text. Throws `unavailable` for what is none. */
export function fromBase64(text: unknown, name: string): Uint8Array {
  const plain = typeof text === 'string' ? text.replace(/^data:[^,]*,/, '') : '';
  if (plain === '' || !/^[A-Za-z0-9+/_=\s-]+$/.test(plain)) throw new AnymodalError('unavailable', `${name}: the server answered without a medium; look into its log.`);
  return new Uint8Array(Buffer.from(plain, 'base64'));
}

function oneOf<T extends string>(format: string | null, choices: readonly T[], usual: T): T {
  return choices.find((choice) => choice === format) ?? usual;
}
