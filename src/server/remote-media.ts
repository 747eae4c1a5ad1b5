// Bytes behind an address that a client sent: only where settings allow it, only from public addresses, within limits of size and time.
// The address that was checked is the one that is connected to, and every redirect is checked again.

import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AnymodalError } from '../errors.ts';
import type { ServerSettings } from './contracts.ts';
import { isPublicAddress } from './public-addresses.ts';

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>;
/** Opens one address, connected to `address` alone. */
export type Open = (url: URL, address: string, signal: AbortSignal) => Promise<IncomingMessage>;

export interface RemoteAccess {
  readonly resolve?: Resolve;
  readonly open?: Open;
}

const MOST_REDIRECTS = 3;
const PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * The bytes at `address`. Throws `bad_input` with `field` where addresses are not allowed, the scheme, port or host is not, or a name leads
 * inside; `bad_media` for what does not answer, is too large or takes too long. Messages name the host alone: the rest may hold a signature.
 */
export async function fetchRemote(address: string, settings: ServerSettings['remoteMedia'], field: string, signal: AbortSignal, access: RemoteAccess = {}): Promise<Uint8Array> {
  if (!settings.allowed) throw new AnymodalError('bad_input', `${field}: got an address, and this server fetches none; send the bytes as a data: URL or upload them (setting remoteMedia.allowed).`, { field });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutMs)]);
  let url = parse(address, field);
  try {
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const target = await checked(url, settings, field, access.resolve ?? resolveByDns);
      const answer = await (access.open ?? openPinned)(url, target, limit);
      const status = answer.statusCode ?? 0;
      const { location } = answer.headers;
      if (status >= 300 && status < 400 && location !== undefined) {
        answer.destroy();
        url = parse(location, field, url);
      } else {
        if (status !== 200) {
          answer.destroy();
          throw new AnymodalError('bad_media', `${field}: ${url.hostname} answered with HTTP ${status}, expected 200.`, { field });
        }
        return await read(answer, settings.bytes, field, url.hostname);
      }
    }
  } catch (error) {
    if (signal.aborted) throw new AnymodalError('aborted', 'the request was cancelled', { cause: error });
    if (error instanceof AnymodalError) throw error;
    const why = limit.aborted ? `took longer than ${settings.timeoutMs} ms` : 'cannot be reached';
    throw new AnymodalError('bad_media', `${field}: ${url.hostname} ${why}.`, { field, cause: error });
  }
  throw new AnymodalError('bad_media', `${field}: more than ${MOST_REDIRECTS} redirects.`, { field });
}

function parse(address: string, field: string, base?: URL): URL {
  if (!URL.canParse(address, base?.href)) throw new AnymodalError('bad_input', `${field}: got something that is no address, expected https://, http:// or data:.`, { field });
  const url = new URL(address, base?.href);
  const fault = (text: string): AnymodalError => new AnymodalError('bad_input', `${field}: ${text}.`, { field });
  const port = PORTS[url.protocol];
  if (port === undefined) throw fault(`got an address of the scheme ${url.protocol}, expected https:, http: or data:`);
  if (url.port !== '' && url.port !== port) throw fault(`got an address with port ${url.port}, expected ${port} for ${url.protocol}`);
  if (url.username !== '' || url.password !== '') throw fault('got an address with a name or password in it; leave them out');
  return url;
}

/** One address of the host, once all of them were found to be public. */
async function checked(url: URL, settings: ServerSettings['remoteMedia'], field: string, resolve: Resolve): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const fault = (text: string): AnymodalError => new AnymodalError('bad_input', `${field}: ${text}.`, { field });
  if (settings.hosts.length > 0 && !settings.hosts.some((allowed) => host === allowed || (allowed.startsWith('*.') && host.endsWith(allowed.slice(1))))) {
    throw fault(`${host} is not among the hosts that this server fetches from (setting remoteMedia.hosts)`);
  }
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  const [first] = addresses;
  if (first === undefined) throw new AnymodalError('bad_media', `${field}: ${host} has no address.`, { field });
  // One private address among public ones is an attempt to be connected to it later.
  if (!addresses.every(isPublicAddress)) throw fault(`${host} is not on the open internet`);
  return first;
}

const resolveByDns: Resolve = async (host) => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** A GET whose socket goes to `address`, whatever the name resolves to by now; the name is still what the certificate must be for. */
const openPinned: Open = async (url, address, signal) => {
  const pinned: LookupFunction = (_, options, done) => {
    const family = isIP(address);
    if (options.all === true) done(null, [{ address, family }]);
    else done(null, address, family);
  };
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, { lookup: pinned, signal, agent: false, headers: { Accept: 'image/*, audio/*, video/*', 'User-Agent': 'anymodal' } }, resolve);
    request.on('error', reject);
    request.end();
  });
};

async function read(answer: IncomingMessage, most: number, field: string, host: string): Promise<Uint8Array> {
  const tooLarge = (): AnymodalError => new AnymodalError('bad_media', `${field}: the file at ${host} has more than ${most} bytes.`, { field });
  if (Number(answer.headers['content-length'] ?? 0) > most) {
    answer.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes: Buffer = chunk;
    size += bytes.length;
    // Leaving the loop destroys the answer and its socket.
    if (size > most) throw tooLarge();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
