// A cover of the matrix on graphs with random weights: fifteen cells in which every mix comes in once and goes out once.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cells, makeSamples, mixes, runCell, type Options, type Samples } from '../bench/mixes.ts';
import { closeMedia } from '../media/index.ts';
import type { Engine } from '../src/contracts.ts';
import { createEngine } from '../src/engine/engine.ts';
import { openSessionCount } from '../src/runtime/sessions.ts';

const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../${room}/index.ts`, import.meta.url));
const options: Options = { image: { steps: 1 }, audio: { steps: 1 }, video: { steps: 1, frames: 6, fps: 6 }, text: { maxTokens: 8 } };
// Random weights may make a sound that is hardly heard.
const bounds = { loudness: 0, motion: 0 };

// Seven and fifteen have no common divisor, so that the outputs are all fifteen.
const cover = mixes.map((_, row) => cells[row * mixes.length + ((row * 7 + 3) % mixes.length)]!);

let engine: Engine;
let samples: Samples;

beforeAll(async () => {
  engine = await createEngine({ bundle: fileURLToPath(new URL('fixtures/tiny', import.meta.url)), device: 'cpu', factoryModules });
  samples = await makeSamples(engine, options, bounds);
});
afterAll(async () => {
  await engine.close();
  await closeMedia();
  expect(openSessionCount()).toBe(0);
});

test('the matrix has all mixes, each once', () => {
  const names = cells.map(({ inputs, outputs }) => `${inputs.join()}:${outputs.join()}`);
  expect(new Set(names).size).toBe(225);
  expect(cells.map(({ index }) => index)).toEqual([...cells.keys()]);
  expect(new Set(cover.map(({ inputs }) => inputs)).size).toBe(15);
  expect(new Set(cover.map(({ outputs }) => outputs)).size).toBe(15);
});

test.each(cover.map((cell) => [`${cell.inputs.join(', ')} to ${cell.outputs.join(', ')}`, cell] as const))('%s', async (_, cell) => {
  expect((await runCell(engine, cell, samples, options, bounds)).faults).toEqual([]);
});

test('a reply that is not what was asked for is found', async () => {
  const [asked] = cells.filter(({ inputs, outputs }) => inputs.join() === 'text' && outputs.join() === 'text,image,audio,video');
  const without: Engine = { ...engine, describe: async () => engine.describe(), run: (job, signal) => engine.run({ ...job, outputs: ['audio'] }, signal) };
  expect((await runCell(without, asked!, samples, options, bounds)).faults).toEqual(['got audio', 'the text is empty']);
  const still = await runCell(engine, cells.find(({ outputs }) => outputs.join() === 'audio,video')!, samples, options, { loudness: 2, motion: 300 });
  expect(still.faults).toEqual([expect.stringContaining('silent'), expect.stringContaining('frozen')]);
});
