// Repositories of CLIP and CLAP in transformers.js' layout: what they amount to, and that their towers embed as transformers' own.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { factories } from '../../encoders/index.ts';
import { closeMedia } from '../../media/index.ts';
import { assemble, isModelFolder } from '../../src/bundle/assemble.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { Factory } from '../../src/contracts.ts';
import { dot, l2Normalise } from '../../src/runtime/tensors.ts';
import { testContext, using } from '../conformance/component.ts';
import { bundleOf, medium, numbers, referenceOf } from '../encoders/towers-fixture.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/embedders/${name}-repository`, import.meta.url));
afterAll(closeMedia);

describe.each(['clip', 'clap'])('%s', (name) => {
  test('opens as it is and means what the exported bundle means', async () => {
    expect(await isModelFolder(fixture(name))).toBe(true);
    const { bundle, notes } = await openBundle(fixture(name), factories);
    const exported = bundleOf(name);
    expect(notes).toEqual([]);
    expect([bundle.joint, bundle.inputs]).toEqual([exported.joint, exported.inputs]);
    for (const [component, { uses, config }] of Object.entries(exported.components)) {
      expect(bundle.components[component]).toMatchObject({ uses, config });
    }
  });

  test.each(referenceOf(name).cases.map((each) => [each.modality, each.given.slice(0, 20), each] as const))('%s %j', async (modality, _, { given, vector }) => {
    const opened = await openBundle(fixture(name), factories);
    const { source } = opened.component(`${modality}-encoder`, 'cpu');
    const { uses } = opened.bundle.components[`${modality}-encoder`]!;
    const factory = factories.find((each): each is Factory<'encoder'> => each.kind === 'encoder' && each.name === uses)!;
    const { joint } = await using(factory.open(source), async (encoder) => encoder.encode(medium(modality, given), testContext()));
    expect(dot(joint!.data, l2Normalise(Float32Array.from(numbers(vector))))).toBeGreaterThan(0.9999);
  });
});

describe('a folder that is not whole', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'anymodal-test-')), 'copy');
    await cp(fixture('clip'), folder, { recursive: true });
  });
  afterEach(async () => rm(join(folder, '..'), { recursive: true }));

  test('is told every part that is missing, and what makes it', async () => {
    await rm(join(folder, 'onnx/vision_model.onnx'));
    await rm(join(folder, 'tokenizer.json'));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/onnx\/vision_model\.onnx, tokenizer\.json missing; .*training\.export\.clip/) });
  });

  test('is refused where it sees pictures in a way that is not offered', async () => {
    const path = join(folder, 'preprocessor_config.json');
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), do_center_crop: false }));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('preprocessor_config.json') });
  });
});
