import { existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCatalogue, readCatalogue } from '../../src/bundle/catalogue.ts';
import { withLock } from '../../src/bundle/download-lock.ts';
import { faultOfFile } from '../../src/bundle/files.ts';
import { chooseFiles } from '../../src/bundle/hub-files.ts';
import { meantBy } from '../../src/bundle/pulled.ts';
import { temporaryFolder } from '../engine/fake-bundle.ts';
import { content, sha256 } from './fake-hub.ts';

const never = new AbortController().signal;
const pause = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('the catalogue', () => {
  test('is as its schema says and has what is promised', async () => {
    const models = await readCatalogue();
    const ids = models.map(({ id }) => id);
    for (const id of ['stable-diffusion-v1-5', 'sd-turbo', 'sdxl-turbo', 'instruct-pix2pix', 'sd-unclip', 'audioldm', 'zeroscope', 'imagebind', 'nextgpt-7b', 'smollm2-135m']) expect(ids).toContain(id);
    // A licence that limits what may be done is never fetched unasked.
    expect(models.filter(({ licence }) => /NC|OpenRAIL|Stability/.test(licence.name) && !licence.accept)).toEqual([]);
  });

  test('names exporters that there are', async () => {
    const modules = (await readCatalogue()).flatMap((model) => model.export?.match(/-m (training\.[\w.]+)/)?.[1] ?? []);
    expect(modules.length).toBeGreaterThan(3);
    for (const module of modules) expect(existsSync(new URL(`../../${module.replaceAll('.', '/')}.py`, import.meta.url)), module).toBe(true);
  });

  test('names every fault at once', () => {
    const model = { id: 'a', title: 'A', reads: ['text'], makes: ['text'], form: 'weights', source: { repository: 'a/b' }, bytes: null, licence: { name: 'MIT', accept: false }, gated: false };
    expect(() => parseCatalogue({ format: 1, models: [{ ...model, export: 'make' }, { ...model, id: 'B' }] })).toThrow(/models\.0\.export: got "make"[^]*models\.1\.id: got "B"/);
    expect(() => parseCatalogue({ format: 1, models: [model, model] })).toThrow('a is listed twice');
  });
});

describe('what a name stands for', () => {
  const hosts = ['127.0.0.1:80', 'huggingface.co'];
  test.each([
    ['org/name', { kind: 'hub', repository: 'org/name', revision: 'main', include: [] }],
    ['org/name@v1.0', { kind: 'hub', repository: 'org/name', revision: 'v1.0' }],
    ['https://huggingface.co/org/name', { kind: 'hub', repository: 'org/name', revision: 'main', include: [] }],
    ['https://huggingface.co/org/name/resolve/main/onnx/model.onnx?download=true', { kind: 'hub', repository: 'org/name', include: ['onnx/model.onnx'] }],
    ['https://huggingface.co/org/name/tree/v2/onnx', { kind: 'hub', revision: 'v2', include: ['onnx/**'] }],
    ['https://example.org/a/bundle.json', { kind: 'address' }],
  ])('%s', (name, meant) => {
    expect(meantBy(name, [], hosts)).toMatchObject(meant);
  });

  test.each(['name', '../x', 'org/../name', 'org/na me', 'org/name@../x', 'a/b/c', 'https://huggingface.co/datasets/a/b/c', 'http://'])('%j is nothing', (name) => {
    expect(meantBy(name, [], hosts)).toBeNull();
  });
});

function chosen(paths: readonly string[], include: readonly string[] = [], exclude: readonly string[] = [], variant: string | null = null): string[] {
  const files = paths.map((path) => ({ path, bytes: 1, digest: null }));
  return chooseFiles(files, include, exclude, variant).map(({ path }) => path);
}

describe('the files that are chosen', () => {
  const decoder = ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_fp16.onnx', 'onnx/model_fp16.onnx_data', 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data', 'config.json', 'model.safetensors', 'tokenizer.json'];

  test.each([
    ['of a transformers.js repository the 4-bit graph', [], null, ['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data', 'config.json', 'tokenizer.json']],
    ['of it the variant that is asked for', [], 'fp32', ['onnx/model.onnx', 'onnx/model.onnx_data', 'config.json', 'tokenizer.json']],
    ['those that a pattern names', ['onnx/*q4*'], null, ['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data']],
    ['those that a pattern of a name alone names', ['*.safetensors'], null, ['model.safetensors']],
  ])('%s', (_, include, variant, expected) => {
    expect(chosen(decoder, include, [], variant)).toEqual(expected);
  });

  test('each graph of its own variants', () => {
    expect(chosen(['onnx/a.onnx', 'onnx/a_q4.onnx', 'onnx/b_fp16.onnx', 'unet/model.onnx', 'unet/weights.pb'])).toEqual(['onnx/a_q4.onnx', 'onnx/b_fp16.onnx', 'unet/model.onnx', 'unet/weights.pb']);
  });

  test('tensors where there are no graphs, and no other formats', () => {
    expect(chosen(['model.safetensors', 'pytorch_model.bin', 'flax_model.msgpack', 'a/b.gguf'], [], ['a/**'])).toEqual(['model.safetensors']);
    expect(() => chosen(['pytorch_model.bin'])).toThrow(/no file of the repository is chosen; it has 1 \(\*\.bin\)\. Name some with --include/);
  });
});

test('a file of a snapshot may be a link to its blobs, and to nothing else outside', async () => {
  const cache = await temporaryFolder();
  const [blobs, snapshot] = [join(cache, 'models--a--b/blobs'), join(cache, 'models--a--b/snapshots/c')];
  for (const folder of [blobs, snapshot]) mkdirSync(folder, { recursive: true });
  const data = content(10);
  writeFileSync(join(blobs, 'x'), data);
  writeFileSync(join(cache, 'secret'), data);
  symlinkSync('../../blobs/x', join(snapshot, 'good'));
  symlinkSync('../../../secret', join(snapshot, 'bad'));
  const fault = async (path: string) => faultOfFile(snapshot, { path, bytes: 10, sha256: sha256(data) }, new Map());
  expect(await fault('good')).toBeNull();
  expect(await fault('bad')).toContain('a link that leaves the bundle');
});

describe('a lock', () => {
  test('lets one work at a time', async () => {
    const path = join(await temporaryFolder(), 'locks/one');
    let [inside, most] = [0, 0];
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await pause();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, async () => withLock(path, work, pause, never)));
    expect(most).toBe(1);
  });

  test.each([
    ['of a process that has ended', '999999999', 0],
    ['that was not touched for long', String(process.pid), 120_000],
  ])('%s is taken over', async (_, pid, age) => {
    const path = join(await temporaryFolder(), 'one');
    writeFileSync(path, `${pid} ${(await import('node:os')).hostname()}`);
    utimesSync(path, new Date(), new Date(Date.now() - age));
    const waited: string[] = [];
    const holder = await withLock(path, async () => readFileSync(path, 'utf8'), pause, never, () => void waited.push('waited'));
    expect([holder.split(' ')[0], waited]).toEqual([String(process.pid), []]);
  });

  test('that a living process holds is waited for until it is cancelled', async () => {
    const path = join(await temporaryFolder(), 'one');
    const user = new AbortController();
    await withLock(path, async () => {
      await expect(withLock(path, async () => 'never', async (_, signal) => signal.throwIfAborted(), user.signal, () => user.abort())).rejects.toThrow(/abort/);
    }, pause, never);
  });
});
