// The page's session: a signed cookie that stands for a key, for requests of our own origin alone.
// Knows no route; a revoked key ends its sessions.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Caller, ServerParts } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';

const COOKIE = 'anymodal_session';
const SESSION_SECONDS = 30 * 24 * 3600;

/** Gives the browser a session of `caller`'s key. */
export function beginSession(c: Context<AppEnv>, caller: Caller, parts: Pick<ServerParts, 'secret' | 'settings'>): void {
  const body = `${Buffer.from(caller.owner).toString('base64url')}.${Math.floor(Date.now() / 1000) + SESSION_SECONDS}`;
  const secure = new URL(parts.settings.publicUrl ?? c.req.url).protocol === 'https:';
  setCookie(c, COOKIE, `${body}.${signatureOf(body, parts.secret)}`, { httpOnly: true, sameSite: 'Strict', path: '/', secure, maxAge: SESSION_SECONDS });
}

export function endSession(c: Context<AppEnv>): void {
  deleteCookie(c, COOKIE, { path: '/' });
}

/** Whose session the cookie is; null without one, or where it is wrong, over, or its key revoked. */
export async function callerOfSession(c: Context<AppEnv>, { keys, secret }: Pick<ServerParts, 'keys' | 'secret'>): Promise<Caller | null> {
  const cookie = getCookie(c, COOKIE);
  const [, body, owner = '', expires, signature = ''] = /^((\S+)\.(\d{1,12}))\.(\S+)$/.exec(cookie ?? '') ?? [];
  if (body === undefined) return null;
  const [given, right] = [Buffer.from(signature), Buffer.from(signatureOf(body, secret))];
  if (given.length !== right.length || !timingSafeEqual(given, right) || Number(expires) * 1000 < Date.now()) return null;
  const id = Buffer.from(owner, 'base64url').toString('utf8');
  const key = (await keys.list()).find((candidate) => candidate.id === id);
  return key === undefined ? null : { owner: key.id, scopes: key.scopes };
}

function signatureOf(body: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(`session\n${body}`).digest('base64url');
}
