// The Model Context Protocol over HTTP: every request stands alone, and its tools ask this application itself, as its own caller.
// Knows no tool.

import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Client } from '../client/index.ts';
import { createMcpServer } from '../mcp/server.ts';
import type { ServerParts } from './contracts.ts';
import { createRoutes, type AppEnv } from './routes.ts';

export function mcpRoutes(app: OpenAPIHono<AppEnv>, { settings }: ServerParts): OpenAPIHono<AppEnv> {
  const routes = createRoutes();
  routes.post('/mcp', async (c) => {
    const request = c.req.raw;
    // Who may call a tool is decided where the tool asks.
    const passed = ['authorization', 'cookie', 'host', 'origin'].flatMap((name) => (request.headers.has(name) ? [[name, request.headers.get(name) ?? ''] as const] : []));
    const inside: typeof fetch = async (input, init) => {
      const call = new Request(input, init);
      for (const [name, value] of passed) call.headers.set(name, value);
      return app.fetch(call, c.env);
    };
    const server = createMcpServer(new Client({ baseUrl: new URL(request.url).origin, fetch: inside }), { version: settings.version });
    const transport = new WebStandardStreamableHTTPServerTransport();
    await server.connect(transport);
    return transport.handleRequest(request);
  });
  // Nothing is told without being asked for, and there are no sessions to end.
  routes.on(['GET', 'DELETE'], '/mcp', (c) => c.json({ jsonrpc: '2.0', error: { code: -32_000, message: 'Method not allowed: send requests with POST' }, id: null }, 405, { Allow: 'POST' }));
  return routes;
}
