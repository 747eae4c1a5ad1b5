// The real command on the real bundle: what a person sees who follows the README.
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isMarkedGenerated, mediaFromBytes, readProvenance } from '../../media/index.ts';
import { anymodal, childrenOf, endsOf, eventsOf } from './command-line.ts';
import { temporaryFolder } from './fake-shell.ts';

const weights = fileURLToPath(new URL('../../models/nano/bundle.json', import.meta.url));
// A clone always has the weights; while they are being trained this file says so in place of failing.
const hasWeights = existsSync(weights);

test.runIf(!hasWeights)('models/nano/bundle.json is absent: the tests of the real bundle did not run', ({ skip }) => {
  skip('put the weights into models/nano');
});

describe.runIf(hasWeights)('nano', { timeout: 120_000 }, () => {
  test('draws a red apple: a png with the prompt and the mark of generated media', async () => {
    const folder = temporaryFolder();
    const { code, out, err } = await anymodal(['draw a red apple', '--seed', '7', '-o', 'apple.png'], { folder });
    expect(code, err).toBe(0);
    expect(out.trimEnd().split('\n').at(-1)).toBe('apple.png');
    expect(readdirSync(folder)).toEqual(['apple.png']);
    const media = await mediaFromBytes(readFileSync(join(folder, 'apple.png')));
    expect(media.mediaType).toBe('image/png');
    expect(isMarkedGenerated(media)).toBe(true);
    expect(JSON.stringify(readProvenance(media))).toContain('draw a red apple');
  });

  test('same seed, same bytes: in two processes, alone and as one of three, and picture i is seed + i', async () => {
    const folder = temporaryFolder();
    const draw = async (...args: string[]): Promise<void> => {
      const { code, err } = await anymodal(['draw a red apple', '--to', 'image', ...args], { folder });
      expect(code, err).toBe(0);
    };
    await draw('--seed', '7', '-n', '1', '-o', 'one');
    await draw('--seed', '7', '-n', '3', '-o', 'three');
    await draw('--seed', '9', '-o', 'last');
    const bytes = (...path: string[]): Buffer => readFileSync(join(folder, ...path));
    expect(readdirSync(join(folder, 'three'))).toEqual(['image-7-1.png', 'image-8-1.png', 'image-9-1.png']);
    expect(bytes('three', 'image-7-1.png')).toEqual(bytes('one', 'image-7-1.png'));
    expect(bytes('three', 'image-9-1.png')).toEqual(bytes('last', 'image-9-1.png'));
  });

  test('talks: draws, edits what it drew, and answers a plain question without a picture', async () => {
    const folder = temporaryFolder();
    const { code, out, err } = await anymodal(['chat', '--json', '--seed', '7', '-o', 'made'], { folder, input: 'draw a red apple\nmake it green\nwhat is this?\n' });
    expect(code, err).toBe(0);
    expect(endsOf(out)).toEqual(['job-end', 'job-end', 'job-end']);
    const jobs = [...new Set(eventsOf(out).map((event) => event['job']))];
    const typed = (job: unknown, type: string): Record<string, unknown>[] => eventsOf(out).filter((event) => event['job'] === job && event['type'] === type);
    expect(typed(jobs[0], 'media-end')).toHaveLength(1);
    expect(typed(jobs[1], 'media-start')).toMatchObject([{ references: [1] }]);
    expect(typed(jobs[2], 'media-end')).toEqual([]);
    expect(typed(jobs[2], 'text-delta').map((event) => event['text']).join('').toLowerCase()).toContain('green');
    for (const job of jobs.slice(0, 2)) expect(existsSync(join(folder, String(typed(job, 'media-end')[0]?.['path'])))).toBe(true);
  });

  test('answers a plain question with text alone', async () => {
    const folder = temporaryFolder();
    const { code, out } = await anymodal(['What is the capital of France?', '--seed', '1', '--json'], { folder });
    expect(code).toBe(0);
    const types = eventsOf(out).map((event) => event['type']);
    expect(types).toContain('text-delta');
    expect(types).not.toContain('media-start');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')('Ctrl-C during denoising: exit 130, one job-abort, nothing left', async () => {
    const folder = temporaryFolder();
    let sent = false;
    const { code, out } = await anymodal(['draw a red apple', '--to', 'image', '--steps', '500', '--json'], {
      folder,
      onLine: (line, child) => {
        if (!sent && line.includes('"media-progress"')) sent = child.kill('SIGINT');
      },
    });
    expect([code, endsOf(out)]).toEqual([130, ['job-abort']]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('an engine that is killed during a turn gives one job-error, and the next turn runs', async () => {
    const folder = temporaryFolder();
    let killed = false;
    const { code, out } = await anymodal(['chat', '--seed', '7', '--json'], {
      folder,
      input: 'draw a red apple\ndraw a red apple\n',
      onLine: (line, child) => {
        if (killed || !line.includes('"media-progress"')) return;
        killed = true;
        for (const pid of childrenOf(child.pid ?? -1)) process.kill(pid, 'SIGKILL');
      },
    });
    expect([code, endsOf(out)]).toEqual([1, ['job-error', 'job-end']]);
    expect(eventsOf(out).find((event) => event['type'] === 'job-error')).toMatchObject({ code: 'engine_crashed' });
  });
});
