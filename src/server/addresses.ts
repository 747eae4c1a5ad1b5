// Addresses that are good for a while without a key: the path, who owns what is behind it, and until when, under a signature.
// Knows no route: whatever a GET answers its owner can be given such an address.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import type { Caller, ServerParts } from './contracts.ts';

type Signing = Pick<ServerParts, 'secret'>;

/** Address under which clients reach the server, without a slash at its end. */
export function baseAddress(c: Context, { settings }: Pick<ServerParts, 'settings'>): string {
  return settings.publicUrl?.replace(/\/+$/, '') ?? new URL(c.req.url).origin;
}

/** The address of `path` (with its query, such as `/v1/media/ID/content?variant=thumbnail`) that answers as if `owner` asked, until `settings.addressMs` from now. */
export function signedAddress(c: Context, parts: Signing & Pick<ServerParts, 'settings'>, owner: string, path: string): string {
  const url = new URL(path, `${baseAddress(c, parts)}/`);
  url.searchParams.set('owner', owner);
  url.searchParams.set('expires', String(Math.floor((Date.now() + parts.settings.addressMs) / 1000)));
  url.searchParams.set('signature', signatureOf(url, parts.secret));
  return url.href;
}

/** Seconds since 1970 until which a signed address is good; null for one that is not signed. */
export function expiryOf(address: string): number | null {
  const expires = new URL(address).searchParams.get('expires');
  return expires === null ? null : Number(expires);
}

/** Who a signed address lets in, for reading alone; null where its signature is missing, wrong or too old. */
export function callerOfAddress(url: URL, { secret }: Signing): Caller | null {
  const { searchParams } = url;
  const [owner, expires, signature] = ['owner', 'expires', 'signature'].map((name) => searchParams.get(name));
  if (owner === null || owner === undefined || signature === null || signature === undefined || !/^\d{1,12}$/.test(expires ?? '')) return null;
  const [given, right] = [Buffer.from(signature), Buffer.from(signatureOf(url, secret))];
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  return Number(expires) * 1000 > Date.now() ? { owner, scopes: ['read'] } : null;
}

/** Over the path and the whole query but the signature itself; not over the host, which a proxy may change. */
function signatureOf(url: URL, secret: Uint8Array): string {
  const query = new URLSearchParams(url.searchParams);
  query.delete('signature');
  query.sort();
  return createHmac('sha256', secret).update(`address\n${url.pathname}\n${query.toString()}`).digest('base64url');
}
