// What belongs to one key is nowhere for another: not looked at, not listed, not changed, not used.

import { expect, test } from 'vitest';
import { onePixelPng } from '../../cli/fixtures.ts';
import { startServer } from './server.ts';

test('jobs, media and conversations of one key do not exist for another, whatever is asked of them', async () => {
  const { app, parts } = await startServer({ keysRequired: true });
  const [one, two] = [await parts.keys.add('one', ['generate', 'read']), await parts.keys.add('two', ['generate', 'read', 'admin'])];
  const ask = async (key: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await app.request(path, { method, headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, body: response.headers.get('content-type')?.includes('json') === true ? Object(JSON.parse(text)) : {} };
  };
  const made = async (path: string, body: unknown): Promise<string> => {
    const answer = await ask(one.key, 'POST', path, body);
    expect([200, 201, 202], JSON.stringify(answer.body)).toContain(answer.status);
    return String(answer.body['id']);
  };
  const medium = await made('/v1/media', { data: onePixelPng.toString('base64') });
  const conversation = await made('/v1/conversations', { title: 'mine' });
  const job = await made('/v1/jobs', { input: [{ type: 'text', text: 'mine' }, { type: 'media', id: medium }] });

  const paths: readonly (readonly [string, string, unknown?])[] = [
    ['GET', `/v1/jobs/${job}`], ['GET', `/v1/jobs/${job}/events`], ['POST', `/v1/jobs/${job}/cancel`], ['DELETE', `/v1/jobs/${job}`],
    ['GET', `/v1/media/${medium}`], ['GET', `/v1/media/${medium}/content`], ['DELETE', `/v1/media/${medium}`],
    ['GET', `/v1/conversations/${conversation}`], ['GET', `/v1/conversations/${conversation}/export`], ['PATCH', `/v1/conversations/${conversation}`, { title: 'theirs' }], ['DELETE', `/v1/conversations/${conversation}`],
    ['POST', '/v1/jobs', { input: [{ type: 'media', id: medium }] }], ['POST', '/v1/jobs', { input: [{ type: 'text', text: 'x' }], conversation }],
    ['POST', '/v1/chat/completions', { messages: [{ role: 'user', content: [{ type: 'media', id: medium }] }] }], ['POST', '/v1/responses', { input: 'x', conversation }],
    ['GET', `/v1/videos/${job}`], ['GET', `/v1/videos/${job}/content`], ['DELETE', `/v1/videos/${job}`], ['GET', `/v1/responses/${job}`],
  ];
  for (const [method, path, body] of paths) expect((await ask(two.key, method, path, body)).status, `${method} ${path}`).toBe(404);
  for (const path of ['/v1/jobs', '/v1/media', '/v1/conversations', '/v1/videos']) expect((await ask(two.key, 'GET', path)).body['data'], path).toEqual([]);

  for (const path of [`/v1/jobs/${job}`, `/v1/media/${medium}`, `/v1/conversations/${conversation}`]) expect((await ask(one.key, 'GET', path)).status, path).toBe(200);
  expect((await ask(one.key, 'GET', `/v1/conversations/${conversation}`)).body).toMatchObject({ title: 'mine' });
});
