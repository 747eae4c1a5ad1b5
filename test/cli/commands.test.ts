import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createProgress } from '../../src/cli/progress.ts';
import { main } from '../../src/cli/main.ts';
import { fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

async function run(args: readonly string[], { bundle = bundleJson } = {}) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundle);
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  const shell = fakeShell({ folder, engine: fakeEngine(), model: folder });
  return { code: await main(args, shell), shell, folder };
}

describe('embed', () => {
  test('gives one line an input with three fields', async () => {
    const { code, shell } = await run(['embed', 'a cat', '@cat.png', '@@home']);
    expect(code).toBe(0);
    expect(shell.events()).toEqual([
      { input: 'a cat', modality: 'text', embedding: [1, 0] },
      { input: '@cat.png', modality: 'image', embedding: [0.6, 0.8] },
      { input: '@@home', modality: 'text', embedding: [0.6, 0.8] },
    ]);
  });

  test('compares', async () => {
    const { shell } = await run(['embed', 'a cat', '@cat.png', '--compare']);
    expect(shell.out()).toBe(['                  1       2', '1  a cat      1.000   0.600', '2  @cat.png   0.600   1.000', ''].join('\n'));
    expect((await run(['embed', 'a cat', '@cat.png', '--compare', '--json'])).shell.events()).toEqual([{ inputs: ['a cat', '@cat.png'], similarities: [[1, 0.6], [0.6, 1]] }]);
  });

  test.each([
    [[], 'there is no input'],
    [['a', '--compare'], '--compare: got 1 input, expected 2 or more.'],
    [['@none.png'], '"none.png": there is no such file.'],
    [[''], 'one input is empty'],
    [['a', '--steps', '3'], '--steps: there is no such flag'],
  ])('embed %j: exit 2', async (args, message) => {
    const { code, shell } = await run(['embed', ...args]);
    expect(shell.err()).toContain(message);
    expect([code, shell.out()]).toEqual([2, '']);
  });
});

describe('models', () => {
  test('lists state, modalities, size and licence', async () => {
    const { code, shell, folder } = await run(['models', '--json']);
    expect(code).toBe(0);
    expect(shell.events().at(-1)).toEqual({
      id: 'nano', state: 'incomplete: model.onnx is missing', folder, version: '0.1.0', licence: 'Apache-2.0', title: 'A bundle of nothing',
      inputs: ['text', 'image'], outputs: ['text', 'image'], bytes: 5, faults: ['model.onnx is missing'],
    });
  });

  test('prints a table', async () => {
    const { shell, folder } = await run(['models']);
    writeFileSync(join(folder, 'model.onnx'), '12345');
    await main(['models'], shell);
    expect(shell.out().trimEnd().split('\n').at(-1)).toMatch(/^nano +0\.1\.0 +text, image -> text, image +0\.0 MB +Apache-2\.0 +ready$/);
  });

  test('a bundle.json that is none is one broken row', async () => {
    expect((await run(['models', '--json'], { bundle: '{"id":' })).shell.events().at(-1)).toMatchObject({ state: expect.stringMatching(/^broken: bundle\.json is no JSON: /) });
    const faulty = { ...JSON.parse(bundleJson), inputs: null, components: { decoder: { kind: 'decoder', uses: 'none', files: null, config: {} } } };
    expect((await run(['models', '--json'], { bundle: JSON.stringify(faulty) })).shell.events().at(-1)).toMatchObject({ state: 'broken: bundle.components.decoder.files: got null, expected an object and 1 more' });
  });
});

describe('help and version', () => {
  test.each([[[]], [['--help']], [['help']], [['-h']]])('%j is the whole help', async (args) => {
    const { code, shell } = await run(args);
    expect(code).toBe(0);
    for (const word of ['usage:', 'generate', 'chat', 'embed', 'models', 'doctor', '--seed S', 'examples:', 'exit codes: 0 done, 1 failed, 2 bad input, 130 cancelled']) expect(shell.out()).toContain(word);
  });

  test.each(['generate', 'chat', 'embed', 'models', 'doctor'])('%s has its own', async (command) => {
    const { shell } = await run([command, '--help']);
    expect(shell.out()).toMatch(new RegExp(`^anymodal ${command}: `));
    expect(shell.out()).toContain('examples:');
    expect((await run(['help', command])).shell.out()).toBe(shell.out());
  });

  test('the version is that of the package', async () => {
    expect((await run(['--version'])).shell.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('progress', () => {
  const environment = { ...fakeShell({ folder: '/' }).environment, colour: true };

  test('is a line at every quarter where it is no terminal', () => {
    const { shell, progress } = start(false);
    for (let step = 1; step <= 20; step += 1) progress.step('image', step, 20);
    expect(shell.err()).toBe('image: step 5 of 20\nimage: step 10 of 20\nimage: step 15 of 20\nimage: step 20 of 20\n');
  });

  test('is redrawn on a terminal with the time that is left', () => {
    const { shell, progress, tick } = start(true);
    progress.step('image', 1, 4);
    tick(2000);
    progress.step('image', 2, 4);
    progress.line('warning');
    expect(shell.err().split('\r\u001b[K')).toEqual(['', '\u001b[2mimage  [######------------------]  step 1 of 4\u001b[22m', '\u001b[2mimage  [############------------]  step 2 of 4  4.0 s left\u001b[22m', 'warning\n']);
  });

  function start(terminal: boolean) {
    const shell = fakeShell({ folder: '', terminal });
    let clock = 0;
    return { shell, progress: createProgress(shell.stderr, environment, () => clock), tick: (milliseconds: number) => (clock += milliseconds) };
  }
});
