// The real command in processes of its own, on the tiny bundle: what only shows when nothing is played.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { anymodal, childrenOf, endsOf, eventsOf, type Settings } from './command-line.ts';
import { temporaryFolder } from './fake-shell.ts';
import { hugePng, onePixelPng } from './fixtures.ts';

const tiny = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));
const environment = { ANYMODAL_MODEL: tiny, ANYMODAL_DEVICE: 'cpu' };
const png = readFileSync(fileURLToPath(new URL('../fixtures/image-preprocessing/small.png', import.meta.url)));
const picture = ['a red apple', '--to', 'image', '--route', 'direct', '--steps', '2'];

/** Acts once, when the first denoising step is done. */
function onFirstProgress(act: (pid: number) => void): NonNullable<Settings['onLine']> {
  let done = false;
  return (line, child) => {
    if (done || !line.includes('"media-progress"')) return;
    done = true;
    act(child.pid ?? -1);
  };
}

describe('pictures', { timeout: 60_000 }, () => {
  test('same seed, same bytes: in two processes, alone and as one of three', async () => {
    const folder = temporaryFolder();
    for (const args of [['--seed', '7', '-o', 'one.png'], ['--seed', '7', '-n', '3', '-o', 'three'], ['--seed', '9', '-o', 'last.png']]) {
      const { code, err } = await anymodal([...picture, ...args], { folder, environment });
      expect(code, err).toBe(0);
    }
    const bytes = (...path: string[]): Buffer => readFileSync(join(folder, ...path));
    expect(readdirSync(join(folder, 'three'))).toEqual(['image-7-1.png', 'image-8-1.png', 'image-9-1.png']);
    expect(bytes('three', 'image-7-1.png')).toEqual(bytes('one.png'));
    expect(bytes('three', 'image-9-1.png')).toEqual(bytes('last.png'));
    expect(bytes('one.png')).not.toEqual(bytes('last.png'));
  });

  test('the chat route draws, and edits what is given', async () => {
    const folder = temporaryFolder();
    const first = await anymodal(['a red apple', '--to', 'image', '--steps', '2', '-o', 'apple.png'], { folder, environment });
    expect(first.code, first.err).toBe(0);
    const second = await anymodal(['make it green', '--image', 'apple.png', '--to', 'image', '--steps', '2', '-o', 'green.webp', '--json'], { folder, environment });
    expect(second.code, second.err).toBe(0);
    expect(eventsOf(second.out).find((event) => event['type'] === 'media-end')).toMatchObject({ mediaType: 'image/webp', path: 'green.webp' });
  });
});

describe('bad input: exit 2, one message, nothing left behind', { timeout: 60_000 }, () => {
  test.each([
    ['truncated.png', () => png.subarray(0, png.length >> 1), 'truncated.png'],
    ['empty.png', () => Buffer.alloc(0), '"empty.png" is empty (0 bytes)'],
    ['bomb.png', () => hugePng(10_000, 10_000), '100 megapixels'],
    ['text.png', () => Buffer.from('I am a text.\n'), '"text.png" is plain text'],
  ])('%s', async (name, content, message) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), content());
    const { code, out, err } = await anymodal(['make it green', '--image', name, '--to', 'image'], { folder, environment });
    expect(err).toContain(message);
    expect([code, out, readdirSync(folder)]).toEqual([2, '', [name]]);
  });

  test('values outside their range, a route without an output, an unknown modality', async () => {
    const folder = temporaryFolder();
    for (const [args, message] of [
      [['a house', '--steps', '0'], '--steps: got 0, expected an integer from 1 to'],
      [['a house', '--size', '13x7'], '--size 13x7, width: got 13, expected'],
      [['a house', '--route', 'direct'], 'the direct route needs to know what to make'],
      [['a house', '--smell', 'a.smell'], '--smell: there is no such flag. Bundle'],
    ] as const) {
      const { code, out, err } = await anymodal(args, { folder, environment });
      expect(err).toContain(message);
      expect([code, out, readdirSync(folder)]).toEqual([2, '', []]);
    }
  });
});

