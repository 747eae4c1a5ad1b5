// Jobs and events as they are kept: every medium in them is a reference, the bytes lie in the media store.
// Goes to the places where media stand and nowhere else, so that nothing a client writes is taken for one.

import type { JobEventBody, JobRequest, Media, Message, Part } from '../contracts.ts';
import type { Stored, StoredMedia } from './contracts.ts';

export function storedMedia({ id, modality, mediaType, bytes, name }: Media): StoredMedia {
  return { id, modality, mediaType, size: bytes.byteLength, ...(name !== undefined && { name }) };
}

/** Every medium of a request once. */
export function mediaOfRequest({ messages, mask, mix }: JobRequest): Media[] {
  const parts = [...messages.flatMap((message) => message.parts), ...(mix ?? []).map(({ part }) => part)];
  const media = [...parts.flatMap((part) => (part.type === 'media' ? [part.media] : [])), ...(mask === null ? [] : [mask])];
  return [...new Map(media.map((medium) => [`${medium.id} ${medium.modality}`, medium])).values()];
}

export function storedRequest(request: JobRequest): Stored<JobRequest> {
  return {
    ...request,
    messages: request.messages.map((message) => ({ role: message.role, parts: message.parts.map(storedPart) })),
    mask: request.mask === null ? null : storedMedia(request.mask),
    mix: request.mix === null ? null : request.mix.map(({ weight, part }) => ({ weight, part: storedPart(part) })),
  };
}

export function hasMedia({ messages, mask, mix }: Stored<JobRequest>): boolean {
  return mask !== null || messages.some(({ parts }) => parts.some(({ type }) => type === 'media')) || (mix ?? []).some(({ part }) => part.type === 'media');
}

/** The request with its media as `read` gives them. Throws what `read` throws. */
export async function restoredRequest(stored: Stored<JobRequest>, read: (media: StoredMedia) => Promise<Media>): Promise<JobRequest> {
  const part = async (from: Stored<Part>): Promise<Part> => (from.type === 'media' ? { ...from, media: await read(from.media) } : from);
  const messages: Message[] = [];
  for (const { role, parts } of stored.messages) messages.push({ role, parts: await Promise.all(parts.map(part)) });
  return {
    ...stored,
    messages,
    mask: stored.mask === null ? null : await read(stored.mask),
    mix: stored.mix === null ? null : await Promise.all(stored.mix.map(async ({ weight, part: from }) => ({ weight, part: await part(from) }))),
  };
}

export function storedPart(part: Part): Stored<Part> {
  return part.type === 'media' ? { ...part, media: storedMedia(part.media) } : part;
}

export function storedEvent(event: JobEventBody): Stored<JobEventBody> {
  return event.type === 'media-preview' || event.type === 'media-end' ? { ...event, media: storedMedia(event.media) } : event;
}

export function isTerminal(event: { readonly type: string }): boolean {
  return event.type === 'job-end' || event.type === 'job-abort' || event.type === 'job-error';
}
