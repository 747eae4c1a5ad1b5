// Keys, their scopes, and the page's session that stands for one.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createKeyStore } from '../../../src/server/keys/store.ts';
import { openDatabase } from '../../../src/queue/data-folder.ts';
import { temporaryFolder } from '../../cli/fake-shell.ts';
import { signedAddress } from '../../../src/server/addresses.ts';
import { createRoutes } from '../../../src/server/routes.ts';
import { onePixelPng } from '../../cli/fixtures.ts';
import { startServer } from './server.ts';

test('a key of 256 bits is made once; the file holds its hash, and a revoked one is nobody', async () => {
  const folder = temporaryFolder();
  const database = await openDatabase(folder);
  let now = 1000;
  const store = createKeyStore(database, () => now);
  const { id, key } = await store.add('laptop', ['read', 'generate']);
  expect(key).toMatch(/^am_[\w-]{43}$/);
  expect(await store.check(key)).toEqual({ owner: id, scopes: ['generate', 'read'] });
  expect(await store.list()).toEqual([{ id, name: 'laptop', scopes: ['generate', 'read'], createdAt: 1000, lastUsedAt: null }]);
  now = 90_000;
  await store.check(key);
  expect((await store.list())[0]?.lastUsedAt).toBe(90_000);
  for (const file of readdirSync(dirname(database.path))) expect(readFileSync(join(folder, file), 'latin1')).not.toContain(key.slice(3));
  await expect(store.add('laptop', ['read'])).rejects.toMatchObject({ code: 'conflict' });
  await expect(store.add('', ['read'])).rejects.toMatchObject({ code: 'bad_input' });
  await expect(store.add('none', [])).rejects.toMatchObject({ code: 'bad_input' });
  for (const wrong of ['', 'am_', `${key}x`, key.slice(0, -1), 'am_'.padEnd(2000, 'x')]) expect(await store.check(wrong)).toBeNull();
  expect([await store.revoke('laptop'), await store.revoke(id), await store.check(key)]).toEqual([true, false, null]);
  database.close();
});

test('where keys are needed: none, an unknown one, one without the scope, and the three ways to send one', async () => {
  const { app, parts } = await startServer({ keysRequired: true });
  const all = await parts.keys.add('all', ['generate', 'read']);
  const reader = await parts.keys.add('reader', ['read']);
  const status = async (headers: Record<string, string>, method = 'GET'): Promise<number> => (await app.request('/v1/jobs', { method, headers })).status;
  expect(await status({})).toBe(401);
  expect((await app.request('/v1/jobs')).headers.get('www-authenticate')).toContain('Bearer');
  expect(await status({ authorization: 'Bearer am_unknown' })).toBe(401);
  expect(await status({ authorization: `Bearer ${all.key}` })).toBe(200);
  expect(await status({ authorization: `Basic ${Buffer.from(`any:${all.key}`).toString('base64')}` })).toBe(200);
  expect(await status({ 'x-api-key': all.key })).toBe(200);
  expect(await status({ authorization: `Bearer ${reader.key}` })).toBe(200);
  const refused = await app.request('/v1/jobs', { method: 'POST', headers: { authorization: `Bearer ${reader.key}` } });
  expect([refused.status, await refused.json()]).toMatchObject([403, { error: { code: 'forbidden', type: 'permission_error' } }]);
  for (const [path, expected] of [['/healthz', 200], ['/readyz', 200], ['/openapi.json', 200], ['/docs', 200], ['/metrics', 401]] as const) expect((await app.request(path)).status, path).toBe(expected);
  const backup = async (key: string): Promise<number> => (await app.request('/admin/backup', { method: 'POST', headers: { authorization: `Bearer ${key}` } })).status;
  // Whose server has no folder to copy answers an admin with `unsupported`.
  expect([await backup(all.key), await backup((await parts.keys.add('admin', ['admin'])).key)]).toEqual([403, 400]);
  await parts.keys.revoke('all');
  expect(await status({ authorization: `Bearer ${all.key}` })).toBe(401);
});

