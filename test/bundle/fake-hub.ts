// A hub for tests on 127.0.0.1: repositories in memory, large files on a second server as a hub's storage is, and faults on demand.
// Speaks as much of the protocol as Hugging Face's does to a download; keeps what it was asked.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly server: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly token: string | null;
}

export interface FakeRepository {
  readonly files: Readonly<Record<string, Buffer>>;
  readonly licence?: string;
  /** Token without which no file is given out. */
  readonly gated?: string;
}

export interface Faults {
  /** Breaks each of the next answers of the storage after so many bytes. */
  cuts: number[];
  /** Answers of the storage that have one byte changed. */
  damaged: number;
  /** Whether the storage knows no ranges. */
  noRanges: boolean;
  /** Answers 503 to so many requests of the storage. */
  busy: number;
  /** Whether the API tells no sizes and digests, as simple mirrors do. */
  bare: boolean;
  /** Called when the storage has been asked and before it answers. */
  onAsked: () => Promise<void> | void;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly asked: Asked[];
  readonly faults: Faults;
  /** Bytes of file content that the storage sent. */
  readonly sent: () => number;
  readonly repositories: Record<string, FakeRepository>;
}

/** Files of more bytes are kept in the storage. */
const largeBytes = 1000;

/** Bytes that look like nothing in particular and differ by `seed`. */
export function content(bytes: number, seed = 1): Buffer {
  const data = Buffer.alloc(bytes);
  for (let i = 0, x = seed; i < bytes; i += 1) {
    x = (x * 1103515245 + 12345) % 2147483648;
    data[i] = x >>> 16;
  }
  return data;
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export const commit = 'c0ffee'.padEnd(40, '0');

/** Two servers that the test's end closes. */
export async function startHub(repositories: Record<string, FakeRepository>): Promise<FakeHub> {
  const faults: Faults = { cuts: [], damaged: 0, noRanges: false, busy: 0, bare: false, onAsked: () => undefined };
  const asked: Asked[] = [];
  let sent = 0;
  const note = (server: Asked['server'], request: IncomingMessage): void => {
    asked.push({ server, method: request.method ?? '', path: request.url ?? '', range: request.headers.range ?? null, token: request.headers.authorization ?? null });
  };

  const storage = await listen(async (request, response) => {
    note('storage', request);
    await faults.onAsked();
    const data = Object.values(repositories).flatMap(({ files }) => Object.values(files)).find((file) => request.url === `/${sha256(file)}?signature=secret`);
    if (data === undefined || faults.busy > 0) {
      faults.busy -= data === undefined ? 0 : 1;
      response.writeHead(data === undefined ? 403 : 503, { 'retry-after': '0' }).end();
      return;
    }
    const body = Buffer.from(data);
    if (faults.damaged > 0) {
      faults.damaged -= 1;
      body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
    }
    const range = faults.noRanges ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const [start, end] = [Number(range?.[1] ?? 0), range?.[2] === undefined || range[2] === '' ? body.length - 1 : Number(range[2])];
    const piece = body.subarray(start, end + 1);
    const headers = { etag: '"storage-1"', 'content-length': piece.length, ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${body.length}` }) };
    response.writeHead(range === null ? 200 : 206, headers);
    const cut = request.method === 'HEAD' ? undefined : faults.cuts.shift();
    sent += request.method === 'HEAD' ? 0 : Math.min(cut ?? Infinity, piece.length);
    if (cut === undefined || cut >= piece.length) response.end(request.method === 'HEAD' ? undefined : piece);
    else response.write(piece.subarray(0, cut), () => response.destroy());
  });

  const hub = await listen((request, response) => {
    note('hub', request);
    const path = decodeURIComponent((request.url ?? '').replace(/\?.*$/, ''));
    const json = (status: number, value: object, headers = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    };
    const [, api = '', , revision = ''] = /^\/api\/models\/([^/]+(\/[^/]+)?)\/revision\/(.+)$/.exec(path) ?? [];
    const info = repositories[api];
    const [, repository = '', , , name = ''] = /^\/([^/]+(\/[^/]+))\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const gate = repositories[repository]?.gated;
    const data = repositories[repository]?.files[name];
    if (path.startsWith('/api/') && info === undefined) json(401, { error: 'Repository not found' }, { 'x-error-code': 'RepoNotFound' });
    else if (info !== undefined && revision !== 'main' && revision !== commit) json(404, { error: 'Revision not found' }, { 'x-error-code': 'RevisionNotFound' });
    else if (info !== undefined) json(200, { sha: commit, gated: info.gated === undefined ? false : 'auto', cardData: { license: info.licence ?? 'mit' }, siblings: Object.entries(info.files).map(([file, bytes]) => sibling(file, bytes, faults.bare)) });
    else if (data === undefined) json(404, {}, { 'x-error-code': 'EntryNotFound' });
    else if (gate !== undefined && request.headers.authorization !== `Bearer ${gate}`) json(request.headers.authorization === undefined ? 401 : 403, {}, { 'x-error-code': 'GatedRepo' });
    else if (data.length <= largeBytes) response.writeHead(200, { etag: `"${gitSha(data)}"`, 'content-length': data.length, 'x-repo-commit': commit }).end(request.method === 'HEAD' ? undefined : data);
    else response.writeHead(302, { location: `${storage}/${sha256(data)}?signature=secret`, 'x-linked-etag': `"${sha256(data)}"`, 'x-linked-size': data.length, 'x-repo-commit': commit }).end();
  });

  return { endpoint: hub, asked, faults, repositories, sent: () => sent };
}

function sibling(rfilename: string, data: Buffer, bare: boolean): object {
  if (bare) return { rfilename };
  if (data.length <= largeBytes) return { rfilename, size: data.length, blobId: gitSha(data) };
  return { rfilename, size: data.length, blobId: gitSha(Buffer.from('pointer')), lfs: { sha256: sha256(data), size: data.length, pointerSize: 130 } };
}

function gitSha(data: Buffer): string {
  return createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void): Promise<string> {
  const server = createServer((request, response) => {
    void Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}
