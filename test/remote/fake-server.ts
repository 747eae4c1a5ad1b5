// A small HTTP server for tests of remote components: routes by method and path, what was asked, connections that were given up,
// and WebSockets that speak to the client (RFC 6455, frames of the server's side alone).
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** The body as JSON, or an empty object. */
  readonly json: Record<string, unknown>;
  /** Fulfilled when the other side gives the connection up before the answer. */
  readonly gone: Promise<void>;
}

/** What a route answers: JSON, bytes, a status, or events one by one. */
export type Answer =
  | { readonly json: unknown; readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly bytes: Uint8Array; readonly type?: string }
  | { readonly events: AsyncIterable<unknown> | Iterable<unknown> };
export type Route = (asked: Asked) => Promise<Answer> | Answer;

export interface FakeSocket {
  readonly query: URLSearchParams;
  send(message: object | Uint8Array): void;
  readonly closed: Promise<void>;
}

export interface FakeServer {
  readonly url: string;
  readonly asked: Asked[];
  /** Requests of a route, such as `POST /v1/x`. */
  of(route: string): Asked[];
  close(): Promise<void>;
}

export async function startFake(routes: Readonly<Record<string, Route>>, onSocket: (socket: FakeSocket) => void = () => undefined): Promise<FakeServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => void answer(request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // A client's closing frame; what else it says is of no interest.
    socket.on('data', (chunk: Buffer) => (chunk[0] === 0x88 ? socket.end(Buffer.from([0x88, 0])) : undefined));
    socket.on('error', () => undefined);
    onSocket({
      query: new URL(request.url ?? '/', 'http://x').searchParams,
      closed,
      send: (message) => {
        const body = message instanceof Uint8Array ? Buffer.from(message) : Buffer.from(JSON.stringify(message));
        const length = body.length < 126 ? Buffer.from([body.length]) : Buffer.from([126, body.length >> 8, body.length & 255]);
        if (!socket.destroyed) socket.write(Buffer.concat([Buffer.from([message instanceof Uint8Array ? 0x82 : 0x81]), length, body]));
      },
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new Promise<void>((resolve) => response.once('close', () => (response.writableFinished ? undefined : resolve())));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? '/', 'http://x');
    const one: Asked = { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, body, json: parsed(body), gone };
    asked.push(one);
    const route = routes[`${one.method} ${one.path}`];
    const given: Answer = route === undefined ? { json: { error: { message: 'no such route' } }, status: 404 } : await route(one);
    if ('events' in given) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      for await (const event of given.events) if (!response.destroyed) response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
      response.end();
    } else if ('bytes' in given) response.writeHead(200, { 'Content-Type': given.type ?? 'application/octet-stream' }).end(given.bytes);
    else response.writeHead(given.status ?? 200, { 'Content-Type': 'application/json', ...given.headers }).end(JSON.stringify(given.json));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    of: (route) => asked.filter(({ method, path }) => `${method} ${path}` === route),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** As `startFake`, closed by the test's end. */
export async function fakeServer(routes: Readonly<Record<string, Route>>, onSocket?: (socket: FakeSocket) => void): Promise<FakeServer> {
  const server = await startFake(routes, onSocket);
  onTestFinished(async () => server.close());
  return server;
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Chunks of a streamed chat completion: words, then calls, then the end. */
export function* chatChunks(words: readonly string[], calls: readonly { readonly name: string; readonly arguments: string }[] = [], finish = calls.length > 0 ? 'tool_calls' : 'stop'): Generator {
  for (const content of words) yield { choices: [{ index: 0, delta: { content } }] };
  for (const [index, call] of calls.entries()) {
    yield { choices: [{ index: 0, delta: { tool_calls: [{ index, id: `c${index}`, type: 'function', function: { name: call.name, arguments: '' } }] } }] };
    for (let at = 0; at < call.arguments.length; at += 7) yield { choices: [{ index: 0, delta: { tool_calls: [{ index, function: { arguments: call.arguments.slice(at, at + 7) } }] } }] };
  }
  yield { choices: [{ index: 0, delta: {}, finish_reason: finish }] };
  yield { choices: [], usage: { prompt_tokens: 11, completion_tokens: 5 } };
  yield '[DONE]';
}
