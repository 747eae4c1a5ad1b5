// Files of the built page, where there is one; whatever is no file is left to the routes.
// Knows no page: a folder of files, named by their content where they lie in assets/.

import { readFile, stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import type { MiddlewareHandler } from 'hono';
import { pagePolicy } from './middleware/security.ts';
import type { AppEnv } from './routes.ts';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon',
  '.webp': 'image/webp', '.woff2': 'font/woff2', '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8',
};

/** Serves `folder` to whoever asks, without a key: a page has no secret. */
export function servePage(folder: string): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const path = ['GET', 'HEAD'].includes(c.req.method) && !c.req.path.startsWith('/v1/') ? pathIn(folder, c.req.path) : null;
    const found = path === null ? null : await stat(path).catch(() => null);
    const mediaType = path === null ? undefined : mediaTypes[extname(path)];
    if (path === null || found?.isFile() !== true || mediaType === undefined) return next();
    // Names in assets/ change with their content.
    const cacheControl = c.req.path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    const etag = `"${found.size.toString(36)}-${Math.floor(found.mtimeMs).toString(36)}"`;
    const headers = { 'Content-Type': mediaType, 'Cache-Control': cacheControl, ETag: etag, 'Content-Security-Policy': pagePolicy };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    const whole = { ...headers, 'Content-Length': String(found.size) };
    return c.req.method === 'HEAD' ? c.body(null, 200, whole) : c.body(new Uint8Array(await readFile(path)), 200, whole);
  };
}

/** The file that `path` names below `folder`; null for one that leaves it. */
function pathIn(folder: string, path: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (decoded.includes('\0') || decoded.includes('\\')) return null;
  const full = normalize(join(folder, decoded === '/' ? 'index.html' : decoded));
  return full.startsWith(`${normalize(folder)}${sep}`) ? full : null;
}
