// Whether the server lives, whether it takes work, and its figures.
// Open to monitors without a key, but for the figures.

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { AnymodalError } from '../../errors.ts';
import type { ServerParts } from '../contracts.ts';
import { createRoutes, type AppEnv } from '../routes.ts';
import type { HttpMetrics } from './metrics.ts';
import { storesAway } from './missing.ts';

const readiness = z
  .object({
    ready: z.boolean(),
    draining: z.boolean(),
    models: z.array(z.object({ id: z.string(), state: z.enum(['unloaded', 'loading', 'ready', 'failed']) })),
    stores: z.array(z.object({ id: z.enum(['Redis', 'media', 'conversations']), state: z.enum(['ready', 'away']), needed: z.boolean() })).openapi({ description: 'Those that are not in the data folder. Without one that is needed no job is taken or ends.' }),
    missing: z.array(z.string()).openapi({ description: 'What is missing, in a sentence each; also what work can do without.' }),
    queued: z.int(),
    running: z.int(),
  })
  .openapi('Readiness');

const healthRoute = createRoute({
  method: 'get', path: '/healthz', tags: ['Operations'], summary: 'Whether the process answers', security: [],
  responses: { 200: { description: 'It does.', content: { 'application/json': { schema: z.object({ status: z.literal('ok'), version: z.string() }) } } } },
});

const readyRoute = createRoute({
  method: 'get', path: '/readyz', tags: ['Operations'], summary: 'Whether new work begins at once', security: [],
  description: 'False while the default model loads, after it failed, while no worker has it, while Redis or the store of media does not answer, and while the server drains. Work that comes while a model loads is taken and waits. Without the database of conversations jobs go on; `missing` names it.',
  responses: {
    200: { description: 'Ready.', content: { 'application/json': { schema: readiness } } },
    503: { description: 'Not ready.', content: { 'application/json': { schema: readiness } } },
  },
});

const metricsRoute = createRoute({
  method: 'get', path: '/metrics', tags: ['Operations'], summary: 'Figures in the Prometheus text format',
  responses: { 200: { description: 'The figures.', content: { 'text/plain': { schema: z.string() } } } },
});

const backupRoute = createRoute({
  method: 'post', path: '/admin/backup', tags: ['Operations'], summary: 'Copy the data folder while work goes on',
  description: 'Needs a key with the scope admin. The copy lies in backups/ of the data folder, named by its time, and is a data folder itself.',
  responses: { 201: { description: 'Where it is, on the machine of the server.', content: { 'application/json': { schema: z.object({ folder: z.string() }) } } } },
});

/** Names of what needs no key. */
export const openPaths: readonly string[] = ['/healthz', '/readyz'];

export function operationRoutes(parts: ServerParts, metrics: HttpMetrics): OpenAPIHono<AppEnv> {
  const routes = createRoutes();
  routes.openapi(healthRoute, (c) => c.json({ status: 'ok' as const, version: parts.settings.version }, 200));
  routes.openapi(readyRoute, async (c) => {
    const models = parts.engines.models().map(({ id, state }) => ({ id, state }));
    const draining = parts.isDraining?.() ?? false;
    const { queued, running } = parts.queue.state();
    const stores = (await parts.stores?.()) ?? [];
    const [first] = models;
    const inTheWay = [
      ...(draining ? ['the server ends'] : []),
      ...(first === undefined ? ['no worker has offered a model so far'] : parts.engines.isServed?.(first.id) === false ? [`no worker has model ${first.id} at the moment`] : first.state === 'loading' ? [`model ${first.id} is being loaded`] : first.state === 'failed' ? [`model ${first.id} cannot be loaded`] : []),
      ...storesAway(stores.filter(({ needed }) => needed)),
    ];
    const ready = inTheWay.length === 0;
    return c.json({ ready, draining, models, stores: [...stores], missing: [...inTheWay, ...storesAway(stores.filter(({ needed }) => !needed))], queued, running }, ready ? 200 : 503);
  });
  routes.openapi(metricsRoute, async (c) => c.text(`${await metrics.text()}${(await parts.metrics?.()) ?? ''}`, 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }));
  routes.openapi(backupRoute, async (c) => {
    if (parts.backup === undefined) throw new AnymodalError('unsupported', 'this server has no data folder to copy.');
    return c.json({ folder: await parts.backup() }, 201);
  });
  return routes;
}
