// Folders in diffusers' layout as bundles, and bundles with the output of another in place of their own.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { assemble, partsOfModel, textOfModel } from '../../src/bundle/assemble.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { resolveModel } from '../../src/bundle/resolve.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';

const factories = [...encoders, ...projectors, ...decoders, ...languageModels];
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/stable-diffusion/${name}`, import.meta.url));
const nano = fileURLToPath(new URL('../../models/nano', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'anymodal-test-')), 'copy');
  await cp(fixture('sd'), folder, { recursive: true });
});
afterEach(async () => rm(join(folder, '..'), { recursive: true }));

async function changed(path: string, change: (settings: Record<string, unknown>) => void): Promise<void> {
  const settings: Record<string, unknown> = JSON.parse(await readFile(join(folder, path), 'utf8'));
  change(settings);
  await writeFile(join(folder, path), JSON.stringify(settings));
}

describe("a folder in diffusers' layout", () => {
  test.each(['sd', 'sdxl'])('%s opens as it is', async (name) => {
    const opened = await openBundle(fixture(name), factories);
    expect(Object.keys(opened.bundle.outputs)).toEqual(['image']);
    expect(Object.keys(opened.bundle.inputs)).toEqual(['image']);
    expect(opened.notes).toEqual([]);
    const { ports, source } = opened.component('image-decoder', 'cpu');
    expect(ports.in).toEqual(name === 'sd' ? { tokens: [null, 32] } : { tokens: [null, 56], pooled: [24] });
    expect(source.path('unet')).toBe(join(fixture(name), 'unet/model.onnx'));
    expect(await resolveModel(fixture(name), '/')).toBe(fixture(name));
  });

  test('defaults are those of the kind of model', async () => {
    const config = async () => (await assemble(folder)).bundle.components['image-decoder']!.config;
    expect(await config()).toMatchObject({ task: 'generate', scheduler: 'pndm', steps: 50, guidanceScale: 7.5, prediction: 'epsilon', multiple: 16 });
    await writeFile(join(folder, 'scheduler/scheduler_config.json'), '{"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing", "lambda_min_clipped": -Infinity}');
    expect(await config()).toMatchObject({ scheduler: 'euler-ancestral', steps: 1, guidanceScale: 1 });
    await writeFile(join(folder, 'scheduler/scheduler_config.json'), '{"_class_name": "LCMScheduler"}');
    expect(await config()).toMatchObject({ scheduler: 'lcm', steps: 4 });
    await changed('model_index.json', (index) => (index['_class_name'] = 'ORTStableDiffusionInstructPix2PixPipeline'));
    expect(await config()).toMatchObject({ task: 'instruct' });
  });

  test('a scheduler that is not offered is replaced, and that is said', async () => {
    await writeFile(join(folder, 'scheduler/scheduler_config.json'), '{"_class_name": "UniPCMultistepScheduler"}');
    expect((await assemble(folder)).notes).toEqual(['Its scheduler UniPCMultistepScheduler is not offered; ddim takes its place.']);
  });

  test('without an encoder of pictures it edits none, and says so', async () => {
    await rm(join(folder, 'vae_encoder'), { recursive: true });
    const { bundle, notes } = await assemble(folder);
    expect(bundle.inputs).toEqual({});
    expect(notes[0]).toContain('made, not edited');
  });

  test('every part that is missing is named, and what makes it', async () => {
    await rm(join(folder, 'unet/model.onnx'));
    await rm(join(folder, 'vae_decoder/model.onnx'));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/unet\/model\.onnx, vae_decoder\/model\.onnx missing; export/) });
  });

  test('another pipeline is refused by name', async () => {
    await changed('model_index.json', (index) => (index['_class_name'] = 'FluxPipeline'));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('of a FluxPipeline, which is not offered') });
  });

  test('external weights belong to the component', async () => {
    await writeFile(join(folder, 'unet/model.onnx_data'), 'weights');
    expect((await assemble(folder)).bundle.components['image-decoder']!.files['unet-weights0']).toMatchObject({ path: 'unet/model.onnx_data', bytes: 7 });
  });
});

describe('the output of another bundle', () => {
  test('a text is taken apart and put together', () => {
    const parts = { model: 'nano', uses: [{ output: 'image', model: '/a b/sd+1' }, { output: 'audio', model: 'x' }] };
    expect(textOfModel(parts)).toBe('nano+image=/a b/sd+1+audio=x');
    expect(partsOfModel(textOfModel(parts))).toEqual(parts);
    expect(partsOfModel('/no/uses')).toEqual({ model: '/no/uses', uses: [] });
  });

  test('takes the place of the own one, asked for in words', async () => {
    const opened = await openBundle(`${nano}+image=${fixture('sd')}`, factories);
    const image = opened.bundle.outputs['image']!;
    expect(image.chat).toBe('caption');
    expect(image.sources).toEqual({ prompt: 'prompt-encoder' });
    expect(opened.component(image.decoder, 'cpu').source.path('unet')).toBe(join(fixture('sd'), 'unet/model.onnx'));
    // The video decoder draws with the files of the decoder that was replaced.
    expect(Object.keys(opened.bundle.outputs)).toContain('video');
    expect(opened.bundle.components['image-output-projector']).toBeUndefined();
    expect(opened.notes).toEqual([expect.stringContaining('caption route')]);
  });

  test('is refused where it is not made', async () => {
    await expect(assemble(`${fixture('sd')}+audio=${nano}`)).resolves.toMatchObject({ bundle: { outputs: { audio: { chat: 'caption' } } } });
    await expect(assemble(`${fixture('sd')}+smell=${nano}`)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('makes no "smell"') });
    await expect(assemble(`${fixture('sd')}+image=${folder}/nothing`)).rejects.toMatchObject({ code: 'unknown_model' });
    await expect(resolveModel(`${nano}+image=nowhere`, '/')).rejects.toMatchObject({ code: 'unknown_model', message: expect.stringContaining('"nowhere"') });
  });
});
