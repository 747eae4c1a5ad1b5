// One line in the log for each request, under an id that the client gets too, and its figures for `/metrics`.
// Writes no path, no query, no body and no key: of an address only the pattern of the route that answered.

import { randomBytes } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Logger } from 'pino';
import { AnymodalError } from '../../errors.ts';
import type { HttpMetrics } from '../operations/metrics.ts';
import type { AppEnv } from '../routes.ts';

/** Sets `requestId` and the header `x-request-id`; a client's own id is taken over where it is short and plain. */
export function requestLog(logger: Logger, metrics: HttpMetrics): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : `req_${randomBytes(12).toString('base64url')}`;
    c.set('requestId', requestId);
    c.set('warnings', []);
    const startedAt = performance.now();
    await next();
    const { error } = c;
    const warnings = new Set(c.get('warnings').map(({ code }) => code));
    if (warnings.size > 0) c.header('x-anymodal-warnings', [...warnings].join(', '));
    c.header('x-request-id', requestId);
    const milliseconds = performance.now() - startedAt;
    const route = patternOf(c);
    const { method } = c.req;
    const { status } = c.res;
    metrics.observe({ method, route, status, seconds: milliseconds / 1000 });
    const line = { requestId, method, route, status, milliseconds: Math.round(milliseconds), caller: c.get('caller')?.owner };
    if (error !== undefined && status >= 500) logger.error({ ...line, fault: faultOf(error) }, 'request failed');
    else logger.info(error instanceof AnymodalError ? { ...line, code: error.code } : line, 'request');
  };
}

/** The pattern of the route that answered, such as `/v1/jobs/:id`; `*` where none did. */
function patternOf(c: Parameters<MiddlewareHandler<AppEnv>>[0]): string {
  return c.res.status === 404 && c.error === undefined ? '*' : routePath(c, -1);
}

/** What the log may hold of an error: messages of our own have no user content, those of others might. */
function faultOf(error: Error): { readonly name: string; readonly code?: string; readonly message?: string; readonly stack: readonly string[]; readonly cause?: unknown } {
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
  const cause = error.cause instanceof Error ? { cause: faultOf(error.cause) } : {};
  return error instanceof AnymodalError ? { name: error.name, code: error.code, message: error.message, stack, ...cause } : { name: error.name, stack, ...cause };
}
