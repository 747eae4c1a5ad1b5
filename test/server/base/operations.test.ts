// Health, readiness, figures, and the files of the page.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from '@hono/zod-openapi';
import type { LoggedEvent } from '../../../src/queue/contracts.ts';
import { createApp } from '../../../src/server/app.ts';
import type { StoreState } from '../../../src/server/contracts.ts';
import { createJobMetrics } from '../../../src/server/operations/job-metrics.ts';
import { temporaryFolder } from '../../cli/fake-shell.ts';
import { startServer } from './server.ts';

test('ready once the default model is there, and no more while it drains; alive all the while', async () => {
  const { parts } = await startServer();
  const [model] = parts.engines.models();
  if (model === undefined) throw new Error('no model');
  const status = async (change: Partial<typeof parts>, path = '/readyz'): Promise<number> => (await createApp({ ...parts, ...change }).request(path)).status;
  const engines = (state: 'unloaded' | 'loading' | 'ready' | 'failed') => ({ ...parts.engines, models: () => [{ ...model, state }] });
  expect(await status({ engines: engines('ready') })).toBe(200);
  expect(await status({ engines: engines('unloaded') })).toBe(200);
  expect(await status({ engines: engines('loading') })).toBe(503);
  expect(await status({ engines: engines('failed') })).toBe(503);
  expect(await status({ engines: { ...engines('unloaded'), isServed: () => true } })).toBe(200);
  expect(await status({ engines: { ...engines('unloaded'), isServed: () => false } })).toBe(503);
  expect(await status({ isDraining: () => true })).toBe(503);
  expect(await status({ isDraining: () => true }, '/healthz')).toBe(200);
});

const store = (id: StoreState['id'], state: StoreState['state'], needed = true): StoreState => ({ id, state, needed });

test('not ready without a store that jobs need; what is missing is said', async () => {
  const { parts } = await startServer();
  const ask = async (...stores: readonly StoreState[]): Promise<unknown> => {
    const response = await createApp({ ...parts, stores: async () => stores }).request('/readyz');
    const { ready, missing } = z.object({ ready: z.boolean(), missing: z.array(z.string()) }).parse(await response.json());
    return [response.status, ready, missing];
  };
  expect(await ask()).toEqual([200, true, []]);
  expect(await ask(store('Redis', 'ready'), store('media', 'ready'), store('conversations', 'ready', false))).toEqual([200, true, []]);
  expect(await ask(store('Redis', 'away'), store('media', 'away'))).toEqual([503, false, ['Redis does not answer', 'the store of media does not answer']]);
  expect(await ask(store('Redis', 'ready'), store('conversations', 'away', false))).toEqual([200, true, ['the database of conversations does not answer']]);
});

test('figures by the pattern of a route, never by a path', async () => {
  const { app } = await startServer();
  await app.request('/v1/jobs/job_secret');
  await app.request('/elsewhere/secret');
  const response = await app.request('/metrics');
  const text = await response.text();
  expect(response.headers.get('content-type')).toContain('version=0.0.4');
  expect(text).toMatch(/anymodal_http_requests_total\{method="GET",route="\/v1\/jobs\/:id[^"]*",status="404"\} 1/);
  expect(text).toContain('anymodal_http_requests_total{method="GET",route="*",status="404"} 1');
  expect(text).not.toContain('secret');
  for (const name of ['anymodal_queue_jobs', 'anymodal_running_jobs', 'anymodal_media_bytes', 'anymodal_models_loaded', 'process_resident_memory_bytes']) expect(text).toMatch(new RegExp(`^${name} `, 'm'));
});

const at = (time: number) => ({ job: 'a', attempt: 1, id: 1, at: time });

test('figures of jobs as their events go by', async () => {
  const metrics = createJobMetrics();
  const job = { id: 'a', model: 'nano', kind: 'image', createdAt: 1000 };
  const part = { variant: 0, part: 0 };
  const media = { id: '0', modality: 'image', mediaType: 'image/png', size: 1 };
  const events: LoggedEvent[] = [
    { type: 'job-start', bundle: 'nano', device: 'cpu', seed: 1, count: 1, ...at(1500) },
    { type: 'trace', stage: 'encoder', component: 'c', shapes: {}, milliseconds: 250, ...at(1600) },
    { type: 'trace', stage: 'input-projector', component: 'c', shapes: {}, milliseconds: 1, ...at(1600) },
    { type: 'trace', stage: 'input-projector', component: 'c', shapes: {}, milliseconds: 1, ...at(1600) },
    { type: 'media-start', output: 'image', modality: 'image', seed: 1, references: [], ...part, ...at(2000) },
    { type: 'media-progress', step: 1, steps: 2, ...part, ...at(2100) },
    { type: 'media-progress', step: 2, steps: 2, ...part, ...at(2200) },
    { type: 'media-end', output: 'image', modality: 'image', mediaType: 'image/png', seed: 1, media, ...part, ...at(2300) },
    { type: 'job-end', usage: { inputTokens: 3, outputTokens: 4 }, ...at(2500) },
  ];
  for (const event of events) metrics.observe(job, event);
  metrics.observe({ ...job, id: 'b' }, { type: 'job-error', code: 'timeout', message: 'x', ...at(9) });
  const text = await metrics.text();
  for (const line of [
    'anymodal_jobs_total{model="nano",kind="image",outcome="completed"} 1', 'anymodal_jobs_total{model="nano",kind="image",outcome="timeout"} 1', 'anymodal_step_seconds_count{model="nano"} 2', 'anymodal_step_seconds_sum{model="nano"} 0.2',
    'anymodal_tokens_total{model="nano",direction="in"} 3', 'anymodal_tokens_total{model="nano",direction="out"} 4', 'anymodal_job_wait_seconds_sum{model="nano"} 0.5', 'anymodal_job_run_seconds_sum{model="nano",kind="image"} 1',
    'anymodal_stage_seconds_total{model="nano",stage="encoder"} 0.25', 'anymodal_encodings_total{model="nano",from="encoder"} 1', 'anymodal_encodings_total{model="nano",from="cache"} 1', 'anymodal_media_made_total{model="nano",modality="image"} 1',
  ]) expect(text).toContain(`${line}\n`);
});

test('the page: its files alone, without a key, under its policy, named assets kept by browsers', async () => {
  const { parts } = await startServer({ keysRequired: true });
  const folder = join(temporaryFolder(), 'page');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'assets', 'app-1.js'), 'export {};');
  writeFileSync(join(folder, '..', 'outside.txt'), 'secret');
  const app = createApp({ ...parts, pageFolder: folder });
  const index = await app.request('/');
  expect([index.status, await index.text(), index.headers.get('content-type'), index.headers.get('cache-control')]).toEqual([200, '<!doctype html>', 'text/html; charset=utf-8', 'no-cache']);
  expect(index.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  expect((await app.request('/', { headers: { 'if-none-match': index.headers.get('etag') ?? '' } })).status).toBe(304);
  const script = await app.request('/assets/app-1.js');
  expect([script.headers.get('content-type'), script.headers.get('cache-control')]).toEqual(['text/javascript; charset=utf-8', 'public, max-age=31536000, immutable']);
  expect([(await app.request('/', { method: 'HEAD' })).status, (await app.request('/', { method: 'POST' })).status]).toEqual([200, 401]);
  for (const path of ['/../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt', '/assets/%5c..%5c..%5coutside.txt', '/%00', '/assets', '/%']) expect((await app.request(path)).status, path).toBe(401);
});
