// Finds a bundle by what a user writes: the id of an installed bundle, a folder, or what was pulled from a hub.
// Looks into a bundle.json for addresses alone; opening it is another file's work.

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnymodalError } from '../errors.ts';
import { assemble, isModelFolder, partsOfModel, textOfModel } from './assemble.ts';

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
 * @param model id of an installed bundle, a path of a folder with a bundle.json or in another known layout, or what `pulled` knows; of several
 *   put together (`partsOfModel`) each is looked for, and the text of their folders comes back
 * @param base folder that relative paths start from
 * @param pulled folder of a model that was pulled from a hub, null for one that was not
 * @throws AnymodalError `unknown_model` naming the bundles that exist
 */
export async function resolveModel(model: string, base: string, pulled: (model: string) => Promise<string | null> = async () => null): Promise<string> {
  const parts = partsOfModel(model);
  if (parts.uses.length > 0) {
    const find = async (each: string): Promise<string> => resolveModel(each, base, pulled);
    return textOfModel({ model: await find(parts.model), uses: await Promise.all(parts.uses.map(async (use) => ({ output: use.output, model: await find(use.model) }))) });
  }
  const packaged = packagedBundles.includes(model) ? folderOfPackage(model) : null;
  if (packaged !== null) return packaged;
  const folder = isAbsolute(model) ? model : resolve(base, model);
  if (model !== '' && (await holdsBundle(folder))) return folder;
  const cached = model === '' ? null : await pulled(model);
  if (cached !== null && (await holdsBundle(cached))) {
    await refuseServers(model, cached);
    return cached;
  }
  if (cached !== null) throw new AnymodalError('unknown_model', `model "${model}" was pulled and holds no bundle.json; run \`anymodal pull ${model}\` to see what can be done with it`);
  const installed = installedBundles().map((bundle) => bundle.id);
  throw new AnymodalError('unknown_model', `model "${model}": neither an installed bundle nor a folder with a bundle.json, nor pulled; installed are ${installed.join(', ') || 'none'}, and \`anymodal pull\` fetches others`);
}

/** A pulled bundle may not send what users say to a server that its maker chose: throws `access_denied` where a component has an address. */
async function refuseServers(model: string, folder: string): Promise<void> {
  // What is wrong with it is told by whoever opens it.
  const assembled = await assemble(folder).catch(() => null);
  const addresses = Object.values(assembled?.bundle.components ?? {}).flatMap(({ config }) => (typeof config['url'] === 'string' ? [config['url']] : []));
  if (addresses.length === 0) return;
  throw new AnymodalError('access_denied', `model "${model}" was pulled, and would send what it is given to ${[...new Set(addresses)].join(', ').slice(0, 200)}; if you trust its maker, copy ${folder} to a folder of your own and name that`);
}

/** Whether a folder holds a bundle, whatever is in it. */
export async function holdsBundle(folder: string): Promise<boolean> {
  return isModelFolder(resolve(folder));
}

function folderOfPackage(id: string): string | null {
  try {
    const path = fileURLToPath(import.meta.resolve(`@anymodal/${id}/bundle.json`));
    return existsSync(path) ? dirname(path) : null;
  } catch {
    return null;
  }
}
