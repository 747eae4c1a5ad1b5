// node training/align/encode.ts BUNDLE MODALITY < paths > tokens: media through a bundle's encoder as the program itself reads them.
// Paths come a line each; out goes a JSON line with the shape [n, d] of the tokens, then float32 rows, one medium after another. Knows no language model.

import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { closeMedia, mediaFromBytes, sniffMedia } from '../../media/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { Media } from '../../src/contracts.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import { createRandom } from '../../src/runtime/random.ts';

const [folder = '', modality = ''] = process.argv.slice(2);
const opened = await openBundle(folder, [...encoders, ...projectors, ...decoders, ...languageModels]);
const name = opened.bundle.inputs[modality]?.encoder;
if (name === undefined) throw new Error(`${folder}: it reads no ${modality}; it reads ${Object.keys(opened.bundle.inputs).join(', ') || 'nothing'}.`);
const { factory, source } = opened.component(name, 'cpu');
if (factory.kind !== 'encoder') throw new Error(`${folder}: "${name}" is no encoder.`);
const encoder = await factory.open({ ...source, note: say });
const context = { signal: new AbortController().signal, random: createRandom(0), warn: (_code: string, message: string): void => say(message) };
let first: readonly number[] | null = null;
let seen = 0;
try {
  for (const path of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const { tokens } = await encoder.encode(await mediumAt(path), context);
    if (first === null) {
      first = tokens.shape;
      write(Buffer.from(`${JSON.stringify(first)}\n`));
    }
    if (tokens.shape.join() !== first.join()) throw new Error(`${path}: its tokens are [${tokens.shape.join(', ')}], those of the media before it [${first.join(', ')}].`);
    write(Buffer.from(Float32Array.from(tokens.data).buffer));
    seen += 1;
    if (seen % 100 === 0) say(`${seen} media read`);
  }
} finally {
  await encoder.dispose();
  await closeMedia();
}

/** Pictures, sounds and videos by their content; for other senses a file is what the bundle reads as such: a picture, an array of NumPy or a table. */
async function mediumAt(path: string): Promise<Media> {
  const [bytes, file] = [readFileSync(path), basename(path)];
  if (['image', 'audio', 'video'].includes(modality)) return mediaFromBytes(bytes, file, { as: modality });
  const array = bytes.subarray(0, 6).toString('latin1') === '\u0093NUMPY' ? 'application/x-npy' : 'text/csv';
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType: sniffMedia(bytes)?.mediaType ?? array, bytes, name: file };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function write(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}