describe('a bundle that is wrong is told with all its faults', { timeout: 60_000 }, () => {
  /** A copy of the tiny bundle, changed; files of the copy are shared with no one. */
  function broken(change: (folder: string, bundle: Wrong) => void): string {
    const folder = temporaryFolder();
    cpSync(tiny, folder, { recursive: true });
    const bundle: Wrong = JSON.parse(readFileSync(join(folder, 'bundle.json'), 'utf8'));
    change(folder, bundle);
    writeFileSync(join(folder, 'bundle.json'), JSON.stringify(bundle));
    return folder;
  }
  interface Wrong {
    readonly components: Record<string, { readonly files: Record<string, { path: string; sha256: string }> }>;
  }
  const fileOf = (bundle: Wrong, at: number): { path: string; sha256: string } => Object.values(bundle.components).flatMap((component) => Object.values(component.files)).toReversed()[at]!;

  test('a wrong hash, a path outside its folder: exit 2, and doctor exits with 1', async () => {
    const folder = temporaryFolder();
    const model = broken((_, bundle) => {
      fileOf(bundle, 0).sha256 = '0'.repeat(64);
      fileOf(bundle, 1).path = '../outside.onnx';
    });
    const { code, err } = await anymodal(['a house', '--model', model], { folder, environment });
    expect(err).toContain('SHA-256');
    expect(err).toContain('leaves the bundle');
    expect([code, readdirSync(folder)]).toEqual([2, []]);
    const doctor = await anymodal(['doctor', '--model', model], { folder, environment });
    expect(doctor.out).toMatch(/^XX {2}bundle [\s\S]*SHA-256[\s\S]*$/m);
    expect(doctor.code).toBe(1);
  });

  test('no bundle at all', async () => {
    const folder = temporaryFolder();
    const { code, err } = await anymodal(['a house', '--model', 'giant'], { folder, environment });
    expect([code, err]).toEqual([2, expect.stringContaining('model "giant": neither an installed bundle nor a folder')]);
  });
});

describe.skipIf(process.platform === 'win32')('ends from outside', { timeout: 60_000 }, () => {
  const long = ['a red apple', '--to', 'image', '--route', 'direct', '--steps', '1000', '--json'];

  test.each(['SIGINT', 'SIGTERM'] as const)('%s during denoising: exit 130, one job-abort, nothing left', async (signal) => {
    const folder = temporaryFolder();
    const { code, out } = await anymodal(long, { folder, environment, onLine: onFirstProgress((pid) => process.kill(pid, signal)) });
    expect([code, endsOf(out), readdirSync(folder)]).toEqual([130, ['job-abort'], []]);
  });

  test.runIf(process.platform === 'linux')('an engine that is killed: one job-error, exit 1, nothing left', async () => {
    const folder = temporaryFolder();
    const { code, out, err } = await anymodal(long, { folder, environment, onLine: onFirstProgress((pid) => { for (const child of childrenOf(pid)) process.kill(child, 'SIGKILL'); }) });
    expect([code, endsOf(out), readdirSync(folder)]).toEqual([1, ['job-error'], []]);
    expect(eventsOf(out).at(-1)).toMatchObject({ type: 'job-error', code: 'engine_crashed' });
    expect(err).toContain('anymodal: ');
  });

  test('chat goes on after it: one terminal event a turn', async () => {
    const folder = temporaryFolder();
    const { code, out } = await anymodal(['chat', '--json', '--seed', '1', '--set', 'text.maxTokens=4', '--set', 'image.steps=1'], { folder, environment, input: 'one\n@none.png two\nthree\n' });
    expect([code, endsOf(out)]).toEqual([2, ['job-end', 'job-error', 'job-end']]);
  });

  test.runIf(existsSync('/usr/bin/node'))('any Node on the machine will do to start the command in a checkout', async () => {
    const { code, out, err } = await anymodal(['help'], { folder: temporaryFolder(), node: '/usr/bin/node' });
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('usage: anymodal');
  });
});

test('embeds text and pictures, and doctor finds nothing broken', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'dot.png'), onePixelPng);
  const { code, out, err } = await anymodal(['embed', 'a red apple', '@dot.png'], { folder, environment });
  expect(code, err).toBe(0);
  const lines = eventsOf(out);
  expect(lines.map((line) => [Object.keys(line), line['input'], line['modality']])).toEqual([[['input', 'modality', 'embedding'], 'a red apple', 'text'], [['input', 'modality', 'embedding'], '@dot.png', 'image']]);
  for (const { embedding } of lines) {
    const values: number[] = Array.isArray(embedding) ? embedding.map(Number) : [];
    expect(Math.hypot(...values)).toBeCloseTo(1, 5);
  }
  const doctor = await anymodal(['doctor'], { folder, environment });
  expect(doctor.out).toContain('telemetry off');
  expect(doctor.code, doctor.out).toBe(0);
});
