// An application on a port of this machine, and its end.
// Knows no route.

import { createServer } from 'node:http';
import { isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { AnymodalError } from '../errors.ts';
import type { AppEnv } from './routes.ts';

export interface Listening {
  readonly port: number;
  /** As a browser on this machine reaches it. */
  readonly address: string;
  /** Takes no connection more, and ends those that are open when their answers are written, after `graceMs` whatever they do. */
  close(graceMs: number): Promise<void>;
}

/** Longer than proxies keep theirs, so that none sends into a connection that is just being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Starts to listen. Throws `conflict` where the port is taken and `bad_option` where the address is not to be had. */
export async function listen(app: OpenAPIHono<AppEnv>, { host, port }: { readonly host: string; readonly port: number }): Promise<Listening> {
  const answer = getRequestListener(app.fetch);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS + 5000 }, (incoming, outgoing) => void answer(incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'EADDRINUSE') throw new AnymodalError('conflict', `port ${port} of ${host} is taken; stop what listens there, or give another with --port (0 takes a free one).`, { cause: error });
    throw new AnymodalError('bad_option', `cannot listen on ${host} port ${port} (${code}); give another with --host and --port.`, { cause: error });
  });
  const bound = server.address();
  const at = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    port: at,
    address: `http://${nameOf(host)}:${at}`,
    close: async (graceMs) =>
      new Promise<void>((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // Idle connections go at once.
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
}

/** Whether what listens on `host` can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return isIP(host) === 6 ? `[${host}]` : host;
}
