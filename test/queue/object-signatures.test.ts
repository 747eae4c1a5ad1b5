// What goes to an object store is signed as AWS Signature Version 4 says: compared with a reckoning of its own, on what arrives at a server.
// Source: AWS General Reference, "Signature Version 4"; the server of `object-server.ts` does not compare them.

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bucket, type BucketOptions } from '../../src/queue/object-store/connection.ts';
import { ObjectBytes } from '../../src/queue/object-store/media-bytes.ts';
import { medium } from './fakes.ts';

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const hash = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const hmac = (key: string | Buffer, content: string): Buffer => createHmac('sha256', key).update(content).digest();
const encoded = (value: string): string => encodeURIComponent(value).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** Whether the signature that a request brings is that of the secret, and the content is the one that it states. */
function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const url = new URL(request.url ?? '', 'http://host');
  const inQuery = url.searchParams.get('X-Amz-Signature');
  const said = /Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)/.exec(request.headers.authorization ?? '');
  const [credential = '', names = '', signature = ''] = inQuery === null ? (said?.slice(1) ?? []) : [url.searchParams.get('X-Amz-Credential') ?? '', url.searchParams.get('X-Amz-SignedHeaders') ?? '', inQuery];
  url.searchParams.delete('X-Amz-Signature');
  const [, day = '', region = '', service = ''] = credential.split('/');
  const at = (inQuery === null ? request.headers['x-amz-date'] : url.searchParams.get('X-Amz-Date')) ?? '';
  const content = inQuery === null ? String(request.headers['x-amz-content-sha256']) : 'UNSIGNED-PAYLOAD';
  if (content !== 'UNSIGNED-PAYLOAD' && content !== hash(body)) return false;
  const query = [...url.searchParams].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).toSorted().join('&');
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join('');
  const canonical = [request.method, url.pathname, query, headers, names, content].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>((from, part) => hmac(from, part), `AWS4${secret}`);
  return hmac(key, ['AWS4-HMAC-SHA256', String(at), `${day}/${region}/${service}/aws4_request`, hash(canonical)].join('\n')).toString('hex') === signature;
}

let server: Server;
let options: BucketOptions;
const seen: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url?.split('?', 1)[0]}`);
      response.writeHead(isSigned(request, Buffer.concat(chunks)) ? 200 : 403).end(request.method === 'GET' ? 'content' : undefined);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  options = { bucket: 'media', prefix: 'a/b_c/', endpoint: `http://127.0.0.1:${port}/`, region: 'eu-central-1', accessKeyId: 'AKIDEXAMPLE', secretAccessKey: secret, sessionToken: null, patienceMs: 0 };
});
afterAll(() => server.close());

test('writing, looking, reading in part, removing and listing', async () => {
  const store = new ObjectBytes(new Bucket(options));
  const { id, bytes } = medium('signed');
  await store.write(id, bytes);
  expect(await store.has(id)).toBe(true);
  expect(await new Response(await store.stream(id, 10, { start: 2, end: 8 })).text()).toBe('content');
  await store.remove(id);
  await new Bucket(options).check();
  expect((await store.ids(0).next()).done).toBe(true);
  const path = `/media/a/b_c/${id.slice(0, 2)}/${id}`;
  expect(seen).toEqual([`PUT ${path}`, `HEAD ${path}`, `GET ${path}`, `DELETE ${path}`, 'HEAD /media/', 'GET /media/']);
});

test('an address for others, and no other address by the same signature', async () => {
  const { id } = medium('signed');
  const address = await new ObjectBytes(new Bucket({ ...options, sessionToken: 'a token+/=' })).address(id, 'audio/ogg; codecs=opus', { seconds: 60, disposition: "attachment; filename=\"it's (a) rain*.ogg\"" });
  expect((await fetch(address)).status).toBe(200);
  expect((await fetch(address.replace(id, medium('other').id))).status).toBe(403);
  expect((await fetch(address.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status).toBe(403);
});

test('content that is not what the id says, and another secret, are refused without telling it', async () => {
  await expect(new ObjectBytes(new Bucket(options)).write(medium('one').id, medium('two').bytes)).rejects.toMatchObject({ code: 'unauthorized' });
  const refused: unknown = await new Bucket({ ...options, secretAccessKey: 'another secret' }).check().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'unauthorized', message: expect.stringContaining('AWS_SECRET_ACCESS_KEY') });
  expect(String(refused)).not.toContain('another secret');
});
