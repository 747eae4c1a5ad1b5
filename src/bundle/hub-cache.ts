// The cache that programs share: blobs, snapshots and refs in Hugging Face's layout, so that others read ours and we theirs.
// Knows no server.

import { copyFile, link, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { faultOfPath } from './files.ts';

/** Folder of a repository in the cache. */
export function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replaceAll('/', '--')}`);
}

/** Path of the content that has this digest. */
export function blobPath(cache: string, repository: string, digest: string): string {
  return join(repositoryFolder(cache, repository), 'blobs', digest);
}

/** Folder in which the files of a commit have their names. */
export function snapshotFolder(cache: string, repository: string, commit: string): string {
  return join(repositoryFolder(cache, repository), 'snapshots', commit);
}

/** The commit that a branch, a tag or a commit was when it was last looked up, or null. */
export async function readRef(cache: string, repository: string, revision: string): Promise<string | null> {
  if (faultOfPath(revision) !== null) return null;
  const text = await readFile(join(repositoryFolder(cache, repository), 'refs', revision), 'utf8').catch(() => null);
  if (text !== null) return /^[0-9a-f]{40}$/.test(text.trim()) ? text.trim() : null;
  const isThere = /^[0-9a-f]{40}$/.test(revision) && (await isFolder(snapshotFolder(cache, repository, revision)));
  return isThere ? revision : null;
}

/** Remembers what commit `revision` is. */
export async function writeRef(cache: string, repository: string, revision: string, commit: string): Promise<void> {
  if (revision === commit) return;
  const path = join(repositoryFolder(cache, repository), 'refs', revision);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, commit);
}

/** Size of a file of a snapshot, null where it is missing or leads nowhere. */
export async function cachedBytes(cache: string, repository: string, commit: string, path: string): Promise<number | null> {
  const found = await stat(join(snapshotFolder(cache, repository, commit), path)).catch(() => null);
  return found?.isFile() === true ? found.size : null;
}

/** Gives the blob its name in the snapshot: a relative link, or the file itself where links cannot be made. */
export async function nameBlob(cache: string, repository: string, commit: string, path: string, digest: string): Promise<void> {
  const [blob, name] = [blobPath(cache, repository, digest), join(snapshotFolder(cache, repository, commit), path)];
  await mkdir(dirname(name), { recursive: true });
  // A link that leads nowhere is in the way.
  if ((await lstat(name).catch(() => null)) !== null) await rm(name);
  await symlink(relative(dirname(name), blob), name).catch(async () => link(blob, name)).catch(async () => copyFile(blob, name));
}

export interface CachedModel {
  readonly repository: string;
  readonly commit: string;
  readonly folder: string;
  /** Files with their sizes, those that lead nowhere left out. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** The newest known commit of a repository in the cache at `revision`, or null. */
export async function cachedModel(cache: string, repository: string, revision = 'main'): Promise<CachedModel | null> {
  const commit = await readRef(cache, repository, revision);
  if (commit === null) return null;
  const folder = snapshotFolder(cache, repository, commit);
  return (await isFolder(folder)) ? { repository, commit, folder, files: await filesBelow(folder) } : null;
}

/** Every model of the cache that has a commit for `main`, or else one commit at all, in the order of their names. */
export async function cachedModels(cache: string): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  for (const name of (await readdir(cache).catch(() => [])).toSorted(byName)) {
    if (!name.startsWith('models--')) continue;
    const repository = name.slice('models--'.length).replaceAll('--', '/');
    const others = await readdir(join(cache, name, 'snapshots')).catch(() => []);
    const model = (await cachedModel(cache, repository)) ?? (others.length === 1 ? await cachedModel(cache, repository, others[0]) : null);
    if (model !== null) models.push(model);
  }
  return models;
}

/** Files of a folder and of those below with their sizes, those that lead nowhere left out. */
export async function filesBelow(folder: string): Promise<{ path: string; bytes: number }[]> {
  const files: { path: string; bytes: number }[] = [];
  for (const path of (await readdir(folder, { recursive: true })).toSorted(byName)) {
    const found = await stat(join(folder, path)).catch(() => null);
    if (found?.isFile() === true) files.push({ path: path.replaceAll('\\', '/'), bytes: found.size });
  }
  return files;
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}
