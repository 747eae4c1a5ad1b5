// The bundles that can be named, and what their bundle.json says, read in a moment: no hashes, no graphs.
// Knows no command; opening and checking a bundle whole is the bundle room's work.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { partsOfModel, textOfModel } from '../bundle/assemble.ts';
import { readBundle } from '../bundle/open.ts';
import { installedBundles, packagedBundles, resolveModel } from '../bundle/resolve.ts';
import { AnymodalError } from '../errors.ts';
import { findPulled } from './hub.ts';
import type { Shell } from './shell.ts';

export interface BundleSummary {
  readonly id: string;
  readonly folder: string;
  readonly version: string;
  readonly licence: string;
  readonly title: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Sum of the declared sizes of its files. */
  readonly bytes: number;
  /** Files that are missing or of another size than declared. */
  readonly faults: readonly string[];
}

/**
 * The folder of the bundle that `--model`, ANYMODAL_MODEL or the default names, and those that `--use OUTPUT=MODEL` puts into it, as one text.
 * Throws `unknown_model`, `bad_option`.
 */
export async function chooseBundle(model: string | null, shell: Shell, uses: readonly string[] = []): Promise<string> {
  return folderOf(modelWith(model ?? shell.environment.model ?? defaultBundle, uses), shell);
}

/** A model's text with what `--use` puts into it. Throws `bad_option`. */
export function modelWith(model: string, uses: readonly string[]): string {
  const parts = uses.map((use) => {
    const [, output, other] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(use) ?? [];
    if (output === undefined || other === undefined) throw new AnymodalError('bad_option', `--use: got "${use}", expected OUTPUT=MODEL or language-model=MODEL, such as image=sd-turbo.`);
    return { output, model: other };
  });
  return textOfModel({ model, uses: parts });
}

/** The folder of a bundle that is installed, lies at a path or was pulled; throws `unknown_model`. */
export async function folderOf(model: string, shell: Shell): Promise<string> {
  return resolveModel(model, shell.folder, async (name) => findPulled(name, shell.environment.hub));
}

/** Bundle that is used where none is named. */
export const defaultBundle = packagedBundles[0] ?? 'nano';

/** What the bundle.json in `folder` declares; throws `bundle_invalid` where it is none. */
export async function summarise(folder: string): Promise<BundleSummary> {
  const bundle = await readBundle(folder);
  const files = Object.values(bundle.components).flatMap((component) => Object.values(component.files));
  const faults: string[] = [];
  for (const file of new Map(files.map((each) => [each.path, each])).values()) {
    const size = await stat(resolve(partsOfModel(folder).model, file.path)).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) faults.push(`${file.path} is missing`);
    else if (size !== file.bytes) faults.push(`${file.path} has ${size} bytes, expected ${file.bytes}`);
  }
  return {
    id: bundle.id,
    folder,
    version: bundle.version,
    licence: bundle.licence,
    title: bundle.title,
    inputs: Object.keys(bundle.inputs),
    outputs: [...(bundle.languageModel === null ? [] : ['text']), ...Object.keys(bundle.outputs)],
    bytes: [...new Map(files.map((file) => [file.path, file.bytes])).values()].reduce((sum, bytes) => sum + bytes, 0),
    faults,
  };
}

/** Packaged bundles by id with their folder, null where the package is not installed. */
export function packaged(): { readonly id: string; readonly folder: string | null }[] {
  const installed = installedBundles();
  return packagedBundles.map((id) => ({ id, folder: installed.find((bundle) => bundle.id === id)?.folder ?? null }));
}
