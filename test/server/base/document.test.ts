// The OpenAPI document of what is mounted, and the page that is made of it.

import { createRoute, z } from '@hono/zod-openapi';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createApp } from '../../../src/server/app.ts';
import { outlineOf } from '../../../src/server/document/schema-outline.ts';
import { createRoutes } from '../../../src/server/routes.ts';
import { startServer } from './server.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, unknown> }>>;
  readonly components: { readonly schemas: Record<string, unknown>; readonly securitySchemes: Record<string, unknown> };
}

test('lists every route that is mounted under /v1, each with errors, and its references lead somewhere', async () => {
  const { app } = await startServer();
  const text = await (await app.request('/openapi.json')).text();
  const document: Document = JSON.parse(text);
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.components.securitySchemes)).toEqual(['key', 'session']);
  const listed = new Set(Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)));
  // Written to the router as patterns with a constraint, such as `:id{[0-9a-f]+}`.
  const routes = app.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/')).map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/\{[^/]*\}/g, '')}`);
  expect(routes.length).toBeGreaterThan(3);
  expect(routes.filter((route) => !listed.has(route))).toEqual([]);
  for (const [path, methods] of Object.entries(document.paths)) for (const [method, { responses }] of Object.entries(methods)) expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['4XX', '5XX']));
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name = '']) => name);
  expect(references.filter((name) => !(name in document.components.schemas))).toEqual([]);
});

test('docs/api.md names every route, and none that is not there', async () => {
  const { app } = await startServer();
  const document: Document = JSON.parse(await (await app.request('/openapi.json')).text());
  const routes = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  const text = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const named = [...text.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^`?]*)`/g)].map(([, route = '']) => route);
  expect(routes.filter((route) => !named.includes(route))).toEqual([]);
  expect([...new Set(named)].filter((route) => !routes.includes(route))).toEqual([]);
});

test('the page works under its policy: no script, no style and no address of others in it; texts are escaped', async () => {
  const server = await startServer();
  const routes = createRoutes();
  routes.openapi(createRoute({ method: 'get', path: '/v1/odd', summary: '<script>alert(1)</script>', request: { query: z.object({ 'a"b': z.string().optional() }) }, responses: { 200: { description: 'x' } } }), (c) => c.text(''));
  const app = createApp(server.parts, [routes].map((each) => () => each));
  const page = await app.request('/docs');
  const html = await page.text();
  expect([page.status, page.headers.get('content-type'), page.headers.get('content-security-policy')]).toEqual([200, expect.stringContaining('text/html'), expect.stringContaining("script-src 'self'")]);
  expect(html).not.toMatch(/<script|<style| style=|<img|https?:\/\/(?!localhost)|\son\w+=/);
  expect(html).toContain('&lt;script&gt;alert(1)');
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id = '']) => id);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((id) => !html.includes(`id="${id}"`))).toEqual([]);
  const style = await app.request('/docs/style.css');
  expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
});

test('a schema as an outline', () => {
  const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer', minimum: 1, maximum: 10, default: 1, description: 'how many' }, of: { type: 'array', items: { anyOf: [{ $ref: '#/components/schemas/Part' }, { type: 'null' }] } }, mode: { enum: ['a', 'b'] } } };
  expect(outlineOf(schema)).toBe('{\n  n*: integer 1..10  // default 1; how many\n  of: (#Part | null)[]\n  mode: "a" | "b"\n}');
});
