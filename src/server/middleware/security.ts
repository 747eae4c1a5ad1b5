// What every answer says to browsers, and which hosts a request may name.
// Knows no route and no key.

import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { isIP } from 'node:net';
import { AnymodalError } from '../../errors.ts';
import type { ServerSettings } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';

/** Of answers that are no page: nothing in them is run, loaded or framed. */
const CLOSED = "default-src 'none'; frame-ancestors 'none'; sandbox";
/** Of a medium that a browser shows by itself, in a page that it makes around it. */
const MEDIUM = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";
/** Of our own pages: scripts, styles and data of this server alone; pictures, sounds and videos also as the page makes them. */
export const pagePolicy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "media-src 'self' data: blob:", "font-src 'self'", "connect-src 'self'",
  "worker-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
].join('; ');

/** Headers of every answer. A route that is a page sets `Content-Security-Policy` itself. */
export function securityHeaders(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    const set = (name: string, value: string): void => {
      if (!headers.has(name)) c.res.headers.set(name, value);
    };
    const isMedium = /^(?:image|audio|video)\//.test(headers.get('content-type') ?? '');
    set('Content-Security-Policy', isMedium ? MEDIUM : CLOSED);
    set('X-Content-Type-Options', 'nosniff');
    set('X-Frame-Options', 'DENY');
    set('Referrer-Policy', 'no-referrer');
    set('Cross-Origin-Opener-Policy', 'same-origin');
    // Who was given a signed address may show what is behind it in a page of theirs.
    set('Cross-Origin-Resource-Policy', isMedium && c.req.query('signature') !== undefined ? 'cross-origin' : 'same-origin');
    set('Permissions-Policy', 'camera=(self), microphone=(self), geolocation=()');
    set('Cache-Control', 'no-store');
  };
}

/**
 * Refuses requests that name a host which is not ours: a page of a stranger whose name was made to lead here (DNS rebinding) sends
 * its own name. IP addresses cannot be made to lead elsewhere and are let through.
 */
export function hostCheck({ hosts, publicUrl }: ServerSettings): MiddlewareHandler<AppEnv> {
  const known = new Set(['localhost', ...hosts.map((host) => host.toLowerCase()), ...(publicUrl === null ? [] : [new URL(publicUrl).hostname])]);
  return async (c, next) => {
    const host = hostOf(c.req.raw);
    const name = nameOf(host);
    if (!known.has(name) && !name.endsWith('.localhost') && isIP(name.replace(/^\[|\]$/g, '')) === 0) {
      throw new AnymodalError('forbidden', 'the host of this request is not one of this server; reach it by its address, or name the host in the setting `hosts`.');
    }
    await next();
  };
}

/** Which pages of other origins may read answers; without any, no header says so and browsers refuse them. */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<AppEnv> | null {
  if (origins.length === 0) return null;
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: ['x-request-id', 'x-anymodal-warnings', 'x-anymodal-job', 'x-anymodal-seed', 'x-should-retry', 'Retry-After', 'Location', 'Content-Disposition', 'Content-Range', 'ETag', 'Idempotency-Replayed'],
    maxAge: 600,
  });
}

/** Whether a browser says that a page of another origin asks; programs say nothing. */
export function isForeign(request: Request, { origins, publicUrl }: Pick<ServerSettings, 'origins' | 'publicUrl'>): boolean {
  const origin = request.headers.get('origin');
  if (origin !== null) {
    if (origins.includes('*') || origins.includes(origin)) return false;
    // A proxy that ends TLS changes the scheme; the host is what tells origins apart here.
    const own = [hostOf(request), ...(publicUrl === null ? [] : [new URL(publicUrl).host])];
    return !URL.canParse(origin) || !own.includes(new URL(origin).host);
  }
  return ['cross-site', 'same-site'].includes(request.headers.get('sec-fetch-site') ?? '');
}

/** `Host` as the client sent it, with its port. */
function hostOf(request: Request): string {
  return (request.headers.get('host') ?? new URL(request.url).host).toLowerCase();
}

function nameOf(host: string): string {
  return host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : (host.split(':', 1)[0] ?? '');
}
