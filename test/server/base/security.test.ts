// What browsers may do with the server, and under which names it answers.

import { expect, test } from 'vitest';
import { startServer } from './server.ts';

test('every answer bears headers that let nothing in it run, be framed or be kept', async () => {
  const { app } = await startServer();
  for (const path of ['/healthz', '/v1/none', '/openapi.json']) {
    const { headers } = await app.request(path);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(Object.fromEntries(headers)).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store', 'cross-origin-resource-policy': 'same-origin' });
    expect(headers.get('x-request-id')).toMatch(/^req_/);
  }
});

test.each([
  ['127.0.0.1:8080', 200], ['localhost:1', 200], ['[::1]:8080', 200], ['192.168.1.20', 200], ['chat.localhost', 200],
  ['evil.example', 403], ['localhost.evil.example', 403], ['ours.example', 200], ['OURS.example:8080', 200],
])('a request that names the host %s: %i', async (host, status) => {
  const { app } = await startServer({ hosts: ['ours.example'] });
  expect((await app.request('/healthz', { headers: { host } })).status).toBe(status);
});

test('without a key, no page of another origin can send work, and none reads an answer', async () => {
  const { app } = await startServer();
  const send = async (headers: Record<string, string>): Promise<Response> => app.request('/v1/jobs', { method: 'POST', headers: { host: 'localhost', 'content-type': 'text/plain', ...headers }, body: '{}' });
  expect((await send({ origin: 'https://evil.example' })).status).toBe(403);
  expect((await send({ origin: 'null' })).status).toBe(403);
  expect((await send({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  for (const own of [{ origin: 'http://localhost' }, { 'sec-fetch-site': 'same-origin' }, {}] as Record<string, string>[]) expect((await send(own)).status).not.toBe(403);
  const read = await app.request('/v1/jobs', { headers: { origin: 'https://evil.example' } });
  expect(read.headers.get('access-control-allow-origin')).toBeNull();
  expect((await app.request('/v1/jobs', { method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } })).headers.get('access-control-allow-origin')).toBeNull();
});

test('origins that are named in the settings may', async () => {
  const { app } = await startServer({ origins: ['https://chat.example'] });
  const preflight = await app.request('/v1/jobs', { method: 'OPTIONS', headers: { origin: 'https://chat.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'https://chat.example', 'authorization']);
  const read = await app.request('/v1/jobs', { headers: { origin: 'https://chat.example' } });
  expect([read.headers.get('access-control-allow-origin'), read.headers.get('access-control-expose-headers')]).toEqual(['https://chat.example', expect.stringContaining('x-anymodal-warnings')]);
  expect((await app.request('/v1/jobs', { headers: { origin: 'https://other.example' } })).headers.get('access-control-allow-origin')).toBeNull();
});

test('an address that exists says which methods it knows', async () => {
  const { app } = await startServer();
  const response = await app.request('/healthz', { method: 'DELETE' });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', code: 'bad_input' } });
});
