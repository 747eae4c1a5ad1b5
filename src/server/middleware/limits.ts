// How much one request may carry, and how many of them one key may send in a minute.
// Knows no route.

import type { MiddlewareHandler } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { ServerSettings } from '../contracts.ts';
import type { AppEnv } from '../routes.ts';

const bodyFaults = new WeakMap<Request, AnymodalError>();

/** The fault of a body that was cut off for its length, whatever the reader of it made of that. */
export function bodyFaultOf(request: Request): AnymodalError | null {
  return bodyFaults.get(request) ?? null;
}

/** Refuses a body of more than `most` bytes: by its announced length at once, otherwise when the byte too many arrives. */
export function bodyLimit(most: number): MiddlewareHandler<AppEnv> {
  const tooLarge = (): AnymodalError => new AnymodalError('too_large', `the body has more than ${most} bytes; send less, or raise the setting limits.bodyBytes.`);
  return async (c, next) => {
    const { raw } = c.req;
    if (!['GET', 'HEAD'].includes(raw.method) && raw.body !== null) {
      const length = c.req.header('content-length');
      if (Number(length ?? 0) > most) throw tooLarge();
      // Node's parser holds a body to its announced length.
      if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
        let size = 0;
        const counted = raw.body.pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
              size += chunk.length;
              if (size <= most) controller.enqueue(chunk);
              else {
                const fault = tooLarge();
                bodyFaults.set(c.req.raw, fault);
                controller.error(fault);
              }
            },
          }),
        );
        c.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, signal: raw.signal, body: counted, duplex: 'half' });
      }
    }
    await next();
  };
}

/** At most `perMinute` requests of one caller in a minute, spread as they come; 0 sets no limit. Throws `rate_limited`. */
export function rateLimit(perMinute: ServerSettings['limits']['requestsPerMinute'], now: () => number = () => performance.now()): MiddlewareHandler<AppEnv> {
  const buckets = new Map<string, { left: number; at: number }>();
  const perMs = perMinute / 60_000;
  return async (c, next) => {
    const { owner, scopes } = c.get('caller');
    // What is open to all is asked by monitors and costs nothing.
    if (perMinute > 0 && scopes.length > 0) {
      const at = now();
      const bucket = buckets.get(owner) ?? { left: perMinute, at };
      bucket.left = Math.min(perMinute, bucket.left + (at - bucket.at) * perMs);
      bucket.at = at;
      buckets.set(owner, bucket);
      if (bucket.left < 1) {
        throw new AnymodalError('rate_limited', `more than ${perMinute} requests in a minute; wait, or raise the setting limits.requestsPerMinute.`, { retryAfterMs: Math.ceil((1 - bucket.left) / perMs) });
      }
      bucket.left -= 1;
      c.header('x-ratelimit-limit-requests', String(perMinute));
      c.header('x-ratelimit-remaining-requests', String(Math.floor(bucket.left)));
    }
    await next();
  };
}
