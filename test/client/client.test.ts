// The client against a small server that loses connections, answers errors and repeats itself.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { Client, ServerError, type JobEvent } from '../../src/client/index.ts';

async function serve(answer: (request: IncomingMessage, response: ServerResponse, count: number) => void): Promise<{ readonly client: Client; readonly requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { client: new Client({ baseUrl: `http://127.0.0.1:${port}/v1/`, apiKey: 'am_secret' }), requests };
}

const write = (response: ServerResponse, id: number, type: string): boolean => response.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ type, id, job: 'job_1', attempt: 1, at: 0 })}\n\n`);

async function collect(events: AsyncGenerator<JobEvent>): Promise<number[]> {
  const ids: number[] = [];
  for await (const event of events) ids.push(event.id);
  return ids;
}

test('events go on after a lost connection, each once', async () => {
  const { client, requests } = await serve((_, response, count) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    if (count === 1) {
      response.write(': ping\n\n');
      write(response, 1, 'job-queued');
      write(response, 2, 'job-start');
      // What was sent has to arrive: a connection that breaks takes what is on its way with it.
      setTimeout(() => response.destroy(), 100);
      return;
    }
    write(response, 2, 'job-start');
    write(response, 3, 'job-end');
    response.end();
  });
  expect(await collect(client.events('job_1'))).toEqual([1, 2, 3]);
  expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2']);
  expect(requests.every(({ headers }) => headers.authorization === 'Bearer am_secret')).toBe(true);
});

test('a job that is not there is an error at once', async () => {
  const { client, requests } = await serve((_, response) => {
    response.writeHead(404, { 'Content-Type': 'application/json', 'x-request-id': 'req_1' });
    response.end(JSON.stringify({ error: { message: 'no such job', type: 'invalid_request_error', param: 'id', code: 'not_found' } }));
  });
  const error = await collect(client.events('job_2')).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ status: 404, code: 'not_found', message: 'no such job', field: 'id', requestId: 'req_1' });
  expect(requests).toHaveLength(1);
});

test('leaving the loop ends the stream', async () => {
  const closed = Promise.withResolvers<void>();
  const { client } = await serve((_, response) => {
    response.on('close', () => closed.resolve());
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    write(response, 1, 'job-queued');
  });
  for await (const event of client.events('job_1')) {
    expect(event.id).toBe(1);
    break;
  }
  await closed.promise;
});

test('a job with its idempotency key, and when to try again', async () => {
  const { client, requests } = await serve((_, response) => {
    response.writeHead(429, { 'Content-Type': 'application/json', 'Retry-After': '3' });
    response.end(JSON.stringify({ error: { message: 'full', type: 'rate_limit', param: null, code: 'queue_full' } }));
  });
  await expect(client.createJob({ input: [{ type: 'text', text: 'a fox' }] }, { idempotencyKey: 'k1' })).rejects.toMatchObject({ status: 429, code: 'queue_full', retryAfterMs: 3000 });
  expect(requests[0]).toMatchObject({ method: 'POST', url: '/v1/jobs', headers: { 'idempotency-key': 'k1', 'content-type': 'application/json' } });
});

test('a server that cannot be reached', async () => {
  const client = new Client({ baseUrl: 'http://127.0.0.1:1' });
  await expect(client.models()).rejects.toMatchObject({ status: 0, code: 'unreachable' });
});
