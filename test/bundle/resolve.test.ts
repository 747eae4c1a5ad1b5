import { writeFile } from 'node:fs/promises';
import { dirname, basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveModel } from '../../src/bundle/resolve.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import { temporaryFolder, writeFakeBundle } from '../engine/fake-bundle.ts';

test('a folder is found by an absolute or a relative path', async () => {
  const folder = await writeFakeBundle();
  expect(await resolveModel(folder, '/')).toBe(folder);
  expect(await resolveModel(basename(folder), dirname(folder))).toBe(folder);
});

test.each(['gpt', '', '../nowhere'])('unknown model %j', async (model) => {
  await expect(resolveModel(model, await temporaryFolder())).rejects.toMatchObject({ code: 'unknown_model', message: expect.stringContaining(`model "${model}": neither`) });
});

test('sealing names every file that is missing', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'bundle.json'), JSON.stringify({ components: { a: { files: { one: { path: 'one' }, two: { path: '../two' } } } } }));
  await expect(sealBundle(folder)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/one.*is missing\n.*two" leaves the bundle/) });
});
