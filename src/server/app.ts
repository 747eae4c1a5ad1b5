// The HTTP application: what every request passes, in this order, and the routes behind it. Tested without a port.
// Knows the folders of routes by one list and no route of theirs.

import { methodNotAllowed } from 'hono/method-not-allowed';
import { HTTPException } from 'hono/http-exception';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { AnymodalError } from '../errors.ts';
import type { ServerParts } from './contracts.ts';
import { documentRoutes, openDocumentPaths } from './document/routes.ts';
import { errorResponse } from './errors.ts';
import { withMediaField } from './input-media.ts';
import { keyRoutes } from './keys/routes.ts';
import { authentication } from './middleware/authentication.ts';
import { bodyFaultOf, bodyLimit, rateLimit } from './middleware/limits.ts';
import { requestLog } from './middleware/request-log.ts';
import { crossOrigin, hostCheck, securityHeaders } from './middleware/security.ts';
import { mcpRoutes } from './mcp.ts';
import { mounted } from './mounted.ts';
import { createHttpMetrics } from './operations/metrics.ts';
import { openPaths, operationRoutes } from './operations/routes.ts';
import { servePage } from './page.ts';
import { createRoutes, type AppEnv, type Routes } from './routes.ts';

/** The server's application on parts that it borrows; `folders` are the routes beside those of the base. */
export function createApp(parts: ServerParts, folders: readonly Routes[] = mounted): OpenAPIHono<AppEnv> {
  const { settings, logger } = parts;
  const app = createRoutes();
  const metrics = createHttpMetrics(parts);
  const open = new Set([...openPaths, ...openDocumentPaths, '/session']);

  app.onError((error, c) => errorResponse(c, bodyFaultOf(c.req.raw) ?? (hasLeft(error, c.req.raw) ? new AnymodalError('aborted', 'the client has gone.') : withMediaField(error, c.req.raw))));
  app.notFound((c) => errorResponse(c, new AnymodalError('not_found', `there is nothing at this address; /openapi.json lists what there is.`)));

  app.use(requestLog(logger, metrics));
  app.use(securityHeaders());
  app.use(hostCheck(settings));
  const sharing = crossOrigin(settings.origins);
  if (sharing !== null) app.use(sharing);
  if (parts.pageFolder !== null) app.use(servePage(parts.pageFolder));
  app.use(authentication(parts, (method, path) => open.has(path) || method === 'OPTIONS'));
  app.use(rateLimit(settings.limits.requestsPerMinute));
  app.use(bodyLimit(settings.limits.bodyBytes));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '));
        return errorResponse(c, new HTTPException(405));
      },
    }),
  );

  app.route('/', operationRoutes(parts, metrics));
  app.route('/', keyRoutes(parts));
  for (const routes of folders) app.route('/', routes(parts));
  app.route('/', mcpRoutes(app, parts));
  app.route('/', documentRoutes(app, parts));
  return app;
}

/** Whether `error` is that of a client which left before it was answered, such as in the midst of its body. */
function hasLeft(error: Error, { signal }: Request): boolean {
  return !(error instanceof AnymodalError) && (signal.aborted || ('code' in error && error.code === 'ECONNRESET'));
}
