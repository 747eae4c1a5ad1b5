// Whether the stores elsewhere answer, for `/readyz`: asked when somebody wants to know, not more often than now and then.
// Knows no store.

import type { StoreState } from '../server/contracts.ts';

export interface StoreCheck {
  /** Of the store, as operators call it. */
  readonly id: StoreState['id'];
  /** True where no job can be taken or end without it. */
  readonly isNeeded: boolean;
  /** Asks it once, without patience. Throws where it does not answer. */
  readonly check: () => Promise<void>;
}

/** Longest wait for an answer, and how long one is believed. Milliseconds. */
const LIMIT_MS = 2000;
const BELIEVED_MS = 1000;

/** How the stores are, all asked at once. A store that has not answered yet is away, and is not asked again before it did. */
export function createStoreChecks(checks: readonly StoreCheck[], limitMs = LIMIT_MS, believedMs = BELIEVED_MS): () => Promise<readonly StoreState[]> {
  const watches = checks.map((check) => watch(check, limitMs, believedMs));
  return async () => Promise.all(watches.map(async (look) => look()));
}

function watch({ id, isNeeded, check }: StoreCheck, limitMs: number, believedMs: number): () => Promise<StoreState> {
  let under: Promise<boolean> | null = null;
  let seen: { readonly isReady: boolean; readonly at: number } | null = null;
  return async () => {
    if (under === null && (seen === null || performance.now() - seen.at > believedMs)) {
      under = check().then(() => true, () => false).then((isReady) => {
        seen = { isReady, at: performance.now() };
        under = null;
        return isReady;
      });
    }
    const isReady = under === null ? seen?.isReady === true : await Promise.race([under, late(limitMs)]);
    return { id, state: isReady ? 'ready' : 'away', needed: isNeeded };
  };
}

async function late(milliseconds: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), milliseconds).unref();
  });
}
