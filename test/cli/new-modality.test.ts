import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { description, fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

const inputs = [...description.inputs, { modality: 'smell', mediaTypes: ['application/x-smell'], signatures: [{ mediaType: 'application/x-smell', offset: 0, text: 'smell 1' }], joint: true, chat: true }];
const smelling = { ...JSON.parse(bundleJson), inputs: { text: { encoder: 'text', projector: null }, image: { encoder: 'image', projector: null }, smell: { encoder: 'smell', projector: null } } };

async function run(args: readonly string[], { input = '', bundle = JSON.stringify(smelling) } = {}) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundle);
  writeFileSync(join(folder, 'rose.smell'), 'smell 1\nrose 8\n');
  writeFileSync(join(folder, 'other.smell'), 'smell 2\n');
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  const engine = { ...fakeEngine(), describe: async () => ({ ...description, inputs }) };
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
    [['a b', '--smell', 'cat.png'], '--smell: "cat.png" is image/png by its content, expected smell.', 0],
    [['embed', '@other.smell'], '"other.smell" is plain text', 1],
    [['embed', '@none.smell'], '"none.smell": there is no such file.', 0],
  ] as const)('%j: exit 2, %s', async (args, message, engines) => {
    const { code, shell, starts } = await run(args);
    expect(shell.err()).toContain(message);
    expect([code, starts()]).toEqual([2, engines]);
  });

  test('starts no engine for a bundle without such an encoder', async () => {
    for (const args of [['a b', '--image', 'rose.smell'], ['embed', '@rose.smell']]) expect(await run(args, { bundle: bundleJson }).then(({ code, starts }) => [code, starts()])).toEqual([2, 0]);
  });
});
