// Who sends a request: a key, the page's session, a signed address, or anybody on this machine; and whether the scope is enough.
// Knows keys by the store alone, and routes by their methods.

import type { Context, MiddlewareHandler } from 'hono';
import { AnymodalError } from '../../errors.ts';
import { callerOfAddress } from '../addresses.ts';
import type { Caller, Scope, ServerParts } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';
import { callerOfSession } from '../keys/session.ts';
import { isForeign } from './security.ts';

/** Whoever needs no key. */
export const localCaller: Caller = { owner: 'local', scopes: ['generate', 'read', 'admin'] };
/** Asks for what is open to all, such as `/healthz`. */
const nobody: Caller = { owner: 'nobody', scopes: [] };

type Parts = Pick<ServerParts, 'keys' | 'settings' | 'secret'>;

/** Sets `caller`. `isOpen` names what needs no key. Throws `unauthorized` and `forbidden`. */
export function authentication(parts: Parts, isOpen: (method: string, path: string) => boolean): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { method, path } = c.req;
    const safe = method === 'GET' || method === 'HEAD';
    if (isOpen(method, path)) c.set('caller', nobody);
    else {
      const caller = await callerOf(c, parts, safe);
      const scope: Scope = path.startsWith('/admin/') ? 'admin' : safe ? 'read' : 'generate';
      if (!caller.scopes.includes(scope)) throw new AnymodalError('forbidden', `this key lacks the scope "${scope}"; add one that has it: anymodal keys add NAME --scope ${scope}`);
      c.set('caller', caller);
    }
    await next();
  };
}

async function callerOf(c: Context<AppEnv>, parts: Parts, safe: boolean): Promise<Caller> {
  const key = keyOf(c);
  const known = key === null ? null : await parts.keys.check(key);
  if (known !== null) return known;
  // Without a key that a program has to hold, a browser might ask on behalf of any page.
  const foreign = isForeign(c.req.raw, parts.settings);
  const signed = safe ? callerOfAddress(new URL(c.req.url), parts) : null;
  // With a key its addresses are revoked.
  if (signed !== null && (signed.owner === localCaller.owner || (await parts.keys.list()).some(({ id }) => id === signed.owner))) return signed;
  if (foreign && !safe) throw new AnymodalError('forbidden', 'a page of another origin may not ask this server; name its origin in the setting `origins`, or send a key.');
  const session = foreign ? null : await callerOfSession(c, parts);
  if (session !== null) return session;
  if (!parts.settings.keysRequired) return localCaller;
  throw key === null
    ? new AnymodalError('unauthorized', 'this server needs a key; send it as `Authorization: Bearer am_...` (anymodal keys add NAME makes one).')
    : new AnymodalError('unauthorized', 'this key is unknown here or was revoked; anymodal keys add NAME makes another.');
}

/** A key as clients send it: bearer, the password of Basic as A1111's clients do, or `x-api-key`. */
function keyOf(c: Context<AppEnv>): string | null {
  const header = c.req.header('authorization') ?? '';
  const [, scheme = '', value = ''] = /^(\S+)\s+(\S+)\s*$/.exec(header) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (/^basic$/i.test(scheme)) return Buffer.from(value, 'base64').toString('utf8').replace(/^[^:]*:/, '');
  return c.req.header('x-api-key') ?? null;
}
