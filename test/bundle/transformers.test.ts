// Repositories in transformers.js' layout as bundles, and as the language model of others.

import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { assemble } from '../../src/bundle/assemble.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { resolveModel } from '../../src/bundle/resolve.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';

const factories = [...encoders, ...projectors, ...decoders, ...languageModels];
const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const nano = fileURLToPath(new URL('../../models/nano', import.meta.url));
const repository = join(fixtures, 'language-models/llama-repository');
const exported = join(fixtures, 'language-models/qwen3');
const diffusion = join(fixtures, 'stable-diffusion/sd');

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'anymodal-test-')), 'copy');
  await cp(repository, folder, { recursive: true });
});
afterEach(async () => rm(join(folder, '..'), { recursive: true }));

async function changed(path: string, change: (settings: Record<string, unknown>) => void): Promise<void> {
  const settings: Record<string, unknown> = JSON.parse(await readFile(join(folder, path), 'utf8'));
  change(settings);
  await writeFile(join(folder, path), JSON.stringify(settings));
}
const component = async (model = folder) => (await assemble(model)).bundle.components['language-model']!;

describe("a repository in transformers.js' layout", () => {
  test('opens as it is, and says what it cannot do', async () => {
    const opened = await openBundle(repository, factories);
    expect([opened.bundle.languageModel, opened.bundle.outputs, opened.bundle.id]).toEqual(['language-model', {}, 'llama-repository']);
    expect(opened.notes).toEqual([expect.stringContaining('(onnx/model.onnx) has no hidden states')]);
    const { source } = opened.component('language-model', 'cpu');
    expect(source.path('model')).toBe(join(repository, 'onnx/model.onnx'));
    expect(source.config).toMatchObject({ kvHeads: 2, headDim: 8, contextLength: 512, stopIds: [2], asks: [] });
    expect(await resolveModel(repository, '/')).toBe(repository);
  });

  test('external weights, other variants, graphs beside the settings', async () => {
    expect((await component()).files['weights0']).toMatchObject({ path: 'onnx/model.onnx_data' });
    await cp(join(folder, 'onnx/model.onnx'), join(folder, 'onnx/model_q4.onnx'));
    expect((await component()).files['model']).toMatchObject({ path: 'onnx/model_q4.onnx' });
    await rm(join(folder, 'onnx/model_q4.onnx'));
    for (const name of ['model.onnx', 'model.onnx_data']) await rename(join(folder, 'onnx', name), join(folder, name));
    expect((await component()).files).toMatchObject({ model: { path: 'model.onnx' }, weights0: { path: 'model.onnx_data' } });
  });

  test('ends and defaults of sampling are those of the model', async () => {
    await changed('generation_config.json', (settings) => Object.assign(settings, { eos_token_id: [2, 5], do_sample: true, temperature: 0.7, top_k: 20, top_p: 0.8, repetition_penalty: 1.05 }));
    expect((await component()).config).toMatchObject({ stopIds: [2, 5], sampling: { temperature: 0.7, topK: 20, topP: 0.8, repetitionPenalty: 1.05 } });
    await rm(join(folder, 'generation_config.json'));
    expect((await component()).config).toMatchObject({ stopIds: [2], sampling: { temperature: 0, repetitionPenalty: 1.1 } });
  });

  test('a model without a chat template is told', async () => {
    await rm(join(folder, 'chat_template.jinja'));
    await changed('tokenizer_config.json', (settings) => delete settings['chat_template']);
    expect((await assemble(folder)).notes[1]).toContain('has no chat template');
  });

  test('in a cache of a hub it has the name of its repository', async () => {
    const snapshot = join(folder, '../models--org--Some-LM-Instruct/snapshots/0123456789abcdef0123456789abcdef01234567');
    await mkdir(join(snapshot, '..'), { recursive: true });
    await cp(repository, snapshot, { recursive: true });
    expect((await assemble(snapshot)).bundle.id).toBe('some-lm-instruct');
  });

  test('what is missing is named', async () => {
    await rm(join(folder, 'tokenizer.json'));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('tokenizer.json missing; fetch') });
    await rm(join(folder, 'onnx'), { recursive: true });
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'unknown_model' });
  });

  test('repositories of other kinds of models are not taken for one', async () => {
    await changed('config.json', (settings) => (settings['architectures'] = ['CLIPModel']));
    await expect(assemble(folder)).rejects.toMatchObject({ code: 'unknown_model' });
  });
});

describe('the language model of another', () => {
  test.each([repository, exported])('takes the place of the own one and asks in words: %s', async (model) => {
    const opened = await openBundle(`${nano}+language-model=${model}`, factories);
    const { bundle } = opened;
    const name = bundle.languageModel!;
    expect(opened.component(name, 'cpu').source.config['asks']).toEqual(Object.keys(bundle.outputs));
    expect(new Set(Object.keys(bundle.outputs))).toEqual(new Set(['image', 'audio', 'video', 'speech']));
    for (const { chat, sources } of Object.values(bundle.outputs)) expect([chat, sources.signal]).toEqual(['caption', undefined]);
    for (const { projector } of Object.values(bundle.inputs)) expect(projector).toBeNull();
    expect(opened.notes.join('\n')).toContain('in words');
  });

  test('goes with decoders of a third', async () => {
    const { bundle } = await openBundle(`${repository}+image=${diffusion}`, factories);
    expect(bundle.components[bundle.languageModel!]?.config['asks']).toEqual(['image']);
    expect((await openBundle(`${diffusion}+language-model=${exported}`, factories)).bundle.outputs['image']?.chat).toBe('caption');
  });

  test('is refused where there is none', async () => {
    await expect(assemble(`${nano}+language-model=${diffusion}`)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('has no language model') });
  });
});
