// Pulls a model from a hub into the shared cache: looks up what is there, says what it would fetch, and fetches it.
// Asks nobody: whoever calls settles licences between the plan and the fetching.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { fetchFiles, type FetchEvents, type FetchSettings, type FileToFetch } from './fetch-files.ts';
import { faultOfPath } from './files.ts';
import { addressOf, completeFile, readRevision, refusal, type Hub, type HubFile, type HubRevision } from './hub.ts';
import { blobPath, cachedBytes, nameBlob, repositoryFolder, snapshotFolder, writeRef } from './hub-cache.ts';
import { chooseFiles } from './hub-files.ts';

/** What is pulled; without patterns the files that a bundle.json lists, or else those that can be opened. */
export interface Wish {
  readonly repository: string;
  readonly revision: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly variant: string | null;
}

export interface PullSettings extends FetchSettings {
  readonly hub: Hub;
  /** Folder of the shared cache. */
  readonly cache: string;
}

export type PullEvents = Omit<FetchEvents, 'refused'>;

export interface PullPlan {
  readonly revision: HubRevision;
  /** The name that was asked for: a branch, a tag or a commit. */
  readonly asked: string;
  readonly files: readonly HubFile[];
  /** Those of `files` that the cache lacks. */
  readonly missing: readonly HubFile[];
  readonly folder: string;
}

/** What would be fetched for `wish`; of a bundle its bundle.json is fetched to know. Throws `unknown_model`, `access_denied`, `bad_input`, `download_failed`. */
export async function planPull(wish: Wish, settings: PullSettings, signal: AbortSignal): Promise<PullPlan> {
  const { hub, cache } = settings;
  const revision = await readRevision(hub, wish.repository, wish.revision, signal);
  const folder = snapshotFolder(cache, wish.repository, revision.commit);
  const list = revision.files.find(({ path }) => path === 'bundle.json');
  let chosen: readonly HubFile[];
  if (list !== undefined && wish.include.length === 0) {
    await fetchMissing([await completeFile(hub, revision, list, signal)], revision, settings, quiet, signal);
    chosen = filesOfBundle(await readFile(join(folder, 'bundle.json'), 'utf8'), revision);
  } else chosen = chooseFiles(revision.files, wish.include, wish.exclude, wish.variant);

  const files: HubFile[] = [];
  for (const file of chosen) files.push(await completeFile(hub, revision, file, signal));
  const missing: HubFile[] = [];
  for (const file of files) if (!(await isThere(cache, revision, file))) missing.push(file);
  return { revision, asked: wish.revision, files, missing, folder };
}

/** Fetches what the plan lacks and names the whole in the cache. Throws as `planPull` does. */
export async function fetchPlan(plan: PullPlan, settings: PullSettings, events: PullEvents, signal: AbortSignal): Promise<void> {
  await fetchMissing(plan.missing, plan.revision, settings, events, signal);
  await writeRef(settings.cache, plan.revision.repository, plan.asked, plan.revision.commit);
}

const quiet: PullEvents = { progress: () => undefined, waiting: () => undefined, fetched: () => undefined, warn: () => undefined };

async function fetchMissing(missing: readonly HubFile[], revision: HubRevision, settings: PullSettings, events: PullEvents, signal: AbortSignal): Promise<void> {
  const { hub, cache } = settings;
  const { repository, commit } = revision;
  // Two names of one content are one file to fetch.
  const byBlob = new Map<string, HubFile[]>();
  for (const file of missing) byBlob.set(blobName(hub, revision, file), [...(byBlob.get(blobName(hub, revision, file)) ?? []), file]);
  const files = [...byBlob].flatMap(([blob, names]): FileToFetch[] => {
    const [file] = names;
    if (file === undefined) return [];
    const placed = async (): Promise<void> => {
      for (const { path } of names) await nameBlob(cache, repository, commit, path, blob);
    };
    const lock = join(cache, '.locks', `models--${repository.replaceAll('/', '--')}`, `${blob}.anymodal`);
    return [{ label: file.path, address: addressOf(hub, repository, commit, file.path), target: blobPath(cache, repository, blob), bytes: file.bytes, digest: file.digest, lock, placed }];
  });
  await fetchFiles(files, repositoryFolder(cache, repository), settings, { ...events, refused: (answer, label) => refusal(answer, hub, repository, `${label} of ${repository}`) }, signal);
}

function blobName(hub: Hub, { repository, commit }: HubRevision, file: HubFile): string {
  return file.digest?.value ?? createHash('sha256').update(addressOf(hub, repository, commit, file.path).href).digest('hex').slice(0, 40);
}

/** Whether a file has its name in the snapshot, at the right size. */
async function isThere(cache: string, revision: HubRevision, file: HubFile): Promise<boolean> {
  const found = await cachedBytes(cache, revision.repository, revision.commit, file.path);
  return found !== null && (file.bytes === null || found === file.bytes);
}

/** bundle.json, the files that it lists and the words that come with them. Throws `bundle_invalid` naming what the repository lacks. */
function filesOfBundle(text: string, revision: HubRevision): HubFile[] {
  const paths = new Set(['bundle.json', ...pathsOfBundle(text)]);
  const lacking = [...paths].filter((path) => !revision.files.some((file) => file.path === path));
  if (lacking.length > 0) throw new AnymodalError('bundle_invalid', `${revision.repository} lacks ${lacking.length} of the files that its bundle.json lists, such as ${lacking[0]}; tell its owner.`);
  return revision.files.filter(({ path }) => paths.has(path) || /^(README|LICENSE|LICENCE|NOTICE)[^/]*$/i.test(path));
}

/** Paths of all files that a bundle.json lists, each inside the bundle; opening the bundle checks the rest of it. */
export function pathsOfBundle(text: string): string[] {
  return filesInBundle(text).map(({ path }) => path);
}

/** Every file that a bundle.json lists with what it says of it, each once. Throws `bundle_invalid`. */
export function filesInBundle(text: string): { readonly path: string; readonly bytes: number | null; readonly sha256: string | null }[] {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AnymodalError('bundle_invalid', 'bundle.json is no JSON; tell its owner.');
  }
  const files = new Map<string, { path: string; bytes: number | null; sha256: string | null }>();
  for (const component of fieldsOf(fieldsOf(value).get('components')).values()) {
    for (const file of fieldsOf(fieldsOf(component).get('files')).values()) {
      const fields = fieldsOf(file);
      const [path, bytes, sha256] = [fields.get('path'), fields.get('bytes'), fields.get('sha256')];
      if (typeof path !== 'string' || faultOfPath(path) !== null) throw new AnymodalError('bundle_invalid', 'bundle.json lists a file outside of the bundle; tell its owner.');
      files.set(path, { path, bytes: typeof bytes === 'number' ? bytes : null, sha256: typeof sha256 === 'string' ? sha256 : null });
    }
  }
  return [...files.values()];
}

function fieldsOf(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

/** Bytes of `files` that are known. */
export function sumOf(files: readonly { readonly bytes: number | null }[]): number {
  return files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
}
