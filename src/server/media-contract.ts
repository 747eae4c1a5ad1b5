// What the server is given to work on bytes with. Types only, and apart from those that name other packages' types.

import type { Media } from '../contracts.ts';

/** What the server needs of bytes; given by the composition root, which alone knows codecs. */
export interface MediaTools {
  /** Tells by content what bytes are; `as` insists on a modality, as for an animated picture that is to be a picture. Throws `bad_media`, naming `name`. */
  read(bytes: Uint8Array, name?: string, as?: string): Promise<Media>;
  /** Pixels of a picture or a video, seconds of a sound or a video. Throws `bad_media`. */
  inspect(media: Media, signal?: AbortSignal): Promise<{ readonly width?: number; readonly height?: number; readonly seconds?: number; readonly frames?: number | null }>;
  /** A picture in another size or format; the mark of generated media and the metadata stay. */
  picture(media: Media, change: { readonly width?: number; readonly height?: number; readonly format?: 'png' | 'jpeg' | 'webp'; readonly quality?: number; readonly fit?: 'fill' | 'cover' | 'contain' }, signal?: AbortSignal): Promise<Media>;
  /** The alpha of a picture as a mask: white where it is transparent, which may change. */
  maskOfAlpha(media: Media, signal?: AbortSignal): Promise<Media>;
  /** A sound in another format; `pcm` is 16-bit little-endian mono at 24 kHz without a header. */
  sound(media: Media, format: 'wav' | 'mp3' | 'ogg' | 'opus' | 'flac' | 'aac' | 'pcm', signal?: AbortSignal): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }>;
  /** First frame of a video as a picture. */
  thumbnail(media: Media, signal?: AbortSignal): Promise<Media>;
}
