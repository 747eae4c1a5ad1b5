import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Engine, JobEventBody } from '../../src/contracts.ts';
import { main } from '../../src/cli/main.ts';
import { filesBelow } from '../../src/cli/nearest-media.ts';
import { fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

/** Angle of a file to every input, by its last name. */
const angles: Readonly<Record<string, number>> = { 'near.png': 0.1, 'far.png': 1.2, 'middle.png': 0.5 };

/** Texts lie at angle 0; a file of another name is damaged. */
function placing(fault = 'bad_media'): Engine {
  return {
    ...fakeEngine(),
    async *embed(request) {
      for (const [input, part] of request.inputs.entries()) {
        const angle = part.type === 'text' ? 0 : angles[part.media.name?.split(/[\\/]/).at(-1) ?? ''];
        const modality = part.type === 'text' ? 'text' : part.media.modality;
        const body: JobEventBody = angle === undefined ? { type: 'job-error', code: fault, message: 'cannot be read' } : { type: 'embedding', input, modality, embedding: [Math.cos(angle), Math.sin(angle)] };
        yield { ...body, job: request.id, attempt: 1 };
        if (angle === undefined) return;
      }
      yield { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 }, job: request.id, attempt: 1 };
    },
  };
}

/** Three pictures at two depths, and what is no picture. */
function pictures(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  mkdirSync(join(folder, 'media', 'deeper'), { recursive: true });
  mkdirSync(join(folder, 'media', '.cache'));
  mkdirSync(join(folder, 'empty'));
  for (const name of ['far.png', 'deeper/near.png', 'middle.png', '.hidden.png', '.cache/near.png', 'damaged.png']) writeFileSync(join(folder, 'media', name), onePixelPng);
  writeFileSync(join(folder, 'media', 'notes.txt'), 'nothing to see');
  return folder;
}

async function run(args: readonly string[], { engine = placing(), folder = pictures() } = {}) {
  const shell = fakeShell({ folder, engine, model: folder });
  return { code: await main(['embed', ...args], shell), shell };
}

describe('embed --nearest', () => {
  test('prints the files of a folder, the nearest first, and says what it passed over', async () => {
    const { code, shell } = await run(['a cat', '--nearest', 'media']);
    expect(code).toBe(0);
    expect(shell.out()).toBe([`   0.995  image  ${join('media', 'deeper', 'near.png')}`, `   0.878  image  ${join('media', 'middle.png')}`, `   0.362  image  ${join('media', 'far.png')}`, ''].join('\n'));
    expect(shell.err()).toContain('2 of 5 files passed over: no medium that the bundle can read\n');
  });

  test('--top and --json for several inputs', async () => {
    const { shell } = await run(['a cat', '@media/far.png', '--nearest', 'media/', '--top', '1', '--json']);
    expect(shell.events()).toEqual([
      { input: 'a cat', path: join('media', 'deeper', 'near.png'), modality: 'image', cosine: expect.closeTo(0.995, 3) },
      { input: '@media/far.png', path: join('media', 'far.png'), modality: 'image', cosine: expect.closeTo(1, 6) },
    ]);
    expect((await run(['a', 'b', '--nearest', 'media', '--top', '1'])).shell.out()).toMatch(/^a\n {3}0\.995 .*\n\nb\n {3}0\.995 .*\n$/);
  });

  test('a fault that is not of the file ends it', async () => {
    const { code, shell } = await run(['a cat', '--nearest', 'media'], { engine: placing('engine_crashed') });
    expect([code, shell.out()]).toEqual([1, '']);
  });

  test.each([
    [['a', '--nearest', 'none'], '--nearest: "none" is not there, expected a folder with media.'],
    [['a', '--nearest', 'bundle.json'], '--nearest: "bundle.json" is a file, expected a folder'],
    [['a', '--nearest', 'empty'], '--nearest: the folder holds no medium'],
    [['a', 'b', '--nearest', 'media', '--compare'], '--nearest: got --compare as well'],
    [['a', '--top', '3'], '--top: says how many of the nearest files; add --nearest DIR.'],
    [['a', '--nearest', 'media', '--top', '0'], '--top: got "0", expected an integer from 1 to 10000.'],
  ])('%j: exit 2', async (args, message) => {
    const { code, shell } = await run(args);
    expect(shell.err()).toContain(message);
    expect([code, shell.out()]).toEqual([2, '']);
  });

  test('looks at so many files and no more, and follows no link to a folder', async () => {
    const folder = pictures();
    symlinkSync(join(folder, 'media'), join(folder, 'media', 'circle'));
    symlinkSync(join(folder, 'media', 'far.png'), join(folder, 'media', 'link.png'));
    expect(await filesBelow('media', folder, 2)).toEqual({ paths: [join('media', 'damaged.png'), join('media', 'far.png')], more: true });
    expect(await filesBelow('media', folder)).toMatchObject({ paths: { length: 6 }, more: false });
  });
});
