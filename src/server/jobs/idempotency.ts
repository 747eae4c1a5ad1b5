// `Idempotency-Key`: the same request under the same key does nothing twice, whatever the order of its fields.
// Knows no route.

import { z } from '@hono/zod-openapi';
import { createHash } from 'node:crypto';
import { AnymodalError } from '../../errors.ts';
import type { Idempotency } from '../../queue/contracts.ts';

const MOST_KEY_LENGTH = 255;

/** The header as the document has it. */
export const idempotencyHeader = z.object({ 'Idempotency-Key': z.string().min(1).max(MOST_KEY_LENGTH).optional().openapi({ description: 'The same request under the same key is one job; another request under it is refused (409).' }) });

/** The key with the digest of what a request says; null without a key. Throws `bad_input`. */
export async function idempotencyOf(key: string | undefined, body: object, files: ReadonlyMap<string, readonly File[]>): Promise<Idempotency | null> {
  if (key === undefined) return null;
  if (key.length === 0 || key.length > MOST_KEY_LENGTH) throw new AnymodalError('bad_input', `Idempotency-Key: expected 1 to ${MOST_KEY_LENGTH} characters.`, { field: 'Idempotency-Key' });
  const hashes: [string, string[]][] = [];
  for (const [name, list] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const contents = await Promise.all(list.map(async (file) => file.arrayBuffer()));
    hashes.push([name, contents.map((bytes) => createHash('sha256').update(new Uint8Array(bytes)).digest('hex'))]);
  }
  return { key, digest: createHash('sha256').update(JSON.stringify([sorted(body), hashes])).digest('hex') };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || value instanceof File) return value instanceof File ? 'file' : value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)]));
}
