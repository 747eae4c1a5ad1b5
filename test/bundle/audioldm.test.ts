// AudioLDM: its exported bundle, the same folder as it is without a bundle.json, and in the place of nano's sounds.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { assemble } from '../../src/bundle/assemble.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';

const factories = [...encoders, ...projectors, ...decoders, ...languageModels];
const fixture = fileURLToPath(new URL('../fixtures/audioldm', import.meta.url));
const nano = fileURLToPath(new URL('../../models/nano', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'anymodal-test-')), 'copy');
  await cp(fixture, folder, { recursive: true });
  await rm(join(folder, 'bundle.json'));
});
afterEach(async () => rm(join(folder, '..'), { recursive: true }));

test('the exported bundle opens, every file as declared', async () => {
  const { bundle, notes } = await openBundle(fixture, factories);
  expect([Object.keys(bundle.inputs), Object.keys(bundle.outputs), notes]).toEqual([['audio'], ['audio'], []]);
});

test('the same folder without its bundle.json means the same', async () => {
  const [own, adopted] = [(await openBundle(fixture, factories)).bundle, await openBundle(folder, factories)];
  expect(adopted.notes).toEqual([]);
  const { unconditional, ...config } = own.components['audio-decoder']!.config;
  expect(unconditional).toBe(true);
  expect(adopted.bundle.components['audio-decoder']!.config).toMatchObject(config);
  expect(adopted.bundle.components['prompt-encoder']!.config).toEqual(own.components['prompt-encoder']!.config);
  expect([adopted.bundle.inputs, adopted.bundle.outputs]).toEqual([own.inputs, own.outputs]);
});

test('without an encoder of sounds it edits none, and says so', async () => {
  await rm(join(folder, 'vae_encoder'), { recursive: true });
  const { bundle, notes } = await assemble(folder);
  expect(bundle.inputs).toEqual({});
  expect(notes).toEqual(['There is no vae_encoder/model.onnx: sounds are made, not edited.']);
});

test('every part that is missing is named, and what makes it', async () => {
  await rm(join(folder, 'vocoder/model.onnx'));
  await rm(join(folder, 'tokenizer/tokenizer.json'));
  await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/vocoder\/model\.onnx, tokenizer\/tokenizer\.json missing; export/) });
});

test("it stands in for nano's sounds, on the caption route", async () => {
  const { bundle, notes } = await assemble(`${nano}+audio=${fixture}`);
  expect(bundle.outputs['audio']).toMatchObject({ chat: 'caption' });
  expect(bundle.components[bundle.outputs['audio']!.decoder]!.uses).toBe('audioldm');
  expect(notes.join(' ')).toContain('caption route');
});
