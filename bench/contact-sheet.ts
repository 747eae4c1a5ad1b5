// Makes one picture of each prompt and puts them on one sheet, for people to look at:
// `node bench/contact-sheet.ts SHEET.png [--prompts FILE] [--route chat|direct] [--seed S] [--columns N] [--shuffle] [--bundle FOLDER]`.
// With --shuffle the order is random by the seed and the key goes into SHEET.png.key.txt, so that a person can name the pictures first.

import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { closeMedia, decodeImage, encodeImage } from '../media/index.ts';
import { factoryModules } from '../src/cli/factory-modules.ts';
import type { Engine, Media, Route } from '../src/contracts.ts';
import { startEngine } from '../src/engine/client.ts';
import { createRandom } from '../src/runtime/random.ts';

const SIDE = 128;
const GAP = 4;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { type: 'string', default: fileURLToPath(new URL('prompts/nouns.txt', import.meta.url)) },
    route: { type: 'string', default: 'chat' },
    seed: { type: 'string', default: '1' },
    columns: { type: 'string', default: '8' },
    shuffle: { type: 'boolean', default: false },
    bundle: { type: 'string', default: fileURLToPath(new URL('../models/nano', import.meta.url)) },
  },
});
const target = positionals[0];
if (target === undefined) throw new Error('name the sheet to write: node bench/contact-sheet.ts SHEET.png');
const seed = Number(values.seed);
const route: Route = values.route === 'direct' ? 'direct' : 'chat';
const prompts = (await readFile(values.prompts, 'utf8')).split('\n').filter((line) => line.trim() !== '');
const order = values.shuffle ? shuffled(prompts, seed) : prompts;

const engine = await startEngine({ bundle: values.bundle, device: 'cpu', factoryModules });
try {
  const tiles: (Uint8Array | null)[] = [];
  for (const prompt of order) {
    const media = await draw(engine, prompt);
    tiles.push(media === null ? null : (await decodeImage(media, { width: SIDE, height: SIDE, fit: 'contain', background: [255, 255, 255] })).pixels);
    process.stderr.write(media === null ? 'x' : '.');
  }
  process.stderr.write('\n');
  await writeFile(target, (await encodeImage(sheet(tiles, Number(values.columns)), { format: 'png', provenance: null, mark: true })).bytes);
  if (values.shuffle) await writeFile(`${target}.key.txt`, order.map((prompt, index) => `${index + 1}\t${prompt}\n`).join(''));
  console.log(`${tiles.filter((tile) => tile !== null).length} pictures of ${order.length} prompts, route ${route}, seed ${seed}: ${target}`);
} finally {
  await engine.close();
  await closeMedia();
}

/** The picture that a prompt gives, or null where the language model answered without one. */
async function draw(from: Engine, prompt: string): Promise<Media | null> {
  const events = from.run({
    id: randomUUID(),
    messages: [{ role: 'user', parts: [{ type: 'text', text: prompt }] }],
    outputs: route === 'direct' ? ['image'] : null,
    route,
    seed,
    count: 1,
    options: {},
    negativePrompt: null,
    mask: null,
    mix: null,
    metadata: true,
  });
  let made: Media | null = null;
  for await (const event of events) {
    if (event.type === 'media-end') made = event.media;
    if (event.type === 'job-error') throw new Error(`${prompt}: ${event.code}: ${event.message}`);
  }
  return made;
}

/** Tiles in rows on white; a missing one stays grey. */
function sheet(tiles: readonly (Uint8Array | null)[], columns: number): { width: number; height: number; pixels: Uint8Array } {
  const rows = Math.ceil(tiles.length / columns);
  const width = columns * (SIDE + GAP) - GAP;
  const height = rows * (SIDE + GAP) - GAP;
  const pixels = new Uint8Array(width * height * 3).fill(255);
  for (const [index, tile] of tiles.entries()) {
    const left = (index % columns) * (SIDE + GAP);
    const top = Math.floor(index / columns) * (SIDE + GAP);
    for (let y = 0; y < SIDE; y += 1) {
      const start = ((top + y) * width + left) * 3;
      if (tile === null) pixels.fill(200, start, start + SIDE * 3);
      else pixels.set(tile.subarray(y * SIDE * 3, (y + 1) * SIDE * 3), start);
    }
  }
  return { width, height, pixels };
}

/** Fisher-Yates by the seed. */
function shuffled(items: readonly string[], by: number): string[] {
  const result = [...items];
  const draws = createRandom(by).uniform(result.length);
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(draws[last]! * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
