import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle, BundleComponent } from '../../src/bundle/format.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import { AnymodalError } from '../../src/errors.ts';
import { fakeBundle, temporaryFolder, togetherBundle, writeFakeBundle } from '../engine/fake-bundle.ts';
import { factories } from '../engine/fakes.ts';

/** The bundle with changes to one component. */
function withComponent(name: string, changes: Partial<BundleComponent>, bundle = fakeBundle()): Bundle {
  const before = bundle.components[name];
  if (before === undefined) throw new Error(`no ${name}`);
  return { ...bundle, components: { ...bundle.components, [name]: { ...before, ...changes } } };
}

/** A sealed bundle with one file of weights in its image decoder. */
async function bundleWithFile(): Promise<string> {
  const folder = await writeFakeBundle(withComponent('image-decoder', { files: { model: { path: 'weights/model.onnx', sha256: '', bytes: 0 } } }));
  await mkdir(join(folder, 'weights'));
  await writeFile(join(folder, 'weights', 'model.onnx'), 'weights');
  await sealBundle(folder);
  return folder;
}

async function faultsOf(folder: string): Promise<string[]> {
  const error: unknown = await openBundle(folder, factories).then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof AnymodalError)) throw new Error('expected a fault');
  expect(error.code).toBe('bundle_invalid');
  return error.message.split('\n').slice(1).map((line) => line.trim());
}

test('a right bundle opens and hands out its components', async () => {
  const folder = await bundleWithFile();
  const opened = await openBundle(folder, factories);
  expect(opened.bundle.id).toBe('fake');
  const { factory, source } = opened.component('image-decoder', 'cpu');
  expect(factory.name).toBe('fake-decoder');
  expect(source.path('model')).toBe(join(folder, 'weights', 'model.onnx'));
  expect(() => source.path('vocabulary')).toThrow('components.image-decoder.files: "vocabulary" is missing');
});

test('no bundle.json is an unknown model', async () => {
  await expect(openBundle(await temporaryFolder(), factories)).rejects.toMatchObject({ code: 'unknown_model' });
});

