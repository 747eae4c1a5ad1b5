// Pulls from a plain address: one file, or a bundle by its bundle.json with the files beside it.
// Knows no hub; what a server says of a file is believed only where bundle.json or the caller knows no better.

import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { persist, request, type Answer } from './download-request.ts';
import { fetchFiles, type FetchSettings, type FileToFetch } from './fetch-files.ts';
import { filesInBundle, type PullEvents } from './hub-pull.ts';

export interface AddressPlan {
  readonly folder: string;
  readonly files: readonly FileToFetch[];
  readonly missing: readonly FileToFetch[];
}

/** Name that the file at `address` is kept by. */
export function nameOfFile(address: URL): string {
  return decodeURIComponent(address.pathname.split('/').at(-1) ?? '').replaceAll(/[^\w.-]/g, '_') || 'file';
}

/** What would be fetched from `address` into `folder`; a bundle's list is fetched to know. Throws `unknown_model`, `access_denied`, `download_failed`, `bundle_invalid`. */
export async function planAddress(address: URL, sha256: string | null, folder: string, settings: FetchSettings, signal: AbortSignal): Promise<AddressPlan> {
  await mkdir(folder, { recursive: true });
  const name = nameOfFile(address);
  const file = (path: string, from: URL, bytes: number | null, digest: string | null): FileToFetch => ({
    label: path, address: from, target: join(folder, path), bytes, digest: digest === null ? null : { kind: 'sha256', value: digest },
    lock: join(folder, '.locks', `${path.replaceAll('/', '--')}.anymodal`), placed: async () => undefined,
  });
  const [own] = [file(name, address, await sizeOf(address, settings, signal), sha256)];
  let files = [own];
  if (name === 'bundle.json') {
    await fetchFiles([own], folder, settings, { ...quiet, refused: refusedBy(address) }, signal);
    const listed = filesInBundle(await readFile(own.target, 'utf8'));
    files = [own, ...listed.map(({ path, bytes, sha256: digest }) => file(path, new URL(path.split('/').map(encodeURIComponent).join('/'), address), bytes, digest))];
  }
  const missing: FileToFetch[] = [];
  for (const each of files) if (!(await isThere(each))) missing.push(each);
  return { folder, files, missing };
}

/** Fetches what the plan lacks. Throws as `planAddress` does. */
export async function fetchAddress(address: URL, plan: AddressPlan, settings: FetchSettings, events: PullEvents, signal: AbortSignal): Promise<void> {
  await fetchFiles(plan.missing, plan.folder, settings, { ...events, refused: refusedBy(address) }, signal);
}

const quiet: PullEvents = { progress: () => undefined, waiting: () => undefined, fetched: () => undefined, warn: () => undefined };

/** Size of a file as its server tells it; null where it does not. */
async function sizeOf(address: URL, settings: FetchSettings, signal: AbortSignal): Promise<number | null> {
  return persist(
    async () => {
      const answer = await request(address, settings.door, signal, { method: 'HEAD' });
      answer.drop();
      // A server may know no HEAD, and then it tells with the file.
      if (answer.status === 405 || answer.status === 501) return null;
      if (answer.status !== 200) throw refusedBy(address)(answer, 'the file');
      const length = answer.headers.get('content-length');
      return length !== null && /^\d+$/.test(length) ? Number(length) : null;
    },
    settings.attempts, settings.pause, signal,
  );
}

function refusedBy({ host }: URL): (answer: Answer, label: string) => AnymodalError {
  return (answer, label) => {
    answer.drop();
    if (answer.status === 404 || answer.status === 410) return new AnymodalError('unknown_model', `${label}: ${host} has none (${answer.status}); check the address.`);
    if (answer.status === 401 || answer.status === 403) return new AnymodalError('access_denied', `${label}: ${host} does not give it out (${answer.status}). A token is sent to the hub alone; fetch the file yourself and give its path.`);
    return new AnymodalError('download_failed', `${label}: ${host} answers ${answer.status}, expected 200; try again later.`);
  };
}

async function isThere(file: FileToFetch): Promise<boolean> {
  const found = await stat(file.target).catch(() => null);
  return found?.isFile() === true && (file.bytes === null || found.size === file.bytes);
}
