// What clients send as media to a `Media` within the limits: bytes in a data URL or base64, an uploaded file, an address, or one of ours by its id.
// Knows no route and no codec.

import type { Media } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { callerOfAddress } from './addresses.ts';
import type { Caller, ServerParts } from './contracts.ts';
import { fetchRemote, type RemoteAccess } from './remote-media.ts';

export type MediaInput =
  | { readonly dataUrl: string }
  | { readonly base64: string; readonly mediaType?: string }
  /** `data:`, `http(s):`, or a signed address of our own. */
  | { readonly url: string }
  | { readonly file: File }
  /** A medium that the caller owns. */
  | { readonly id: string };

type Parts = Pick<ServerParts, 'media' | 'tools' | 'settings' | 'secret'>;

/**
 * The medium that `value` stands for. Its type is judged by its bytes; `as` insists on a modality, as for an animated picture that is to be a picture.
 * Throws `bad_input`, `bad_media` or `not_found`, each with `field`.
 */
export async function mediaFromInput(parts: Parts, caller: Caller, value: MediaInput, field: string, signal: AbortSignal, as?: string, access?: RemoteAccess): Promise<Media> {
  const media = await mediaOf(parts, caller, value, field, signal, as, access);
  const fields = fieldsOfRequests.get(signal) ?? new Map<string, string>();
  fieldsOfRequests.set(signal, fields.set(media.name === undefined ? ` medium ${media.id.slice(0, 8)} ` : `"${media.name}" `, field));
  return media;
}

/** By the signal of a request: how faults call its media, and the fields they came in. */
const fieldsOfRequests = new WeakMap<AbortSignal, Map<string, string>>();

/** A medium may be found unreadable only where it is decoded, which knows no request: such a fault with the field. */
export function withMediaField(error: Error, { signal }: Request): Error {
  if (!(error instanceof AnymodalError) || error.code !== 'bad_media' || error.field !== null) return error;
  const [, field] = [...(fieldsOfRequests.get(signal) ?? [])].find(([name]) => error.message.includes(name)) ?? [];
  return field === undefined ? error : new AnymodalError(error.code, `${field}: ${error.message}`, { cause: error, field });
}

async function mediaOf(parts: Parts, caller: Caller, value: MediaInput, field: string, signal: AbortSignal, as?: string, access?: RemoteAccess): Promise<Media> {
  if ('id' in value) return ownMedia(parts, caller.owner, value.id, field);
  if ('url' in value && !/^data:/i.test(value.url)) {
    const id = idOfOwnAddress(value.url, parts);
    if (id !== null) return ownMedia(parts, id.owner, id.id, field);
    return checkedMedia(parts, await fetchRemote(value.url, parts.settings.remoteMedia, field, signal, access), undefined, field, signal, as);
  }
  const { bytes, name } = await bytesOf(value, parts.settings.limits.bodyBytes, field);
  return checkedMedia(parts, bytes, name, field, signal, as);
}

/** Bytes as a medium, once pixels and seconds are within the limits. */
async function checkedMedia(parts: Parts, bytes: Uint8Array, name: string | undefined, field: string, signal: AbortSignal, as: string | undefined): Promise<Media> {
  const { limits } = parts.settings;
  try {
    const media = await parts.tools.read(bytes, name, as);
    const { width = 0, height = 0, seconds = 0 } = await parts.tools.inspect(media, signal);
    const fault = (text: string): AnymodalError => new AnymodalError('bad_media', `${name === undefined ? 'the file' : `"${name}"`} ${text}`);
    if (width * height > limits.pixels) throw fault(`has ${width} x ${height} pixels; at most ${limits.pixels} are taken. Make it smaller.`);
    if (seconds > limits.seconds) throw fault(`lasts ${seconds.toFixed(1)} s; at most ${limits.seconds} s are taken. Cut it.`);
    return media;
  } catch (error) {
    if (error instanceof AnymodalError && error.field === null && error.code !== 'internal') throw new AnymodalError(error.code, `${field}: ${error.message}`, { cause: error, field });
    throw error;
  }
}

async function ownMedia(parts: Parts, owner: string, id: string, field: string): Promise<Media> {
  const record = await parts.media.find(owner, id);
  if (record === null) throw new AnymodalError('not_found', `${field}: there is no medium with this id; upload it first, or it was deleted.`, { field });
  return parts.media.read(record);
}

/** The id in a signed address of ours, `.../v1/media/ID...`, and who may read it. */
function idOfOwnAddress(address: string, parts: Parts): { readonly owner: string; readonly id: string } | null {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  const id = /\/v1\/media\/([0-9a-f]{64})(?:\/|$)/.exec(url.pathname)?.[1];
  const caller = id === undefined ? null : callerOfAddress(url, parts);
  return id === undefined || caller === null ? null : { owner: caller.owner, id };
}

async function bytesOf(value: Exclude<MediaInput, { readonly id: string }>, most: number, field: string): Promise<{ readonly bytes: Uint8Array; readonly name?: string }> {
  if ('file' in value) return { bytes: new Uint8Array(await value.file.arrayBuffer()), ...(value.file.name === '' ? {} : { name: value.file.name }) };
  if ('base64' in value) return { bytes: fromBase64(value.base64, most, field) };
  const url = 'dataUrl' in value ? value.dataUrl : value.url;
  const comma = url.indexOf(',');
  const head = url.slice(0, comma === -1 ? 0 : comma);
  if (!/^data:/i.test(head)) throw new AnymodalError('bad_input', `${field}: got something that is no data: URL, expected data:TYPE;base64,BYTES.`, { field });
  if (!/;\s*base64$/i.test(head)) throw new AnymodalError('bad_input', `${field}: got a data: URL without ;base64, expected data:TYPE;base64,BYTES.`, { field });
  return { bytes: fromBase64(url.slice(comma + 1), most, field) };
}

function fromBase64(text: string, most: number, field: string): Uint8Array {
  if ((text.length * 3) / 4 > most + 2) throw new AnymodalError('too_large', `${field}: has more than ${most} bytes.`, { field });
  const plain = !text.includes('%') ? text : text.replaceAll(/%2B/gi, '+').replaceAll(/%2F/gi, '/').replaceAll(/%3D/gi, '=');
  // Buffer passes over what is no base64, and so would read a file name or an address as a few bytes.
  if (plain.length === 0 || !/^[A-Za-z0-9+/_\-\s]+={0,2}\s*$/.test(plain)) throw new AnymodalError('bad_input', `${field}: expected base64.`, { field });
  return Buffer.from(plain, 'base64');
}
