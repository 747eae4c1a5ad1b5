// The bytes of a medium over HTTP: all of them or one range, recognised again by their hash, under a file name that no header can be broken by.
// Knows no store and no owner.

import type { Context } from 'hono';
import { AnymodalError } from '../../errors.ts';
import type { MediaRecord, MediaStore } from '../../queue/contracts.ts';
import type { ServerSettings } from '../contracts.ts';
import { errorResponse } from '../errors.ts';
import type { AppEnv } from '../routes.ts';

const extensions: Readonly<Record<string, string>> = {
  'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp', 'image/gif': 'gif', 'image/avif': 'avif', 'image/tiff': 'tiff', 'image/apng': 'png',
  'audio/wav': 'wav', 'audio/mpeg': 'mp3', 'audio/ogg': 'ogg', 'audio/flac': 'flac', 'audio/mp4': 'm4a', 'audio/webm': 'weba', 'audio/x-matroska': 'mka', 'audio/aac': 'aac',
  'video/mp4': 'mp4', 'video/quicktime': 'mov', 'video/webm': 'webm', 'video/x-matroska': 'mkv',
};

/** Answers with the bytes of `record`, or with an address of the store where they lie that is good for `redirectSeconds`; `file` is the name they are saved under, without it one made of the id. */
export async function contentResponse(c: Context<AppEnv>, media: MediaStore, record: MediaRecord, options: { readonly download: boolean; readonly name?: string; readonly redirectSeconds?: number | null }): Promise<Response> {
  const etag = `"${record.id}"`;
  const headers: Record<string, string> = {
    'Content-Type': record.mediaType,
    'Accept-Ranges': 'bytes',
    ETag: etag,
    // The bytes under an id never change; only who may read them does.
    'Cache-Control': 'private, max-age=3600, immutable',
    'Content-Disposition': disposition(options.download ? 'attachment' : 'inline', options.name ?? record.name ?? `${record.modality}-${record.id.slice(0, 12)}`, record.mediaType),
  };
  if (matches(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);

  // Who follows sends the range along.
  const elsewhere = options.redirectSeconds === undefined || options.redirectSeconds === null ? null : await media.address?.(record, { seconds: options.redirectSeconds, disposition: headers['Content-Disposition'] ?? 'inline' });
  if (typeof elsewhere === 'string') return c.body(null, 307, { Location: elsewhere, 'Cache-Control': `private, max-age=${Math.floor((options.redirectSeconds ?? 0) / 2)}` });

  const ifRange = c.req.header('if-range');
  const asked = ifRange === undefined || ifRange === etag ? c.req.header('range') : undefined;
  const range = asked === undefined ? null : rangeOf(asked, record.size);
  if (range === 'unsatisfiable') {
    const response = errorResponse(c, new AnymodalError('bad_input', `Range: expected one range of bytes within the ${record.size} that there are.`, { field: 'Range' }));
    return new Response(response.body, { status: 416, headers: { 'Content-Type': 'application/json', 'Content-Range': `bytes */${record.size}`, 'x-should-retry': 'false' } });
  }
  const length = range === null ? record.size : range.end - range.start + 1;
  const all = { ...headers, 'Content-Length': String(length), ...(range !== null && { 'Content-Range': `bytes ${range.start}-${range.end}/${record.size}` }) };
  const status = range === null ? 200 : 206;
  if (c.req.raw.method === 'HEAD') return c.body(null, status, all);
  return c.body(await media.stream(record, range ?? undefined), status, all);
}

/** How long an address of the store itself is good for; null where readers are not sent there. */
export function redirectSecondsOf({ redirectMedia = false, addressMs }: Pick<ServerSettings, 'redirectMedia' | 'addressMs'>): number | null {
  return redirectMedia ? addressMs / 1000 : null;
}

/**
 * One range of `size` bytes, both ends included; null for a header that is none of bytes and is passed over.
 * Several ranges are as unsatisfiable as one that begins behind the end.
 */
export function rangeOf(header: string, size: number): { readonly start: number; readonly end: number } | 'unsatisfiable' | null {
  const list = /^\s*bytes\s*=(.*)$/i.exec(header)?.[1];
  if (list === undefined) return null;
  const [, first = '', last = ''] = /^\s*(\d*)\s*-\s*(\d*)\s*$/.exec(list) ?? [];
  if (first === '' && last === '') return 'unsatisfiable';
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end || start >= size || (first === '' && Number(last) === 0) ? 'unsatisfiable' : { start, end };
}

/** `Content-Disposition` with a name that is safe on every system: in ASCII, and in full. */
export function disposition(kind: 'inline' | 'attachment', name: string, mediaType: string): string {
  const extension = extensions[mediaType] ?? 'bin';
  const plain = name.normalize('NFC').replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|]+/gu, '_').replace(/^[. ]+/, '').replace(/[. ]+$/, '');
  const stem = plain.toLowerCase().endsWith(`.${extension}`) ? plain.slice(0, -extension.length - 1) : plain.replace(/\.[a-z0-9]{1,5}$/i, '');
  const whole = `${Array.from(stem === '' ? 'file' : stem).slice(0, 100).join('')}.${extension}`;
  const ascii = whole.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll('%', '_');
  const full = encodeURIComponent(whole).replaceAll(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${kind}; filename="${ascii}"${ascii === whole ? '' : `; filename*=UTF-8''${full}`}`;
}

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((value) => value.trim() === '*' || value.trim().replace(/^W\//, '') === etag);
}
