import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { description, fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

const inputs = [...description.inputs, { modality: 'smell', mediaTypes: ['application/x-smell'], signatures: [{ mediaType: 'application/x-smell', offset: 0, text: 'smell 1' }], joint: true, chat: true }];
const smelling = { ...JSON.parse(bundleJson), inputs: { text: { encoder: 'text', projector: null }, image: { encoder: 'image', projector: null }, smell: { encoder: 'smell', projector: null } } };

async function run(args: readonly string[], { input = '', bundle = JSON.stringify(smelling), engine: described = { ...description, inputs } } = {}) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundle);
  writeFileSync(join(folder, 'rose.smell'), 'smell 1\nrose 8\n');
  writeFileSync(join(folder, 'other.smell'), 'smell 2\n');
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  writeFileSync(join(folder, 'scene.npy'), Buffer.from('\x93NUMPY', 'latin1'));
  writeFileSync(join(folder, 'scene.csv'), '1,2\n');
  const engine = { ...fakeEngine(), describe: async () => described };
  let starts = 0;
  const fake = fakeShell({ folder, engine, model: folder, input });
  const shell = { ...fake, startEngine: async () => fake.startEngine(folder, 'cpu').finally(() => (starts += 1)) };
  return { code: await main(args, shell), shell, job: () => engine.jobs[0], starts: () => starts };
}

const rose = { type: 'media', media: { modality: 'smell', mediaType: 'application/x-smell', name: 'rose.smell' } };

describe('a file that an encoder of the bundle alone knows', () => {
  test('is given by the flag of its modality', async () => {
    const { code, job } = await run(['generate', '-', '--smell', 'rose.smell', '--image', 'cat.png'], { input: 'draw this\n' });
    expect(code).toBe(0);
    expect(job()?.messages[0]?.parts).toMatchObject([{ media: { modality: 'image' } }, rose, { type: 'text', text: 'draw this' }]);
  });

  test('is part of a mix, of a chat and of what is embedded', async () => {
    expect((await run(['--mix', '1=@rose.smell', '--to', 'image'])).job()?.mix?.[0]?.part).toMatchObject(rose);
    expect((await run(['chat'], { input: 'what is @rose.smell\n' })).job()?.messages[0]?.parts[1]).toMatchObject(rose);
    expect((await run(['embed', '@rose.smell', '--nearest', '.'])).shell.out()).toMatch(/smell {2}rose\.smell\n/);
  });

  test.each([
    [['a b', '--smell', 'other.smell'], '--smell: "other.smell" is plain text', 1],
    [['a b', '--image', 'rose.smell'], '--image: "rose.smell" is plain text', 1],
    [['a b', '--smell', 'cat.png'], '--smell: "cat.png" is image/png by its content, expected smell. Of smell these are read: application/x-smell.', 1],
    [['embed', '@other.smell'], '"other.smell" is plain text', 1],
    [['embed', '@none.smell'], '"none.smell": there is no such file.', 0],
  ] as const)('%j: exit 2, %s', async (args, message, engines) => {
    const { code, shell, starts } = await run(args);
    expect(shell.err()).toContain(message);
    expect([code, starts()]).toEqual([2, engines]);
  });

  test.each(['scene.npy', 'scene.csv', 'cat.png'])('%s is what the user says of it', async (file) => {
    const taking = { ...description, inputs: [...inputs, { modality: 'depth', mediaTypes: ['application/x-npy', 'text/csv', 'image/png'], signatures: [], joint: true, chat: true }] };
    const bundle = { ...smelling, inputs: { ...smelling.inputs, depth: { encoder: 'depth', projector: null } } };
    const given = await run(['embed', `@depth:${file}`, '@smell:rose.smell', '@image:cat.png'], { bundle: JSON.stringify(bundle), engine: taking });
    expect(given.shell.events().map(({ modality }) => modality)).toEqual(['depth', 'smell', 'image']);
    const flagged = await run(['a b', '--depth', file], { bundle: JSON.stringify(bundle), engine: taking });
    expect(flagged.job()?.messages[0]?.parts[0]).toMatchObject({ media: { modality: 'depth', name: file } });
    const unsaid = await run(['embed', `@${file}`], { bundle: JSON.stringify(bundle), engine: taking });
    if (file !== 'cat.png') expect([unsaid.code, unsaid.shell.err()]).toEqual([2, expect.stringContaining(`Say what it is: @depth:${file}.`)]);
  });

  test('a modality that the bundle does not read is refused with those that it reads', async () => {
    const { code, shell } = await run(['embed', '@taste:cat.png']);
    expect([code, shell.err()]).toEqual([2, expect.stringContaining('"@taste:cat.png": the bundle reads no taste; it reads text, image, smell.')]);
  });

  test('starts no engine for a bundle without such an encoder', async () => {
    for (const args of [['a b', '--image', 'rose.smell'], ['embed', '@rose.smell']]) expect(await run(args, { bundle: bundleJson }).then(({ code, starts }) => [code, starts()])).toEqual([2, 0]);
  });
});
