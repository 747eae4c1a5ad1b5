// What `/readyz` says of stores that do not answer, at servers and workers alike. Knows no store.

import type { StoreState } from '../contracts.ts';

const names: Readonly<Record<StoreState['id'], string>> = { Redis: 'Redis', media: 'the store of media', conversations: 'the database of conversations' };

/** A sentence for each store that does not answer. */
export function storesAway(stores: readonly StoreState[]): readonly string[] {
  return stores.flatMap(({ id, state }) => (state === 'ready' ? [] : [`${names[id]} does not answer`]));
}
