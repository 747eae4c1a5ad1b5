// Addresses of media that say by themselves who may read them and until when: an HMAC over owner, medium and time.
// Knows no store and no route but the one that it points at.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ServerParts } from '../contracts.ts';

type Parts = Pick<ServerParts, 'secret' | 'settings'>;

export interface MediaClaim {
  readonly owner: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const contentPath = /^\/v1\/media\/([0-9a-f]{64})\/content$/;

/** Address under which the client of this request reaches the server, without a slash at the end. */
export function baseAddress({ settings }: Pick<ServerParts, 'settings'>, requestUrl: string): string {
  return (settings.publicUrl ?? new URL(requestUrl).origin).replace(/\/+$/, '');
}

/** An address that anybody may read one medium at until it expires; `base` as `baseAddress` gives it. */
export function signedAddress({ secret, settings }: Parts, base: string, owner: string, id: string, now = Date.now()): string {
  // To the minute, so that the same medium has the same address for a while and caches know it again.
  const expiresAt = Math.ceil((now + settings.addressMs) / 60_000) * 60_000;
  const query = new URLSearchParams({ owner, expires: String(expiresAt), signature: sign(secret, { owner, id, expiresAt }) });
  return `${base}/v1/media/${id}/content?${query.toString()}`;
}

/**
 * What a signed address claims, if its signature is right: `expired` tells a right one whose time is over. Null for every other address.
 * Only path and query are looked at: a server has many names.
 */
export function readSignedAddress(secret: Uint8Array, address: URL, now = Date.now()): (MediaClaim & { readonly expired: boolean }) | null {
  const id = contentPath.exec(address.pathname)?.[1];
  const [owner, expires, signature] = ['owner', 'expires', 'signature'].map((name) => address.searchParams.get(name));
  if (id === undefined || !owner || !signature || !/^\d{1,16}$/.test(expires ?? '')) return null;
  const claim = { owner, id, expiresAt: Number(expires) };
  const [got, expected] = [Buffer.from(signature), Buffer.from(sign(secret, claim))];
  if (got.length !== expected.length || !timingSafeEqual(got, expected)) return null;
  return { ...claim, expired: claim.expiresAt < now };
}

function sign(secret: Uint8Array, { owner, id, expiresAt }: MediaClaim): string {
  return createHmac('sha256', secret).update(`media\n${owner}\n${id}\n${expiresAt}`).digest('base64url');
}
