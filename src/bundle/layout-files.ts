// Files of a folder in a layout that others write: what lies there, with sizes and without hashes, since nobody declared any.
// Knows folders, JSON as Python writes it, and ONNX graphs with their external weights by name; no model.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Settings } from './diffusers-decoder.ts';
import type { BundleFile } from './format.ts';

/** Graph and external weights of one part; null where there is none. */
export async function graphOf(folder: string, part: string): Promise<Record<string, BundleFile> | null> {
  const model = await fileAt(folder, `${part}/model.onnx`);
  if (model === null) return null;
  const names = await readdir(join(folder, part));
  const weights = names.filter((name) => !/\.(json|onnx|txt|md)$/.test(name)).toSorted();
  const files: Record<string, BundleFile> = { model };
  for (const [index, name] of weights.entries()) {
    const file = await fileAt(folder, `${part}/${name}`);
    if (file !== null) files[`weights${index}`] = file;
  }
  return files;
}

/** The files with `prefix` before their keys. */
export function prefixed(files: Readonly<Record<string, BundleFile>>, prefix: string): Record<string, BundleFile> {
  return Object.fromEntries(Object.entries(files).map(([key, file]) => [`${prefix}${key}`, file]));
}

/** A file as it lies there; nobody declared its hash. */
export async function fileAt(folder: string, path: string): Promise<BundleFile | null> {
  const found = await stat(join(folder, path)).catch(() => null);
  return found?.isFile() === true ? { path, sha256: '', bytes: found.size } : null;
}

/** A JSON object; null for a file that is none or is missing. */
export async function settingsAt(folder: string, path: string): Promise<Settings | null> {
  const text = await readFile(join(folder, path), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    // Python writes numbers that JSON does not have, such as the -Infinity of DPM-Solver's settings.
    const value: unknown = JSON.parse(text.replace(/(:\s*)(?:-?Infinity|NaN)(?=\s*[,}])/g, '$1null'));
    return isSettings(value) ? value : null;
  } catch {
    return null;
  }
}

function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A bundle's id after the name of its folder. */
export function idOf(folder: string): string {
  return basename(folder).toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '') || 'folder';
}
