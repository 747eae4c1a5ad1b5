// Finds a bundle by what a user writes: the id of an installed bundle, or a folder.
// Reads no bundle.json; opening it is another file's work.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnymodalError } from '../errors.ts';

/** Ids of bundles that come as packages `@anymodal/ID`. */
export const packagedBundles: readonly string[] = ['nano'];

/** Bundles that are installed, with their folders. */
export function installedBundles(): { readonly id: string; readonly folder: string }[] {
  return packagedBundles.flatMap((id) => {
    const folder = folderOfPackage(id);
    return folder === null ? [] : [{ id, folder }];
  });
}

/**
 * The absolute folder of a model.
 *
 * @param model id of an installed bundle, or a path of a folder with a bundle.json
 * @param base folder that relative paths start from
 * @throws AnymodalError `unknown_model` naming the bundles that exist
 */
export async function resolveModel(model: string, base: string): Promise<string> {
  const packaged = packagedBundles.includes(model) ? folderOfPackage(model) : null;
  if (packaged !== null) return packaged;
  const folder = isAbsolute(model) ? model : resolve(base, model);
  const found = await stat(resolve(folder, 'bundle.json')).catch(() => null);
  if (model !== '' && found?.isFile() === true) return folder;
  const installed = installedBundles().map((bundle) => bundle.id);
  throw new AnymodalError('unknown_model', `model "${model}": neither an installed bundle nor a folder with a bundle.json; installed are ${installed.join(', ') || 'none'}`);
}

function folderOfPackage(id: string): string | null {
  try {
    const path = fileURLToPath(import.meta.resolve(`@anymodal/${id}/bundle.json`));
    return existsSync(path) ? dirname(path) : null;
  } catch {
    return null;
  }
}
