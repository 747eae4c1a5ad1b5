// The stores that a server or a worker may have elsewhere: media on an S3-compatible store, conversations in PostgreSQL.
// Loads their clients only where a setting asks for them.

import { AnymodalError } from '../errors.ts';
import type { ObjectBytes } from '../queue/object-store/media-bytes.ts';
import type { Database } from '../queue/database.ts';
import type { ConversationStore } from '../server/contracts.ts';
import { createConversationStore } from '../server/conversations/store.ts';
import type { Configuration } from './configuration.ts';
import type { ObjectStoreEnvironment } from './environment.ts';
import type { StoreCheck } from './store-checks.ts';

/** Opens the store of media and sees that it lets us in; null where media lie with the rest. Throws `bad_option`, `unavailable`, `unauthorized`, `not_found`. */
export async function openObjectBytes({ media }: Pick<Configuration, 'media'>, { endpoint, region, accessKeyId, secretAccessKey, sessionToken }: ObjectStoreEnvironment): Promise<ObjectBytes | null> {
  if (media === null) return null;
  const [{ Bucket, parseBucket }, { ObjectBytes: Bytes }] = await Promise.all([import('../queue/object-store/connection.ts'), import('../queue/object-store/media-bytes.ts')]);
  const place = parseBucket(media, 'media');
  if (accessKeyId === null || secretAccessKey === null) throw new AnymodalError('bad_option', `media: ${media} needs a key; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY${endpoint === null ? ', and AWS_ENDPOINT_URL where the store is not Amazon\'s' : ''}.`, { field: 'media' });
  const bucket = new Bucket({ ...place, endpoint, region, accessKeyId, secretAccessKey, sessionToken });
  await bucket.check();
  return new Bytes(bucket);
}

/** How to ask those that are elsewhere whether they answer. */
export function checksOf(bytes: ObjectBytes | null, conversations: ConversationStore | null): readonly StoreCheck[] {
  return [
    ...(bytes === null ? [] : [{ id: 'media' as const, isNeeded: true, check: async () => bytes.check() }]),
    ...(conversations?.check === undefined ? [] : [{ id: 'conversations' as const, isNeeded: false, check: async () => conversations.check?.() }]),
  ];
}

/** The store of conversations: in PostgreSQL where `database` names one, else in `local`. Throws what opening throws. The caller closes it. */
export async function openConversations({ database }: Pick<Configuration, 'database'>, memoryMs: number, warn: (message: string) => void, local: Database): Promise<ConversationStore> {
  if (database === null) return createConversationStore(local, { memoryMs });
  const { openPostgresConversations } = await import('../server/conversations/postgres-store.ts');
  return openPostgresConversations({ url: database, memoryMs, changed: (state) => warn(state === 'lost' ? 'the connection to PostgreSQL is lost; it is tried again' : 'connected to PostgreSQL') });
}
