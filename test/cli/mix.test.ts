import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

async function run(args: readonly string[]) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  const engine = fakeEngine();
  const shell = fakeShell({ folder, engine, model: folder });
  return { code: await main(args, shell), shell, engine };
}

describe('--mix', () => {
  test('gives weighted texts and files on the direct route', async () => {
    const { code, engine } = await run(['generate', '--mix', '0.7=@cat.png', '--mix', '-0.2=blue', '--mix', '1=@@home', '--mix=.5=a=b', '--to', 'image']);
    expect(code).toBe(0);
    expect(engine.jobs[0]).toMatchObject({
      route: 'direct', outputs: ['image'], messages: [{ role: 'user', parts: [] }],
      mix: [
        { weight: 0.7, part: { type: 'media', media: { modality: 'image', name: 'cat.png' } } },
        { weight: -0.2, part: { type: 'text', text: 'blue' } },
        { weight: 1, part: { type: 'text', text: '@home' } },
        { weight: 0.5, part: { type: 'text', text: 'a=b' } },
      ],
    });
  });

  test('leaves media beside it to be edited', async () => {
    const { engine } = await run(['--mix', '1=blue', '--image', 'cat.png', '--mask', 'cat.png', '--to', 'image', '--route', 'direct']);
    expect(engine.jobs[0]).toMatchObject({ route: 'direct', mix: [{ weight: 1 }], messages: [{ parts: [{ type: 'media' }] }], mask: { modality: 'image' } });
  });

  test.each([
    [['--mix', '1=blue', 'a b', '--to', 'image'], '--mix: takes the place of the prompt;'],
    [['--mix', '1=blue', '--to', 'image', '--route', 'chat'], '--mix: the language model reads none; leave --route chat out.'],
    [['--mix', '1=blue'], '--mix: does not say what to make of it; add --to, such as --to image.'],
    [['--mix', '1=blue', '--to', 'text,image'], '--mix: makes media alone; leave text out of --to.'],
    [['--mix', 'blue', '--to', 'image'], '--mix: got "blue", expected WEIGHT=PART, such as 0.7=@cat.png or -0.2=blue.'],
    [['--mix', 'much=blue', '--to', 'image'], '--mix: got "much=blue", expected WEIGHT=PART'],
    [['--mix', '1=', '--to', 'image'], '--mix 1: one input is empty'],
    [['--mix', '1=@none.png', '--to', 'image'], '--mix 1: "none.png": there is no such file.'],
    [['--mix', '--to', 'image'], '--mix: a value is missing; write --mix W=PART.'],
  ])('%j: exit 2', async (args, message) => {
    const { code, shell, engine } = await run(['generate', ...args]);
    expect(shell.err()).toContain(message);
    expect([code, engine.jobs]).toEqual([2, []]);
  });
});
