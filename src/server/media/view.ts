// A kept medium as clients see it: what it is, and a signed address of its bytes.
// Knows no store.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { MediaRecord, StoredMedia } from '../../queue/contracts.ts';
import { signedAddress } from '../addresses.ts';
import type { ServerParts } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';

export const mediaSchema = z
  .object({
    object: z.literal('media'),
    id: z.string().openapi({ description: 'SHA-256 of the bytes, in hex.' }),
    modality: z.string().openapi({ example: 'image' }),
    mediaType: z.string().openapi({ example: 'image/png' }),
    size: z.number().int().openapi({ description: 'Bytes.' }),
    url: z.string().openapi({ description: 'Signed address of the bytes, good for a limited time without a key.' }),
    name: z.string().optional().openapi({ description: 'File name that it came with.' }),
    data: z.string().optional().openapi({ description: 'The bytes as a data: URL; only of small previews in events.' }),
    title: z.string().nullable().optional().openapi({ description: 'What it was made from, or what its owner calls it.' }),
    origin: z.enum(['upload', 'input', 'made', 'preview']).optional().openapi({ description: 'How it came here.' }),
    job: z.string().nullable().optional().openapi({ description: 'The job that made it.' }),
    createdAt: z.number().optional().openapi({ description: 'Milliseconds since 1970.' }),
  })
  .openapi('Media');
export type MediaView = z.infer<typeof mediaSchema>;

/** Path of the bytes of a medium. */
export function contentPath(id: string): string {
  return `/v1/media/${id}/content`;
}

/** A medium inside a job or a conversation of `owner`. */
export function mediaView(c: Context<AppEnv>, parts: Pick<ServerParts, 'secret' | 'settings'>, owner: string, media: StoredMedia): MediaView {
  const { id, modality, mediaType, size, name } = media;
  return { object: 'media', id, modality, mediaType, size, url: signedAddress(c, parts, owner, contentPath(id)), ...(name !== undefined && { name }) };
}

/** A medium by its record. */
export function recordView(c: Context<AppEnv>, parts: Pick<ServerParts, 'secret' | 'settings'>, record: MediaRecord): MediaView {
  const { title, origin, job, createdAt } = record;
  return { ...mediaView(c, parts, record.owner, record), title, origin, job, createdAt };
}
