// The native job API from end to end on the tiny bundle: sent, followed, resumed, cancelled, deleted, sent twice.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeMedia } from '../../../media/index.ts';
import type { Engine } from '../../../src/contracts.ts';
import { openTinyEngine, sent, startTinyServer, type TinyServer } from '../tiny-server.ts';

let engine: Engine;
let server: TinyServer;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
}, 60_000);
afterAll(async () => {
  await server.close();
  await engine.close();
  await closeMedia();
});

const drawing = { input: [{ type: 'text', text: 'a red apple' }], outputs: ['image'], route: 'direct', seed: 7, options: { image: { steps: 4, previewEvery: 1 } } };

async function send(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return server.app.request('/v1/jobs', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

interface SentEvent {
  readonly id: string;
  readonly data: Record<string, unknown> & { readonly type: string; readonly media?: { readonly data?: string; readonly url: string; readonly id: string } };
}
async function eventsOf(id: string, headers: Record<string, string> = {}, query = ''): Promise<SentEvent[]> {
  const response = await server.app.request(`/v1/jobs/${id}/events${query}`, { headers });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  return (await response.text()).split('\n\n').filter((block) => block.startsWith('id:')).map((block) => {
    const [, event = ''] = /^id: (\d+)$/m.exec(block) ?? [];
    return { id: event, data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') };
  });
}

test('a job is accepted, runs, and can be looked at, followed again and taken up where a client left off', async () => {
  const response = await send(drawing);
  const job = await sent(response);
  expect([response.status, job]).toMatchObject([202, { object: 'job', status: expect.stringMatching(/queued|running/), model: 'tiny', request: { seed: 7, outputs: ['image'] } }]);
  expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
  const events = await eventsOf(job.id);
  expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
  expect(events[0]?.data.type).toBe('job-queued');
  expect(events.at(-1)?.data.type).toBe('job-end');
  const preview = events.find(({ data }) => data.type === 'media-preview');
  expect(preview?.data.media?.data).toMatch(/^data:image\//);
  const end = events.find(({ data }) => data.type === 'media-end');
  expect(end?.data.media).toMatchObject({ modality: 'image', mediaType: 'image/png' });

  const later = await eventsOf(job.id, { 'last-event-id': '3' });
  expect(later.map(({ id }) => id)).toEqual(events.slice(3).map(({ id }) => id));
  expect((await eventsOf(job.id, {}, '?after=3')).length).toBe(later.length);

  const seen = await sent(server.app.request(`/v1/jobs/${job.id}`));
  expect(seen).toMatchObject({ status: 'completed', error: null, progress: { step: 4, steps: 4 }, outputs: [{ type: 'media', output: 'image', seed: 7, media: { id: end?.data.media?.id } }] });
  const bytes = await server.app.request(seen.outputs[0]?.media.url ?? '');
  expect([bytes.status, bytes.headers.get('content-type')]).toEqual([200, 'image/png']);
  const list = await sent(server.app.request('/v1/jobs?limit=1&status=completed'));
  expect(list.data[0]?.id).toBe(job.id);
});

test('files are sent beside the job and named by their field', async () => {
  const made = await sent(send(drawing));
  await eventsOf(made.id);
  const { outputs } = await sent(server.app.request(`/v1/jobs/${made.id}`));
  const picture = await (await server.app.request(outputs[0]?.media.url ?? '')).blob();
  const form = new FormData();
  form.set('input', JSON.stringify([{ type: 'media', file: 'photo' }, { type: 'text', text: 'make it blue' }]));
  form.set('outputs', '["image"]');
  form.set('route', 'direct');
  form.set('seed', '3');
  form.set('photo', picture, 'photo.png');
  const response = await server.app.request('/v1/jobs', { method: 'POST', body: form });
  const job = await sent(response);
  expect([response.status, job.request?.input?.[0]?.media?.id, job.request?.seed]).toEqual([202, outputs[0]?.media.id, 3]);
  const events = await eventsOf(job.id);
  expect(events.find(({ data }) => data.type === 'media-start')?.data['references']).toEqual([1]);
});

test('faults are told before anything is accepted, with the field', async () => {
  for (const [body, status, param, code] of [
    [{ input: [] }, 400, 'input', 'bad_input'],
    [{ ...drawing, count: 0 }, 400, 'count', 'bad_input'],
    [{ ...drawing, count: 9 }, 400, 'count', 'bad_option'],
    [{ ...drawing, model: 'other' }, 404, 'model', 'unknown_model'],
    [{ ...drawing, colour: 'red' }, 400, 'colour', 'bad_input'],
    [{ ...drawing, outputs: ['smell'] }, 400, 'outputs', 'unknown_output'],
    [{ ...drawing, options: { image: { steps: 0 } } }, 400, 'options.image.steps', 'bad_option'],
    [{ ...drawing, outputs: null }, 400, 'outputs', 'bad_input'],
    [{ ...drawing, input: [{ type: 'text', text: ' ' }] }, 400, 'input', 'bad_input'],
    [{ input: [{ type: 'media', id: 'a'.repeat(64) }] }, 404, 'input.0', 'not_found'],
    [{ input: [{ type: 'media', data: 'AAAA' }] }, 400, 'input.0', 'bad_media'],
    [{ input: [{ type: 'media', file: 'photo' }] }, 400, 'input.0.file', 'bad_input'],
    [{ ...drawing, conversation: 'conv_none' }, 404, 'conversation', 'not_found'],
  ] as const) {
    const response = await send(body);
    expect([JSON.stringify(body), response.status, (await sent(response)).error]).toMatchObject([JSON.stringify(body), status, { param, code }]);
  }
});

test('several outputs and variants come in the order of the reply, each with its seed; a mix takes the place of words', async () => {
  const { id } = await sent(send({ input: [{ type: 'text', text: 'a cat' }], outputs: ['image', 'speech'], route: 'direct', seed: 20, count: 2, options: { image: { steps: 1 } } }));
  expect((await eventsOf(id)).at(-1)?.data.type).toBe('job-end');
  const { outputs } = await sent(server.app.request(`/v1/jobs/${id}`));
  expect(outputs).toMatchObject([0, 1].flatMap((variant) => [{ output: 'image', variant, part: 0, seed: 20 + variant }, { output: 'speech', variant, part: 1, media: { modality: 'audio' } }]));
  const mix = [{ weight: 0.7, part: { type: 'text', text: 'a cat' } }, { weight: -0.2, part: { type: 'media', id: outputs[0]?.media.id } }];
  const mixed = await sent(send({ mix, outputs: ['image'], route: 'direct', options: { image: { steps: 1 } } }));
  expect((await eventsOf(mixed.id)).at(-1)?.data.type).toBe('job-end');
  expect(await sent(server.app.request(`/v1/jobs/${mixed.id}`))).toMatchObject({ request: { input: [], mix: [{ weight: 0.7, part: { text: 'a cat' } }, { weight: -0.2, part: { media: { id: outputs[0]?.media.id } } }] } });
});

test('a deadline ends a job wherever it stands', async () => {
  const { id } = await sent(send({ ...drawing, count: 8, options: { image: { steps: 1000 } }, deadlineMs: 200 }));
  expect((await eventsOf(id)).at(-1)?.data).toMatchObject({ type: 'job-error', code: 'timeout' });
  expect(await sent(server.app.request(`/v1/jobs/${id}`))).toMatchObject({ status: 'failed', error: { code: 'timeout' }, deadlineAt: expect.any(Number) });
});

test('the same request under the same key is one job, another under it a conflict', async () => {
  const key = { 'idempotency-key': 'key-1' };
  const one = await sent(send({ input: [{ type: 'text', text: 'a cat' }], outputs: ['image'], route: 'direct' }, key));
  const again = await send({ outputs: ['image'], route: 'direct', input: [{ type: 'text', text: 'a cat' }] }, key);
  expect([(await sent(again)).id, again.headers.get('idempotency-replayed')]).toEqual([one.id, 'true']);
  const other = await send({ input: [{ type: 'text', text: 'a dog' }], outputs: ['image'], route: 'direct' }, key);
  expect([other.status, other.headers.get('x-should-retry'), (await sent(other)).error.code]).toEqual([409, 'false', 'conflict']);
});

test('a job is cancelled, deleted and gone', async () => {
  const long = { ...drawing, options: { image: { steps: 900 } } };
  const { id } = await sent(send(long));
  const cancelled = await sent(server.app.request(`/v1/jobs/${id}/cancel`, { method: 'POST' }));
  expect(cancelled).toMatchObject({ id, status: 'cancelled' });
  expect((await eventsOf(id)).at(-1)?.data.type).toBe('job-abort');
  expect(await sent(server.app.request(`/v1/jobs/${id}`, { method: 'DELETE' }))).toEqual({ object: 'job.deleted', id, deleted: true });
  for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`]) expect((await server.app.request(path)).status).toBe(404);
});

test('a job in a conversation reads what was said before, and its answer is kept', async () => {
  const { id } = await server.parts.conversations.create('local', 'talk');
  const draw = { input: [{ type: 'text', text: 'draw a cat' }], outputs: ['image'], conversation: id, seed: 5, options: { image: { steps: 2 } } };
  const first = await sent(send(draw));
  expect(first).toMatchObject({ object: 'job', conversation: id });
  await eventsOf(first.id);
  const second = await sent(send({ ...draw, input: [{ type: 'text', text: 'make it blue' }] }));
  expect((await eventsOf(second.id)).at(-1)?.data.type).toBe('job-end');
  const record = await server.parts.queue.get(second.id);
  expect(record?.request.messages.map(({ role, parts }) => [role, parts.map(({ type }) => type)])).toEqual([['user', ['text']], ['assistant', ['media']], ['user', ['text']]]);
});

test('jobs of one caller are nobody else\'s', async () => {
  const closed = await startTinyServer(engine, { keysRequired: true });
  try {
    const keys = [await closed.parts.keys.add('a', ['generate', 'read']), await closed.parts.keys.add('b', ['generate', 'read'])];
    const [mine, theirs] = keys.map(({ key }) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' }));
    const accepted = await closed.app.request('/v1/jobs', { method: 'POST', headers: { ...mine }, body: JSON.stringify(drawing) });
    const job = await sent(accepted);
    expect([accepted.status, job]).toMatchObject([202, { object: 'job' }]);
    expect((await closed.app.request(`/v1/jobs/${job.id}`, { headers: { ...mine } })).status).toBe(200);
    for (const [method, path] of [['GET', ''], ['GET', '/events'], ['POST', '/cancel'], ['DELETE', '']] as const) {
      expect((await closed.app.request(`/v1/jobs/${job.id}${path}`, { method, headers: { ...theirs } })).status).toBe(404);
    }
    expect((await sent(closed.app.request('/v1/jobs', { headers: { ...theirs } }))).data).toEqual([]);
    expect((await closed.app.request('/v1/jobs')).status).toBe(401);
  } finally {
    await closed.close();
  }
});
