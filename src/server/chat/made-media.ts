// Media of an answer as they are sent: in the size and format asked for, as data: URLs, with what tells them apart.
// Shared with responses; knows no wire format.

import type { Context } from 'hono';
import type { Made, Media } from '../../contracts.ts';
import type { StoredMedia } from '../../queue/contracts.ts';
import { signedAddress } from '../addresses.ts';
import type { ServerParts } from '../contracts.ts';
import { rememberForm } from '../conversations/memory.ts';
import { contentPath } from '../media/view.ts';
import type { AppEnv } from '../routes.ts';
import type { Finish, SoundFormat } from './order.ts';

/** One medium of an answer, ready to be sent. */
export interface Sendable {
  readonly stored: StoredMedia;
  readonly output: string;
  readonly seed: number;
  readonly made: Made;
  readonly mediaType: string;
  readonly base64: string;
}

/** The medium as the request wants it; another form of it is known again when it comes back. */
export async function sendable(parts: ServerParts, owner: string, item: { readonly media: StoredMedia; readonly output: string; readonly seed: number; readonly made: Made }, finish: Finish, signal: AbortSignal): Promise<Sendable> {
  const { media: stored, output, seed, made } = item;
  const media = await parts.media.read(stored);
  const { mediaType, bytes } = await finished(parts, media, finish, signal);
  if (bytes !== media.bytes) await rememberForm(parts, owner, bytes, stored);
  return { stored, output, seed, made, mediaType, base64: base64Of(bytes) };
}

async function finished({ tools }: Pick<ServerParts, 'tools'>, media: Media, { resampled, pictures, sound }: Finish, signal: AbortSignal): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }> {
  if (media.modality === 'image') {
    const same = pictures === null || media.mediaType === `image/${pictures.format}`;
    if (resampled === null && same) return media;
    const format = pictures?.format ?? pictureFormat(media.mediaType);
    return tools.picture(media, { ...resampled, format, fit: 'cover', ...(pictures !== null && pictures.quality !== null && format !== 'png' && { quality: pictures.quality }) }, signal);
  }
  if (media.modality === 'audio' && sound !== null && !isSound(media.mediaType, sound)) return tools.sound(media, sound, signal);
  return media;
}

function pictureFormat(mediaType: string): 'png' | 'jpeg' | 'webp' {
  return mediaType === 'image/jpeg' ? 'jpeg' : mediaType === 'image/webp' ? 'webp' : 'png';
}

const soundTypes: Readonly<Record<SoundFormat, readonly string[]>> = { wav: ['audio/wav', 'audio/x-wav'], mp3: ['audio/mpeg'], ogg: ['audio/ogg'], opus: [], flac: ['audio/flac'], aac: [], pcm: [] };

function isSound(mediaType: string, format: SoundFormat): boolean {
  return soundTypes[format].includes(mediaType);
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export function dataUrl({ mediaType, base64 }: Pick<Sendable, 'mediaType' | 'base64'>): string {
  return `data:${mediaType};base64,${base64}`;
}

/** A signed address of a medium's bytes as they were made. */
export function addressOf(c: Context<AppEnv>, parts: ServerParts, owner: string, media: Pick<StoredMedia, 'id'>): string {
  return signedAddress(c, parts, owner, contentPath(media.id));
}
