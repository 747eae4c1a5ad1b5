// Addresses in requests: which are fetched, from where, and that what was checked is what is connected to.

import { createServer, IncomingMessage, request } from 'node:http';
import { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isPublicAddress } from '../../../src/server/public-addresses.ts';
import { fetchRemote, type Open, type RemoteAccess } from '../../../src/server/remote-media.ts';

const allowed = { allowed: true, hosts: [], bytes: 1000, timeoutMs: 1000 };
const names: Readonly<Record<string, readonly string[]>> = { 'public.example': ['93.184.216.34'], 'inside.example': ['10.0.0.7'], 'both.example': ['93.184.216.34', '127.0.0.1'], 'six.example': ['::1'], 'cdn.public.example': ['2606:2800:220:1::1'] };
const never = new AbortController().signal;

/** An answer as node gives it, without a socket. */
function answer(status: number, headers: Record<string, string>, chunks: readonly Uint8Array[] = []): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.statusCode = status;
  message.headers = headers;
  for (const chunk of chunks) message.push(chunk);
  message.push(null);
  return message;
}

function fake(answers: Readonly<Record<string, () => IncomingMessage>>): RemoteAccess & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (host) => names[host] ?? [],
    open: async (url, address) => {
      asked.push(`${address} ${url.href}`);
      const made = answers[url.href];
      if (made === undefined) throw new Error('unexpected');
      return made();
    },
  };
}

test.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111'])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));
test.each(['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::a00:1', '2002:7f00:1::', '2001:db8::1', 'ff02::1', 'localhost'])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

test('nothing is fetched unless the settings allow it', async () => {
  const access = fake({});
  await expect(fetchRemote('https://public.example/a.png', { ...allowed, allowed: false }, 'input.0', never, access)).rejects.toMatchObject({ code: 'bad_input', field: 'input.0' });
  expect(access.asked).toEqual([]);
});

test.each([
  ['file:///etc/passwd', 'scheme'], ['ftp://public.example/a', 'scheme'], ['https://public.example:8443/a', 'port'], ['http://public.example:22/', 'port'], ['https://a:b@public.example/', 'password'],
  ['https://inside.example/a', 'open internet'], ['https://both.example/a', 'open internet'], ['https://six.example/a', 'open internet'], ['http://127.0.0.1/a', 'open internet'], ['http://2130706433/a', 'open internet'],
  ['http://0x7f.1/', 'open internet'], ['http://[::1]/', 'open internet'], ['http://[::ffff:10.0.0.1]/', 'open internet'], ['not an address', 'no address'],
])('%s is refused: %s', async (address, reason) => {
  const access = fake({});
  await expect(fetchRemote(address, allowed, 'url', never, access)).rejects.toMatchObject({ code: 'bad_input', field: 'url', message: expect.stringContaining(reason) });
  expect(access.asked).toEqual([]);
});

test('the checked address is connected to, redirects are followed and checked again', async () => {
  const access = fake({
    'https://public.example/a': () => answer(302, { location: '/b?signature=hidden' }),
    'https://public.example/b?signature=hidden': () => answer(301, { location: 'http://cdn.public.example/c' }),
    'http://cdn.public.example/c': () => answer(200, {}, [new Uint8Array([1, 2]), new Uint8Array([3])]),
  });
  expect([...(await fetchRemote('https://public.example/a', allowed, 'url', never, access))]).toEqual([1, 2, 3]);
  expect(access.asked).toEqual(['93.184.216.34 https://public.example/a', '93.184.216.34 https://public.example/b?signature=hidden', '2606:2800:220:1::1 http://cdn.public.example/c']);
});

test('a redirect inside, to another scheme, or one too many is not followed', async () => {
  for (const location of ['http://inside.example/', 'http://169.254.169.254/latest', 'file:///etc/passwd', 'https://public.example:99/']) {
    const access = fake({ 'https://public.example/a': () => answer(302, { location }) });
    await expect(fetchRemote('https://public.example/a', allowed, 'url', never, access)).rejects.toMatchObject({ code: 'bad_input' });
    expect(access.asked).toHaveLength(1);
  }
  const round = fake({ 'https://public.example/a': () => answer(302, { location: '/a' }) });
  await expect(fetchRemote('https://public.example/a', allowed, 'url', never, round)).rejects.toMatchObject({ message: expect.stringContaining('redirects') });
  expect(round.asked).toHaveLength(4);
});

test('limits of size, announced or not, of hosts and of status; no message holds more of the address than its host', async () => {
  const big = [new Uint8Array(600), new Uint8Array(600)];
  for (const headers of [{}, { 'content-length': '1200' }] as Record<string, string>[]) {
    const access = fake({ 'https://public.example/a?signature=hidden': () => answer(200, headers, big) });
    const error: unknown = await fetchRemote('https://public.example/a?signature=hidden', allowed, 'url', never, access).catch((fault: unknown) => fault);
    expect(error).toMatchObject({ code: 'bad_media', message: expect.stringContaining('more than 1000 bytes') });
    expect(String(error)).not.toContain('hidden');
  }
  const ok = { 'https://public.example/a': () => answer(200, {}), 'https://cdn.public.example/a': () => answer(404, {}) };
  await expect(fetchRemote('https://public.example/a', { ...allowed, hosts: ['*.public.example'] }, 'url', never, fake(ok))).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('hosts') });
  await expect(fetchRemote('https://cdn.public.example/a', { ...allowed, hosts: ['*.public.example'] }, 'url', never, fake(ok))).rejects.toMatchObject({ code: 'bad_media', message: expect.stringContaining('HTTP 404') });
});

test('a server that does not end its answer is left at the limit of time', async () => {
  const silent = createServer((_, response) => void response.write('x'));
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    silent.closeAllConnections();
    await new Promise((resolve) => void silent.close(resolve));
  });
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const open: Open = async (_, __, signal) => new Promise((resolve, reject) => void request({ port: port ?? 0, host: '127.0.0.1', signal }, resolve).on('error', reject).end());
  await expect(fetchRemote('https://public.example/a', { ...allowed, timeoutMs: 50 }, 'url', never, { resolve: async () => ['8.8.8.8'], open })).rejects.toMatchObject({ code: 'bad_media', message: expect.stringContaining('longer than 50 ms') });
});