describe('files', () => {
  test('wrong hash', async () => {
    const folder = await bundleWithFile();
    await writeFile(join(folder, 'weights', 'model.onnx'), 'weighty');
    expect(await faultsOf(folder)).toEqual([expect.stringMatching(/^components\.image-decoder\.files\.model: file "weights\/model.onnx" has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}; fetch/)]);
  });

  test('a file that changed after it was verified is read again', async () => {
    const folder = await bundleWithFile();
    const verified = new Map<string, string>();
    await openBundle(folder, factories, verified);
    expect(verified.size).toBe(1);
    await openBundle(folder, factories, verified);
    expect(verified.size).toBe(1);
    await writeFile(join(folder, 'weights', 'model.onnx'), 'weighty');
    await expect(openBundle(folder, factories, verified)).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('wrong size', async () => {
    const folder = await bundleWithFile();
    await truncate(join(folder, 'weights', 'model.onnx'), 3);
    expect(await faultsOf(folder)).toEqual([expect.stringContaining('has 3 bytes, expected 7')]);
  });

  test.each([
    ['missing', 'gone.onnx', 'file "gone.onnx" is missing'],
    ['absolute', '/etc/hostname', 'path "/etc/hostname" is absolute'],
    ['absolute on Windows', 'C:/weights', 'path "C:/weights" is absolute'],
    ['outside', 'weights/../../x', 'path "weights/../../x" leaves the bundle'],
    ['backslash', 'weights\\x', 'has a backslash'],
    ['a folder', 'folder', '"folder" is no file'],
  ])('%s', async (_, path, message) => {
    const folder = await writeFakeBundle(withComponent('image-decoder', { files: { model: { path, sha256: '0'.repeat(64), bytes: 1 } } }));
    await mkdir(join(folder, 'folder'));
    expect(await faultsOf(folder)).toEqual([expect.stringContaining(message)]);
  });

  test('a link that leaves the folder', async () => {
    const folder = await bundleWithFile();
    const outside = join(await temporaryFolder(), 'secret');
    await writeFile(outside, 'weights');
    await symlink(outside, join(folder, 'linked'));
    const bundle = withComponent('image-decoder', { files: { model: { path: 'linked', sha256: '0'.repeat(64), bytes: 7 } } });
    await writeFile(join(folder, 'bundle.json'), JSON.stringify(bundle));
    expect(await faultsOf(folder)).toEqual([expect.stringContaining('file "linked" is a link that leaves the bundle')]);
  });
});

describe('components', () => {
  test('unknown factory', async () => {
    expect(await faultsOf(await writeFakeBundle(withComponent('image-decoder', { uses: 'stable-diffusion' })))).toEqual([
      'components.image-decoder.uses: no decoder factory "stable-diffusion"; there are fake-decoder',
    ]);
  });

  test('wrong config', async () => {
    expect(await faultsOf(await writeFakeBundle(withComponent('image-encoder', { config: { width: 0, joint: true, mediaTypes: ['image/png'], colour: 'red' } })))).toEqual([
      'components.image-encoder.config.colour: unknown; known are width, joint, mediaTypes',
      'components.image-encoder.config.width: got 0, expected an integer of 1 or more',
    ]);
  });

  test('a component that nothing uses', async () => {
    const bundle = fakeBundle();
    expect(await faultsOf(await writeFakeBundle({ ...bundle, components: { ...bundle.components, spare: bundle.components['text-encoder'] } }))).toEqual(['components.spare: nothing uses it; wire it in or remove it']);
  });
});

describe('edges', () => {
  test.each([
    ['encoder to input projector', 'image-input-projector', { in: 9, out: 6 }, 'inputs.image: image-encoder gives tokens [2, 8], image-input-projector expects [any, 9]'],
    ['input projector to language model', 'image-input-projector', { in: 8, out: 7 }, 'inputs.image: image-input-projector gives embeds [2, 7], language-model expects [any, 6]'],
    ['language model to output projector', 'image-output-projector', { in: 7, out: 4 }, 'outputs.image.sources.signal: language-model gives hidden [2, 6], image-output-projector expects [2, 7]'],
    ['output projector to decoder', 'image-output-projector', { in: 6, out: 5 }, 'outputs.image.sources.signal: image-output-projector gives feature [5], image-decoder expects [4]'],
    ['prompt to decoder', 'prompt-conditioner', { in: 8, out: 5 }, 'outputs.image.sources.prompt: prompt-conditioner gives feature [5], image-decoder expects [4]'],
    ['joint space to joint projector', 'joint-conditioner', { in: 9, out: 4 }, 'outputs.image.sources.joint: the joint space gives joint [8], joint-conditioner expects [9]'],
    ['count of signal tokens', 'image-output-projector', { in: 6, out: 4, signals: 3 }, 'outputs.image.sources.signal: language-model gives hidden [2, 6], image-output-projector expects [3, 6]'],
    ['count of embeddings', 'language-model', { width: 6, outputs: ['image'], embeds: { image: 3 } }, 'inputs.image: image-input-projector gives embeds [2, 6], language-model expects [3, 6]'],
    ['a modality that the language model does not read', 'language-model', { width: 6, outputs: ['image'], embeds: { smell: 2 } }, 'inputs.image.projector: language-model reads no image; it reads smell; expected null'],
    ['an output without signal tokens', 'language-model', { width: 6, outputs: ['smell'] }, 'outputs.image: language-model has no signal tokens for "image"; it has some for smell; expected chat "caption" and no sources.signal'],
  ])('%s', async (_, name, config, message) => {
    expect(await faultsOf(await writeFakeBundle(withComponent(name, { config })))).toEqual([message]);
  });

  test('a language model that states the counts it is given opens', async () => {
    const folder = await writeFakeBundle(withComponent('language-model', { config: { width: 6, outputs: ['image'], embeds: { image: 2 } } }));
    expect((await openBundle(folder, factories)).bundle.id).toBe('fake');
  });

  test('encoders of one joint space', async () => {
    expect(await faultsOf(await writeFakeBundle(withComponent('text-encoder', { config: { width: 7, joint: true, mediaTypes: ['text/plain'] } })))).toEqual([
      'inputs.text: text-encoder puts [7] into the joint space, expected [8] as in "joint"',
    ]);
  });

  test('a component in the place of another kind, or missing', async () => {
    const bundle = fakeBundle();
    const outputs = { image: { decoder: 'image-encoder', sources: { signal: 'joint-conditioner', prompt: 'nowhere' }, chat: 'signal' as const } };
    expect(await faultsOf(await writeFakeBundle({ ...bundle, outputs }))).toEqual([
      'outputs.image.decoder: component "image-encoder" is of kind encoder, expected decoder',
      'outputs.image.sources.signal: joint-conditioner reads a joint, expected one that reads a signal',
      expect.stringContaining('outputs.image.sources.prompt: no component "nowhere"; there are text-encoder, '),
      'components.prompt-conditioner: nothing uses it; wire it in or remove it',
      'components.image-output-projector: nothing uses it; wire it in or remove it',
      'components.image-decoder: nothing uses it; wire it in or remove it',
    ]);
  });

  test('the caption route needs a projector of prompts', async () => {
    const bundle = fakeBundle();
    const outputs = { image: { decoder: 'image-decoder', sources: { signal: 'image-output-projector', joint: 'joint-conditioner' }, chat: 'caption' as const } };
    expect(await faultsOf(await writeFakeBundle({ ...bundle, outputs }))).toContain('outputs.image.chat: "caption" needs sources.prompt, which is missing');
  });
});

const grouped = (groups: Bundle['groups']): Bundle => ({ ...togetherBundle(), groups });

describe('groups', () => {
  test('none need be named', async () => {
    const { groups: _, ...bundle } = fakeBundle();
    expect((await openBundle(await writeFakeBundle(bundle), factories)).bundle.groups).toEqual([]);
    expect((await openBundle(await writeFakeBundle(togetherBundle()), factories)).bundle.groups).toEqual([{ leader: 'video', followers: ['audio'] }]);
  });

  test('what follows may read nothing, and only be put into the file', async () => {
    const folder = await writeFakeBundle(grouped([{ leader: 'video', followers: ['speech'] }]));
    expect((await openBundle(folder, factories)).bundle.id).toBe('fake');
  });

  test.each<readonly [string, Bundle['groups'], readonly string[]]>([
    ['unknown outputs', [{ leader: 'film', followers: ['audio', 'subtitle'] }], ['groups.0.leader: no output "film"; there are image, video, audio, speech', 'groups.0.followers.1: no output "subtitle"; there are image, video, audio, speech']],
    ['an output in two groups', [{ leader: 'video', followers: ['audio'] }, { leader: 'video', followers: ['speech', 'audio'] }], ['groups.1.leader: output "video" is in a group already; expected it once in all groups', 'groups.1.followers.1: output "audio" is in a group already; expected it once in all groups']],
    ['an output that follows itself', [{ leader: 'video', followers: ['video'] }], ['groups.0.followers.0: output "video" is in a group already; expected it once in all groups']],
    ['a leader without a companion', [{ leader: 'image', followers: ['audio'] }], ['groups.0.leader: image-decoder gives no companion that others could follow; expected an output whose decoder gives one']],
  ])('%s', async (_, groups, faults) => {
    expect(await faultsOf(await writeFakeBundle(grouped(groups)))).toEqual(faults);
  });

  test('widths and ports of the companion', async () => {
    const decoder = togetherBundle().components['audio-decoder']!;
    expect(await faultsOf(await writeFakeBundle(withComponent('audio-decoder', { config: { ...decoder.config, reads: 4 } }, togetherBundle())))).toEqual([
      'groups.0.followers.0: video-decoder gives beat [3], audio-decoder expects [4]',
    ]);
  });
});

describe('bundle.json', () => {
  test('no JSON', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'bundle.json'), '{ "format": 1, ');
    expect(await faultsOf(folder)).toEqual([expect.stringMatching(/^bundle\.json is no JSON: /)]);
  });

  test('a newer format', async () => {
    expect(await faultsOf(await writeFakeBundle({ format: 2 }))).toEqual(['format: got 2, expected 1; use a newer anymodal']);
  });

  test('missing and unknown fields', async () => {
    const { licence: _, ...bundle } = fakeBundle();
    expect(await faultsOf(await writeFakeBundle({ ...bundle, id: 'No good', extra: 1 }))).toEqual([
      'bundle.licence: missing',
      expect.stringMatching(/^bundle\.extra: unknown; known are /),
      expect.stringMatching(/^bundle\.id: got a string of 7 characters, expected a string like /),
    ]);
  });
});

test('all faults are reported at once', async () => {
  let bundle = withComponent('image-decoder', { files: { model: { path: 'gone', sha256: '0'.repeat(64), bytes: 1 } } });
  bundle = withComponent('text-encoder', { uses: 'nothing' }, bundle);
  bundle = withComponent('image-output-projector', { config: { in: 7, out: 5 } }, bundle);
  const faults = await faultsOf(await writeFakeBundle(bundle));
  expect(faults).toHaveLength(4);
});
