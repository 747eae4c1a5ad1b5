// `/openapi.json` and `/docs`: the document of all routes, and a page that is rendered from it here.
// The page loads its style from this server and runs no script.

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { baseAddress } from '../addresses.ts';
import type { ServerParts } from '../contracts.ts';
import { pagePolicy } from '../middleware/security.ts';
import { createRoutes, type AppEnv } from '../routes.ts';
import { openApiDocument, type OpenApiDocument } from './openapi.ts';
import { referencePage } from './reference-page.ts';
import { referenceStyle } from './reference-style.ts';

export const openDocumentPaths: readonly string[] = ['/openapi.json', '/docs', '/docs/style.css'];

const documentRoute = createRoute({
  method: 'get', path: '/openapi.json', tags: ['Reference'], summary: 'This document', security: [],
  responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: z.looseObject({ openapi: z.string() }) } } } },
});
const pageRoute = createRoute({
  method: 'get', path: '/docs', tags: ['Reference'], summary: 'This document as a page', security: [],
  responses: { 200: { description: 'HTML without scripts.', content: { 'text/html': { schema: z.string() } } } },
});

export function documentRoutes(app: OpenAPIHono<AppEnv>, { settings }: Pick<ServerParts, 'settings'>): OpenAPIHono<AppEnv> {
  const routes = createRoutes();
  // Made once, when first asked for: all routes are mounted by then, and whoever asks again costs nothing.
  let made: OpenApiDocument | null = null;
  let page: Promise<string> | null = null;
  const documentOnce = (): OpenApiDocument => (made ??= openApiDocument(app, settings));
  routes.openapi(documentRoute, (c) => c.json(JSON.parse(JSON.stringify({ ...documentOnce(), servers: [{ url: baseAddress(c, { settings }) }] })), 200));
  routes.openapi(pageRoute, async (c) => {
    page ??= Promise.resolve(referencePage(documentOnce())).then(String);
    return c.html(await page, 200, { 'Content-Security-Policy': pagePolicy });
  });
  routes.get('/docs/style.css', (c) => c.body(referenceStyle, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=3600' }));
  return routes;
}
