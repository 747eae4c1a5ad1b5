// Seals a bundle: `node models/seal.ts FOLDER` fills sizes and hashes into FOLDER/bundle.json from the files beside it.

import { sealBundle } from '../src/bundle/seal.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('give the folder of the bundle: node models/seal.ts FOLDER');
process.stdout.write(`${folder}: ${await sealBundle(folder)} files\n`);
