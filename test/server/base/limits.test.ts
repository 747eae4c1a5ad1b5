// How much a request may carry, and how many come in a minute.

import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { createRoutes, type AppEnv } from '../../../src/server/routes.ts';
import { errorResponse } from '../../../src/server/errors.ts';
import { bodyFaultOf, bodyLimit, rateLimit } from '../../../src/server/middleware/limits.ts';
import { limits, startServer } from './server.ts';

test('a body that is announced as too large is refused before a byte of it is read', async () => {
  const { app } = await startServer(limits({ bodyBytes: 1000 }));
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void (pulled += 1) }, { highWaterMark: 0 });
  const response = await app.request('/v1/jobs', { method: 'POST', headers: { 'content-length': '1001', 'content-type': 'application/json' }, body, duplex: 'half' });
  expect([response.status, pulled]).toEqual([413, 0]);
  expect(await response.json()).toMatchObject({ error: { code: 'too_large', type: 'invalid_request_error' } });
});

test('one of unknown length is cut off where it gets too long, and no more is read', async () => {
  const app = createRoutes();
  app.onError((error, c) => errorResponse(c, bodyFaultOf(c.req.raw) ?? error));
  app.use(bodyLimit(1000));
  let read = 0;
  app.post('/', async (c) => {
    // As a reader of JSON or of a form does it, which makes another error of it.
    await c.req.text().catch(() => {
      throw new Error('no JSON');
    });
    return c.text('read');
  });
  const send = async (chunks: number): Promise<Response> => {
    read = 0;
    const body = new ReadableStream({
      pull(controller) {
        read += 1;
        if (read > chunks) controller.close();
        else controller.enqueue(new Uint8Array(100));
      },
    }, { highWaterMark: 0 });
    return app.request('/', { method: 'POST', body, duplex: 'half' });
  };
  expect((await send(10)).status).toBe(200);
  expect((await send(1000)).status).toBe(413);
  expect(read).toBeLessThan(20);
});

test('more requests of one caller than a minute may have are told when to come again; other callers are not', async () => {
  let now = 0;
  let owner = 'one';
  const app = new Hono<AppEnv>();
  app.onError((error, c) => errorResponse(c, error));
  app.use(async (c, next) => {
    c.set('caller', { owner, scopes: ['read'] });
    await next();
  });
  app.use(rateLimit(60, () => now));
  app.get('/', (c) => c.text('here'));
  for (let count = 0; count < 60; count += 1) expect((await app.request('/')).status).toBe(200);
  const refused = await app.request('/');
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('retry-after-ms'), refused.headers.get('x-should-retry')]).toEqual([429, '1', '1000', 'true']);
  expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited', type: 'rate_limit_error' } });
  owner = 'two';
  expect((await app.request('/')).headers.get('x-ratelimit-remaining-requests')).toBe('59');
  owner = 'one';
  now += 1000;
  expect([(await app.request('/')).status, (await app.request('/')).status]).toEqual([200, 429]);
});
