// Makes the bundle nano: `node models/assemble.ts EXPORTS [FOLDER]` copies the files that bundle.template.json names from the exports
// of training/ into FOLDER (models/nano without one) and seals bundle.json. Knows nothing of what the files contain.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sealBundle } from '../src/bundle/seal.ts';

const nano = fileURLToPath(new URL('./nano/', import.meta.url));
const [exports, folder = nano] = process.argv.slice(2);
if (exports === undefined) throw new Error('give the folder of the exports: node models/assemble.ts EXPORTS [FOLDER]');

const template = await readFile(join(nano, 'bundle.template.json'), 'utf8');
const bundle: { readonly components: Record<string, { readonly files: Record<string, { readonly path: string }> }> } = JSON.parse(template);
const paths = new Set(Object.values(bundle.components).flatMap(({ files }) => Object.values(files).map(({ path }) => path)));
for (const path of paths) {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await copyFile(join(exports, path), join(folder, path));
}
await writeFile(join(folder, 'bundle.json'), template);
await sealBundle(folder);
process.stdout.write(`${resolve(folder, 'bundle.json')}: ${paths.size} files\n`);