test('the session of the page: a signed cookie for requests of our own origin, gone with its key', async () => {
  const { app, parts } = await startServer({ keysRequired: true });
  const { key } = await parts.keys.add('browser', ['generate', 'read']);
  const begin = async (headers: Record<string, string>, body: unknown): Promise<Response> => app.request('/session', { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  expect(await (await app.request('/session')).json()).toEqual({ keysRequired: true, signedIn: false, scopes: [] });
  expect((await begin({}, { key: 'am_wrong' })).status).toBe(401);
  expect((await begin({ origin: 'https://evil.example' }, { key })).status).toBe(403);
  const begun = await begin({ origin: 'http://localhost' }, { key });
  const header = begun.headers.get('set-cookie') ?? '';
  expect([begun.status, header]).toEqual([200, expect.stringMatching(/HttpOnly.*SameSite=Strict/)]);
  expect(header).not.toContain(key);
  const cookie = header.split(';', 1)[0] ?? '';
  const status = async (headers: Record<string, string>): Promise<number> => (await app.request('/v1/jobs', { headers: { host: 'localhost', ...headers } })).status;
  expect(await status({ cookie })).toBe(200);
  expect(await status({ cookie, 'sec-fetch-site': 'same-origin' })).toBe(200);
  expect(await status({ cookie, 'sec-fetch-site': 'cross-site' })).toBe(401);
  expect(await status({ cookie, origin: 'https://evil.example' })).toBe(401);
  expect(await status({ cookie: `${cookie.slice(0, -2)}xx` })).toBe(401);
  expect(await (await app.request('/session', { headers: { cookie } })).json()).toMatchObject({ signedIn: true, scopes: ['generate', 'read'] });
  expect((await app.request('/session', { method: 'DELETE', headers: { cookie } })).headers.get('set-cookie')).toContain('Max-Age=0');
  await parts.keys.revoke('browser');
  expect(await status({ cookie })).toBe(401);
});

test('a signed address lets in whoever has it, to that one thing, until it expires or its key is revoked', async () => {
  const { app, parts } = await startServer({ keysRequired: true });
  const { id, key } = await parts.keys.add('one', ['generate', 'read']);
  const sent = await app.request('/v1/media', { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'image/png' }, body: onePixelPng });
  const { id: medium, url }: { id: string; url: string } = JSON.parse(await sent.text());
  expect([sent.status, url]).toEqual([201, expect.stringContaining(`/v1/media/${medium}/content?`)]);
  const status = async (address: string, init: RequestInit = {}): Promise<number> => (await app.request(address, init)).status;
  expect(await status(url)).toBe(200);
  const policies = async (address: string, headers: Record<string, string> = {}): Promise<(string | null)[]> => {
    const answer = await app.request(address, { headers });
    return [answer.headers.get('cross-origin-resource-policy'), answer.headers.get('content-security-policy')];
  };
  expect(await policies(url)).toEqual(['cross-origin', expect.stringContaining("media-src 'self'")]);
  expect(await policies(`/v1/media/${medium}/content`, { authorization: `Bearer ${key}` })).toEqual(['same-origin', expect.stringContaining("default-src 'none'")]);
  expect(await status(url.replace('/content', ''))).toBe(401);
  expect(await status(`${url}&download=true`)).toBe(401);
  expect(await status(url.replace(`owner=${id}`, 'owner=local'))).toBe(401);
  expect(await status(url.replace(/expires=\d+/, 'expires=99999999999'))).toBe(401);
  expect(await status(url, { method: 'DELETE' })).toBe(401);
  const { secret, settings } = parts;
  let old = '';
  await createRoutes().get('/', (c) => c.text((old = signedAddress(c, { secret, settings: { ...settings, addressMs: -2000 } }, id, `/v1/media/${medium}/content`)))).request('/');
  expect(await status(old)).toBe(401);
  await parts.keys.revoke('one');
  expect(await status(url)).toBe(401);
});
