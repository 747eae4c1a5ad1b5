// The page's session: begun with a key, ended, and asked for.
// Knows the store of keys and the cookie alone.

import { createRoute, z } from '@hono/zod-openapi';
import { AnymodalError } from '../../errors.ts';
import type { Routes } from '../routes.ts';
import { createRoutes } from '../routes.ts';
import { isForeign } from '../middleware/security.ts';
import { beginSession, callerOfSession, endSession } from './session.ts';

const session = z
  .object({
    keysRequired: z.boolean().openapi({ description: 'Whether this server needs a key at all.' }),
    signedIn: z.boolean().openapi({ description: 'Whether this browser may ask without sending a key.' }),
    scopes: z.array(z.enum(['generate', 'read', 'admin'])),
  })
  .openapi('Session');
const answers = { 200: { description: 'The session as it is now.', content: { 'application/json': { schema: session } } } };

const readRoute = createRoute({ method: 'get', path: '/session', tags: ['Keys'], summary: 'The session of this browser', security: [], responses: answers });
const beginRoute = createRoute({
  method: 'post', path: '/session', tags: ['Keys'], summary: 'Begin a session with a key', security: [],
  description: 'Sets a signed cookie (HttpOnly, SameSite=Strict) that stands for the key in requests of pages of this server.',
  request: { body: { required: true, content: { 'application/json': { schema: z.object({ key: z.string().min(1).max(200) }) } } } },
  responses: answers,
});
const endRoute = createRoute({ method: 'delete', path: '/session', tags: ['Keys'], summary: 'End the session', security: [], responses: answers });

export const keyRoutes: Routes = (parts) => {
  const routes = createRoutes();
  const { keysRequired } = parts.settings;
  const local = { keysRequired, signedIn: !keysRequired, scopes: keysRequired ? [] : (['generate', 'read', 'admin'] as const).slice() };
  const refuseForeign = (request: Request): void => {
    if (isForeign(request, parts.settings)) throw new AnymodalError('forbidden', 'a page of another origin has no session here; send a key with each request.');
  };
  routes.openapi(readRoute, async (c) => {
    const caller = isForeign(c.req.raw, parts.settings) ? null : await callerOfSession(c, parts);
    return c.json(caller === null ? local : { keysRequired, signedIn: true, scopes: [...caller.scopes] }, 200);
  });
  routes.openapi(beginRoute, async (c) => {
    refuseForeign(c.req.raw);
    const caller = await parts.keys.check(c.req.valid('json').key);
    if (caller === null) throw new AnymodalError('unauthorized', 'this key is unknown here or was revoked; anymodal keys add NAME makes another.', { field: 'key' });
    beginSession(c, caller, parts);
    return c.json({ keysRequired, signedIn: true, scopes: [...caller.scopes] }, 200);
  });
  routes.openapi(endRoute, (c) => {
    refuseForeign(c.req.raw);
    endSession(c);
    return c.json(local, 200);
  });
  return routes;
};
