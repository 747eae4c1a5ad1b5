// Errors on the wire, what the log has of a request, and what neither of them tells.

import { z } from '@hono/zod-openapi';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { AnymodalError, isErrorCode } from '../../../src/errors.ts';
import { createApp } from '../../../src/server/app.ts';
import { listen } from '../../../src/server/listen.ts';
import { statusOfCode } from '../../../src/server/errors.ts';
import { createRoutes, inputFault } from '../../../src/server/routes.ts';
import { startServer } from './server.ts';

const SECRET = 'a secret of the user';

function failing() {
  const routes = createRoutes();
  routes.get('/v1/fail/:what', (c) => {
    if (c.req.param('what') === 'busy') throw new AnymodalError('queue_full', 'too much waits', { retryAfterMs: 2500 });
    if (c.req.param('what') === 'field') throw new AnymodalError('bad_option', 'n: got 0', { field: 'n' });
    if (c.req.param('what') === 'warn') {
      c.get('warnings').push({ code: 'unknown_field', message: 'x' }, { code: 'size_resampled', message: 'y' }, { code: 'unknown_field', message: 'z' });
      return c.text('done');
    }
    throw new Error(SECRET, { cause: new Error(SECRET) });
  });
  return routes;
}

async function request(path: string, headers: Record<string, string> = {}): Promise<{ response: Response; log: string }> {
  const server = await startServer();
  let log = '';
  const app = createApp({ ...server.parts, logger: pino({ level: 'debug' }, { write: (line: string) => void (log += line) }) }, [failing]);
  return { response: await app.request(path, { headers }), log };
}

test('OpenAI\'s shape, and whether and when to try again', async () => {
  const { response } = await request('/v1/fail/busy');
  expect([response.status, await response.json()]).toEqual([429, { error: { message: 'too much waits', type: 'rate_limit_error', param: null, code: 'queue_full' } }]);
  expect([response.headers.get('retry-after'), response.headers.get('retry-after-ms'), response.headers.get('x-should-retry')]).toEqual(['3', '2500', 'true']);
  const field = (await request('/v1/fail/field')).response;
  expect([field.status, field.headers.get('x-should-retry'), await field.json()]).toEqual([400, 'false', { error: { message: 'n: got 0', type: 'invalid_request_error', param: 'n', code: 'bad_option' } }]);
  const missing = (await request('/v1/none')).response;
  expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'not_found' } }]);
});

test('a fault of ours tells the client nothing but its request id, and the log no words of anybody else\'s', async () => {
  const { response, log } = await request(`/v1/fail/now?prompt=${encodeURIComponent(SECRET)}&signature=abc`, { 'x-request-id': 'mine-1', authorization: 'Bearer am_hidden' });
  expect([response.status, response.headers.get('x-request-id'), response.headers.get('x-should-retry')]).toEqual([500, 'mine-1', 'false']);
  expect(await response.text()).not.toContain(SECRET);
  const line: Record<string, unknown> = JSON.parse(log.trim().split('\n').at(-1) ?? '{}');
  expect(line).toMatchObject({ requestId: 'mine-1', method: 'GET', route: '/v1/fail/:what', status: 500, caller: 'local', fault: { name: 'Error', stack: expect.arrayContaining([expect.stringContaining('errors.test.ts')]) } });
  for (const hidden of [SECRET, encodeURIComponent(SECRET), 'signature', 'am_hidden', 'prompt']) expect(log).not.toContain(hidden);
});

test('warnings are named in a header, once each', async () => {
  expect((await request('/v1/fail/warn')).response.headers.get('x-anymodal-warnings')).toBe('unknown_field, size_resampled');
});

test('a fault that zod finds names the field, and within a union the member that fitted furthest', () => {
  const schema = z.object({
    n: z.int().min(1).optional(),
    input: z.array(z.union([z.object({ type: z.literal('text'), text: z.string() }), z.object({ type: z.literal('media'), media: z.object({ id: z.string() }) })])).optional(),
  });
  const fault = (value: unknown): AnymodalError => {
    const checked = schema.safeParse(value);
    if (checked.success) throw new Error('expected a fault');
    return inputFault(checked.error);
  };
  expect(fault({ n: 0 })).toMatchObject({ code: 'bad_input', field: 'n', message: expect.stringMatching(/^n: /) });
  expect(fault({ input: [{ type: 'media', media: {} }] })).toMatchObject({ field: 'input.0.media.id' });
  expect(fault(7)).toMatchObject({ field: null, message: expect.stringContaining('expected object') });
});

test.each([['announced', 'content-length: 100'], ['of unknown length', 'transfer-encoding: chunked']])('a client that leaves in the midst of its body is no fault of the server (%s)', async (_, length) => {
  const server = await startServer();
  const { promise, resolve } = Promise.withResolvers<string>();
  const listening = await listen(createApp({ ...server.parts, logger: pino({ level: 'debug' }, { write: (line: string) => resolve(line) }) }), { host: '127.0.0.1', port: 0 });
  const client = connect(listening.port, '127.0.0.1');
  client.write(`POST /v1/embeddings HTTP/1.1\r\nhost: 127.0.0.1:${listening.port}\r\ncontent-type: application/json\r\n${length}\r\nexpect: 100-continue\r\n\r\n`);
  // It begins to read before the client goes.
  client.once('data', () => {
    client.write(length.startsWith('transfer') ? '5\r\n{"inp\r\n' : '{"inp', () => client.destroy());
  });
  expect(JSON.parse(await promise)).toMatchObject({ level: 30, status: 409, route: '/v1/embeddings' });
  await listening.close(0);
});

test('docs/api.md has the table of all codes as it is', () => {
  const text = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code = '', status]) => [code, Number(status)]);
  expect(Object.fromEntries(rows)).toEqual(statusOfCode);
  expect(rows.every(([code]) => isErrorCode(String(code)))).toBe(true);
});
