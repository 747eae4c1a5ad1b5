// Writes a bundle into a folder of its own: bundle.json, and every file that it declares, as a link to where it lies or as a copy.
// Knows no component.

import { copyFile, link, mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { assemble } from './assemble.ts';
import { hashFile } from './files.ts';
import type { Bundle, BundleComponent, BundleFile } from './format.ts';

/** Bytes from which on a file is linked. */
const LEAST_LINKED = 65_536;

/** A bundle and where its files lie: absolute, by component and key. */
export interface Placed {
  readonly bundle: Bundle;
  place(component: string, key: string): string | null;
}

/** A bundle that is there, with where its files lie. Throws as `assemble` does, `unsupported` for folders that declare no hashes. */
export async function placedBundle(model: string): Promise<Placed> {
  const { bundle, origins } = await assemble(model);
  for (const [name, { declared, folder }] of origins) {
    if (declared === null) throw new AnymodalError('unsupported', `${folder}: its files have no hashes (component ${name}), so that no other bundle can be made of it; pull or export it as a bundle first.`);
  }
  return {
    bundle,
    place: (component, key) => {
      const [origin, file] = [origins.get(component), bundle.components[component]?.files[key]];
      if (origin === undefined || file === undefined) return null;
      return isAbsolute(file.path) ? file.path : join(origin.folder, file.path);
    },
  };
}

/**
 * Writes `FOLDER/bundle.json` and its files: hard links where the file system has them, else copies.
 * Throws `conflict` where there is a bundle.json already and `overwrite` is not set.
 *
 * @param place where a file of a component lies; null for one that is in the folder already
 * @returns how many bytes were copied
 */
export async function writeFolder(folder: string, bundle: Bundle, place: Placed['place'], overwrite: boolean): Promise<number> {
  const path = join(folder, 'bundle.json');
  if (!overwrite && (await stat(path).catch(() => null)) !== null) throw new AnymodalError('conflict', `${path} is there already; give another folder with --out, or add --overwrite.`);
  await mkdir(folder, { recursive: true });
  let copied = 0;
  const components: Record<string, BundleComponent> = {};
  for (const [name, component] of Object.entries(bundle.components)) {
    const files: Record<string, BundleFile> = {};
    for (const [key, file] of Object.entries(component.files)) {
      const from = place(name, key);
      const to = isAbsolute(file.path) ? `${name}/${basename(file.path)}` : file.path;
      files[key] = { ...file, path: to };
      if (from !== null) copied += await put(from, join(folder, to), file);
    }
    components[name] = { ...component, files };
  }
  await writeFile(path, `${JSON.stringify({ ...bundle, components }, null, 2)}\n`);
  return copied;
}

/** Links or copies a file unless it is there; returns the bytes that were copied. */
async function put(from: string, to: string, { bytes, sha256 }: BundleFile): Promise<number> {
  const found = await stat(to).catch(() => null);
  if (found !== null) {
    if (found.size === bytes && (await hashFile(to)) === sha256) return 0;
    throw new AnymodalError('conflict', `${to} is there already and is another file; give an empty folder with --out.`);
  }
  await mkdir(dirname(to), { recursive: true });
  try {
    // A small file may be one that its owner goes on writing in.
    if (bytes < LEAST_LINKED) throw new Error('copied');
    await link(from, to);
    return 0;
  } catch {
    await copyFile(from, to);
    return bytes < LEAST_LINKED ? 0 : bytes;
  }
}
