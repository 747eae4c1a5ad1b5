// Fills size and SHA-256 of every file of a bundle.json from the files beside it: the last step of making a bundle.
// Checks nothing else; opening the bundle does.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { faultOfPath, hashFile } from './files.ts';

/** A bundle.json before it is sealed: as in `Bundle`, but files may lack `sha256` and `bytes`. */
interface Unsealed {
  readonly components: Record<string, { readonly files: Record<string, { path: string; sha256?: string; bytes?: number }> }>;
}

/**
 * Rewrites `FOLDER/bundle.json` with the sizes and hashes of its files, and returns how many there are.
 * Throws `bundle_invalid` naming every file that is missing.
 */
export async function sealBundle(folder: string): Promise<number> {
  const path = join(folder, 'bundle.json');
  const bundle: Unsealed = JSON.parse(await readFile(path, 'utf8'));
  const faults: string[] = [];
  let count = 0;
  for (const [name, component] of Object.entries(bundle.components)) {
    for (const [key, file] of Object.entries(component.files)) {
      const bad = faultOfPath(file.path);
      const found = bad === null ? await stat(join(folder, file.path)).catch(() => null) : null;
      if (bad !== null || found === null) {
        faults.push(`  components.${name}.files.${key}: "${file.path}" ${bad ?? 'is missing'}`);
        continue;
      }
      file.bytes = found.size;
      file.sha256 = await hashFile(join(folder, file.path));
      count += 1;
    }
  }
  if (faults.length > 0) throw new AnymodalError('bundle_invalid', [`bundle ${folder} cannot be sealed`, ...faults].join('\n'));
  await writeFile(path, `${JSON.stringify(bundle, null, 2)}\n`);
  return count;
}
