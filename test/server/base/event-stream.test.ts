// Events as they are written to a client, and what happens when it is gone.

import { Hono } from 'hono';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AnymodalError } from '../../../src/errors.ts';
import { eventStream, type StreamEvent } from '../../../src/server/event-stream.ts';
import { listen } from '../../../src/server/listen.ts';
import { createRoutes, type AppEnv } from '../../../src/server/routes.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function* twoEvents(): AsyncGenerator<StreamEvent> {
  yield { id: '1', event: 'a.b', data: { text: 'line\nbreak' } };
  yield { data: '[DONE]' };
}

async function* failing(): AsyncGenerator<StreamEvent> {
  yield { data: 1 };
  throw new AnymodalError('engine_crashed', 'it ended');
}

async function open(events: Parameters<typeof eventStream>[1], signal?: AbortSignal): Promise<{ response: Response; reader: ReadableStreamDefaultReader<Uint8Array> }> {
  const app = new Hono<AppEnv>();
  app.get('/', (c) => eventStream(c, events));
  const response = await app.request('/', signal === undefined ? {} : { signal });
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error('no body');
  return { response, reader };
}
const textOf = (chunk: { value?: Uint8Array | undefined }): string => Buffer.from(chunk.value ?? []).toString();

test('one chunk an event: id, name, JSON; [DONE] as it stands', async () => {
  const { response, reader } = await open(twoEvents());
  expect([response.headers.get('content-type'), response.headers.get('cache-control'), response.headers.get('x-accel-buffering')]).toEqual(['text/event-stream; charset=utf-8', 'no-store, no-transform', 'no']);
  expect(textOf(await reader.read())).toBe('id: 1\nevent: a.b\ndata: {"text":"line\\nbreak"}\n\n');
  expect(textOf(await reader.read())).toBe('data: [DONE]\n\n');
  expect((await reader.read()).done).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test('an error is the last event, in the shape of errors', async () => {
  const { reader } = await open(failing());
  await reader.read();
  expect(textOf(await reader.read())).toBe('event: error\ndata: {"error":{"message":"it ended","type":"server_error","param":null,"code":"engine_crashed"}}\n\n');
  expect((await reader.read()).done).toBe(true);
});

test('a comment every ten seconds while nothing happens', async () => {
  const next = Promise.withResolvers<void>();
  async function* events(): AsyncGenerator<StreamEvent> {
    await next.promise;
    yield { data: 1 };
  }
  const { reader } = await open(events());
  const read = reader.read();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(textOf(await read)).toBe(': ping\n\n');
  next.resolve();
  expect(textOf(await reader.read())).toBe('data: 1\n\n');
});

test.each(['the stream is left', 'the request is aborted'])('%s: a source that waits hears of it at once', async (how) => {
  const ended = Promise.withResolvers<string>();
  async function* events(signal: AbortSignal): AsyncGenerator<StreamEvent> {
    try {
      yield { data: 1 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      ended.resolve('ended');
    }
  }
  const client = new AbortController();
  const { reader } = await open(events, client.signal);
  await reader.read();
  if (how === 'the stream is left') await reader.cancel();
  else client.abort();
  expect(await ended.promise).toBe('ended');
});

test('over a connection: a client that closes it ends the source, and one that aborts its request too', async () => {
  vi.useRealTimers();
  const ends: PromiseWithResolvers<string>[] = [Promise.withResolvers(), Promise.withResolvers()];
  let count = 0;
  async function* events(signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const end = ends[count++];
    try {
      yield { data: 1 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      end?.resolve('ended');
    }
  }
  const app = createRoutes();
  app.get('/', (c) => eventStream(c, events));
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  const left = (await fetch(listening.address)).body?.getReader();
  await left?.read();
  await left?.cancel();
  expect(await ends[0]?.promise).toBe('ended');
  const client = new AbortController();
  await fetch(listening.address, { signal: client.signal });
  client.abort();
  expect(await ends[1]?.promise).toBe('ended');
  await listening.close(0);
});
