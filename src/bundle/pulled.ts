// Finds models that were pulled, by the name of the catalogue, the id of the repository or the address that they were pulled by.
// Asks no server.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CatalogueModel } from './catalogue.ts';
import { isRepository, isRevision } from './hub.ts';
import { cachedModel, cachedModels, filesBelow, type CachedModel } from './hub-cache.ts';
import { matches } from './hub-files.ts';
import { holdsBundle } from './resolve.ts';

export interface Caches {
  /** The shared cache of hubs. */
  readonly cache: string;
  /** Folder for what comes from no hub. */
  readonly ownCache: string;
}

/** What a user means by a model's name. */
export type Meant =
  | { readonly kind: 'hub'; readonly repository: string; readonly revision: string; readonly include: readonly string[]; readonly model: CatalogueModel | null }
  | { readonly kind: 'address'; readonly address: URL; readonly model: CatalogueModel | null };

/**
 * What `name` stands for: an id of the catalogue, `ORG/NAME` or `ORG/NAME@REVISION` of a hub, an address of a repository or one of
 * its files on `hosts`, or any other address. Null where it is none of these.
 */
export function meantBy(name: string, catalogue: readonly CatalogueModel[], hosts: readonly string[]): Meant | null {
  const model = catalogue.find(({ id }) => id === name) ?? null;
  if (model !== null) {
    const { source } = model;
    if ('address' in source) return { kind: 'address', address: new URL(source.address), model };
    return { kind: 'hub', repository: source.repository, revision: source.revision ?? 'main', include: source.files ?? [], model };
  }
  if (/^https?:\/\//.test(name)) {
    const address = URL.canParse(name) ? new URL(name) : null;
    if (address === null) return null;
    return hosts.includes(address.host) ? meantByPage(address) : { kind: 'address', address, model: null };
  }
  const [repository = '', revision = 'main', ...rest] = name.split('@');
  if (!name.includes('/') || !isRepository(repository) || !isRevision(revision) || rest.length > 0) return null;
  return { kind: 'hub', repository, revision, include: [], model: null };
}

/** `/ORG/NAME`, `/ORG/NAME/tree/REVISION`, `/ORG/NAME/blob/REVISION/PATH` and the like with `resolve`. */
function meantByPage(address: URL): Meant | null {
  const [org = '', name = '', kind, revision = 'main', ...path] = address.pathname.split('/').slice(1).filter((part) => part !== '').map(decodeURIComponent);
  const repository = `${org}/${name}`;
  if (!isRepository(repository) || !isRevision(revision) || (kind !== undefined && !['tree', 'blob', 'resolve'].includes(kind))) return null;
  return { kind: 'hub', repository, revision, include: path.length === 0 ? [] : [kind === 'tree' ? `${path.join('/')}/**` : path.join('/')], model: null };
}

/** Folder in which what comes from `address` is kept. */
export function folderOfAddress(ownCache: string, address: URL): string {
  const name = decodeURIComponent(address.pathname.replace(/\/bundle\.json$/, '').split('/').at(-1) ?? '').replaceAll(/[^\w.-]/g, '_');
  return join(ownCache, 'addresses', `${name || 'model'}-${createHash('sha256').update(address.href).digest('hex').slice(0, 12)}`);
}

/** The folder of a pulled model, or null. Whether it is whole is for whoever opens it. */
export async function pulledFolder(meant: Meant, { cache, ownCache }: Caches): Promise<string | null> {
  if (meant.kind === 'hub') return (await cachedModel(cache, meant.repository, meant.revision))?.folder ?? null;
  const folder = folderOfAddress(ownCache, meant.address);
  return (await readdir(folder).catch(() => [])).some((name) => !name.includes('.anymodal-part')) ? folder : null;
}

/** Whether a pulled folder opens as it is: a bundle, or graphs in a known layout; weights that are to be exported do not. */
export async function opens(folder: string): Promise<boolean> {
  if (!(await holdsBundle(folder))) return false;
  return (await readdir(folder, { recursive: true })).some((path) => path === 'bundle.json' || path.endsWith('.onnx'));
}

export interface PulledModel extends CachedModel {
  /** Its entry in the catalogue, null for others. */
  readonly model: CatalogueModel | null;
}

/** Pulled models that anymodal can use or export: bundles, graphs, and those of the catalogue. What came from an address has its folder as repository. */
export async function pulledModels({ cache, ownCache }: Caches, catalogue: readonly CatalogueModel[]): Promise<PulledModel[]> {
  const found: PulledModel[] = [];
  for (const cached of await cachedModels(cache)) {
    const model = catalogue.find(({ source }) => 'repository' in source && source.repository === cached.repository) ?? null;
    found.push({ ...cached, model });
  }
  const places = join(ownCache, 'addresses');
  for (const name of await readdir(places).catch(() => [])) {
    const folder = join(places, name);
    const model = catalogue.find(({ source }) => 'address' in source && folderOfAddress(ownCache, new URL(source.address)) === folder) ?? null;
    // A file that is still on its way is none.
    const files = (await filesBelow(folder)).filter(({ path }) => !path.startsWith('.locks') && !path.includes('.anymodal-part'));
    if (files.length > 0) found.push({ repository: folder, commit: '', folder, files, model });
  }
  return found.filter(({ model, files }) => model !== null || files.some(({ path }) => path === 'bundle.json' || path.endsWith('.onnx')));
}

/** Whether every pattern of a catalogue entry has a file in the cache; licences and readmes may be missing. */
export function isWhole({ model, files }: PulledModel): boolean {
  if (model === null || 'address' in model.source) return true;
  const needed = (model.source.files ?? []).filter((pattern) => /\.(onnx|safetensors|pt|bin|gguf)/.test(pattern));
  return needed.every((pattern) => files.some(({ path }) => matches(pattern, path)));
}
