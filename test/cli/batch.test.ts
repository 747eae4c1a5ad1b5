import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JobEventBody } from '../../src/contracts.ts';
import { main } from '../../src/cli/main.ts';
import { draws, fakeEngine, fakeShell, temporaryFolder } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

type Line = Record<string, unknown> | string;

function workplace(lines: readonly Line[]): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  write(folder, lines);
  return folder;
}

function write(folder: string, lines: readonly Line[]): void {
  writeFileSync(join(folder, 'x.jsonl'), lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
}

async function run(folder: string, engine = fakeEngine(), args: readonly string[] = [], input?: string) {
  const shell = fakeShell({ folder, engine, model: folder, ...(input === undefined ? {} : { input }) });
  const code = await main(['batch', input === undefined ? 'x.jsonl' : '-', '-o', 'made', ...args], shell);
  return { code, shell, engine, seeds: engine.jobs.map((job) => job.seed) };
}

function manifest(folder: string): Record<string, unknown>[] {
  return readFileSync(join(folder, 'made', 'manifest.jsonl'), 'utf8').trim().split('\n').map((line): Record<string, unknown> => JSON.parse(line));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const two = [{ id: 'apple', prompt: 'a red apple', seed: 7 }, '', { prompt: 'a cat', image: 'cat.png', to: 'image', seed: 9, count: 2 }];

describe('a batch', () => {
  test('writes media, texts and a manifest with one engine', async () => {
    const folder = workplace(two);
    const { code, shell, engine } = await run(folder);
    expect([code, engine.closed()]).toEqual([0, 1]);
    expect(readdirSync(join(folder, 'made')).toSorted()).toEqual(['3-image-2.png', '3-image.png', '3.txt', 'apple-image.png', 'apple.txt', 'manifest.jsonl']);
    expect(readFileSync(join(folder, 'made', 'apple.txt'), 'utf8')).toBe('Here it is:\n');
    expect(manifest(folder)[0]).toEqual({
      id: 'apple', line: 1, request: expect.stringMatching(/^[0-9a-f]{64}$/), status: 'done', seed: 7, text: 'Here it is:', milliseconds: expect.any(Number),
      files: [
        { path: 'apple.txt', output: 'text', mediaType: 'text/plain', sha256: sha256('Here it is:\n'), bytes: 12 },
        { path: 'apple-image.png', output: 'image', mediaType: 'image/png', sha256: sha256('picture 7'), bytes: 9 },
      ],
    });
    expect(manifest(folder)[1]).toMatchObject({ id: '3', line: 3, text: 'Here it is:\n\nHere it is:' });
    expect(engine.jobs[1]).toMatchObject({ outputs: ['image'], count: 2, messages: [{ parts: [{ type: 'media' }, { type: 'text', text: 'a cat' }] }] });
    expect(shell.out().split('\n')).toContain(join('made', 'apple-image.png'));
    expect(shell.err()).toContain('2 done, 0 skipped, 0 failed\n');
  });

  test('with --json prints the manifest, and the seed of an id is always the same', async () => {
    const folder = workplace([]);
    const first = await run(folder, fakeEngine(), ['--json'], '{"id":"a","prompt":"a fish"}\n');
    expect(first.shell.events()).toEqual(manifest(folder));
    expect((await run(workplace([{ id: 'a', prompt: 'a bird' }]))).seeds).toEqual(first.seeds);
  });

  test('rerun skips what is done, and runs again what changed or lost a file', async () => {
    const folder = workplace(two);
    await run(folder);
    const again = await run(folder);
    expect([again.code, again.seeds]).toEqual([0, []]);
    expect(again.shell.err()).toContain('0 done, 2 skipped, 0 failed\n');
    writeFileSync(join(folder, 'made', 'apple-image.png'), 'picture 8');
    expect((await run(folder)).seeds).toEqual([7]);
    write(folder, [{ seed: 7, prompt: 'a red apple', id: 'apple' }, '', { ...Object(two[2]), prompt: 'a dog' }]);
    expect((await run(folder)).seeds).toEqual([9]);
    expect((await run(folder)).seeds).toEqual([]);
    write(folder, two);
    expect((await run(folder)).seeds).toEqual([9]);
    writeFileSync(join(folder, 'cat.png'), Buffer.concat([onePixelPng, Buffer.alloc(1)]));
    expect((await run(folder)).seeds).toEqual([9]);
  });

  test('a last line that was cut off is run again', async () => {
    const folder = workplace(two);
    await run(folder);
    const path = join(folder, 'made', 'manifest.jsonl');
    truncateSync(path, readFileSync(path).length - 20);
    expect((await run(folder)).seeds).toEqual([9]);
    expect((await run(folder)).seeds).toEqual([]);
    appendFileSync(path, '{"id":"app');
    expect((await run(folder)).seeds).toEqual([]);
  });

  test('a failed item does not stop the others and runs again', async () => {
    const folder = workplace(two);
    const engine = fakeEngine(async function* (job): AsyncGenerator<JobEventBody> {
      if (job.seed === 9) yield* draws(job);
      else yield { type: 'job-error', code: 'engine_crashed', message: 'what happened' };
    });
    const { code, shell } = await run(folder, engine);
    expect(code).toBe(1);
    expect(shell.err()).toContain('apple (line 1): what happened\n');
    expect(shell.err()).toContain('1 done, 0 skipped, 1 failed\n');
    expect(manifest(folder)[0]).toMatchObject({ id: 'apple', status: 'failed', code: 'engine_crashed', message: 'what happened', files: [] });
    expect(await run(folder)).toMatchObject({ code: 0, seeds: [7] });
  });

  test('Ctrl-C ends with 130, leaves no part of the item, and a rerun goes on', async () => {
    const folder = workplace(two);
    const engine = fakeEngine(async function* (job, signal): AsyncGenerator<JobEventBody> {
      for await (const event of draws(job)) {
        yield event;
        if (job.seed === 9 && event.type === 'media-end') shell.interruption.interrupt();
        if (signal.aborted) {
          yield { type: 'job-abort', reason: 'cancelled' };
          return;
        }
      }
    });
    const shell = fakeShell({ folder, engine, model: folder });
    expect(await main(['batch', 'x.jsonl', '-o', 'made'], shell)).toBe(130);
    expect(shell.err()).toContain('1 done, 0 skipped, 0 failed, 1 left by Ctrl-C');
    expect(manifest(folder).map((entry) => entry['id'])).toEqual(['apple']);
    expect(readdirSync(join(folder, 'made')).toSorted()).toEqual(['apple-image.png', 'apple.txt', 'manifest.jsonl']);
    expect(await run(folder)).toMatchObject({ code: 0, seeds: [9] });
  });
});

describe('bad lines', () => {
  test('are all told at once, and nothing runs', async () => {
    const folder = workplace([
      { id: 'a', prompt: 'x' }, { id: 'A', promt: 'x' }, '{', { id: '../a', prompt: 'x', seed: -1, count: 65 }, { prompt: 'x', image: ['none.png', 3] },
      { prompt: 'x', to: ['imge'], route: 'fast', options: { image: { stps: 3, width: 1 }, picture: {} } }, { image: 'cat.png', to: 'text', negative: 'y', mask: 'cat.png' }, '[]',
    ]);
    const { code, shell, engine } = await run(folder);
    expect([code, engine.jobs, existsSync(join(folder, 'made'))]).toEqual([2, [], false]);
    for (const message of [
      'line 2: "promt" is no key; did you mean prompt?', 'line 2: there is nothing to answer; add "prompt" or one of image', 'line 2: id "A" is that of line 1',
      'line 3: is no JSON object', 'line 4: id: expected', 'line 4: seed: expected an integer', 'line 4: count: expected an integer from 1 to 64',
      'line 5: image: expected the path', 'line 5: image: "none.png": there is no such file.', 'line 6: to: bundle nano makes no "imge"; did you mean image?',
      'line 6: route: expected one of', 'line 6: options.image: "stps" is no option; did you mean steps?', 'line 6: options.image.width: got 1, expected one of 128',
      'line 6: options: "picture" is no output', 'line 7: negative: no selected output', 'line 7: mask: no selected output', 'line 8: is no JSON object',
    ]) expect(shell.err()).toContain(message);
    expect(shell.err()).toContain('"x.jsonl" has 17 faults, nothing was run:');
  });

  test.each([[['batch'], 'expected one file'], [['batch', 'x.jsonl'], '-o: a folder is missing'], [['batch', 'none.jsonl', '-o', 'made'], '"none.jsonl" cannot be read'], [['batch', 'x.jsonl', '-o', 'made'], 'has no lines']])('%j', async (args, message) => {
    const folder = workplace([]);
    const shell = fakeShell({ folder, engine: fakeEngine(), model: folder });
    expect([await main(args, shell), shell.err()]).toEqual([2, expect.stringContaining(message)]);
  });
});
