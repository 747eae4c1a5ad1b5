// The packages as a stranger gets them: packed, installed into an empty project, run and imported there.
// Needs the npm registry for the dependencies; runs in .ci/run.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const hasWeights = existsSync(join(checkout, 'models/nano/bundle.json'));
const folder = mkdtempSync(join(tmpdir(), 'anymodal-package-'));
const project = join(folder, 'project');
let files: string[] = [];

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program in the empty project, with the Node of the development dependency first; needs no shell but on Windows. */
async function run(program: string, args: readonly string[], where = project): Promise<Finished> {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH: path, ONNXRUNTIME_NODE_INSTALL: 'skip', CI: 'true', NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: where, env, shell: process.platform === 'win32', maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err });
    });
  });
}

async function pack(...workspace: string[]): Promise<string> {
  const { code, out, err } = await run('npm', ['pack', '--json', '--pack-destination', folder, ...workspace], checkout);
  expect(code, err).toBe(0);
  // The build that `npm pack` runs prints before the JSON.
  const packed: { filename: string; files: { path: string }[] }[] = JSON.parse(out.slice(out.search(/^\[/m)));
  files.push(...packed.flatMap((each) => each.files.map((file) => file.path)));
  return join(folder, packed[0]?.filename ?? '');
}

beforeAll(async () => {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  const nano = await pack('--workspace', '@anymodal/nano');
  files = [];
  const anymodal = await pack();
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', anymodal, nano]);
  expect(installed.code, installed.err).toBe(0);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the package anymodal', () => {
  test('holds compiled code, declarations, the schema, the licence, and nothing of the checkout', () => {
    for (const path of ['LICENSE', 'NOTICE', 'README.md', 'dist/src/index.js', 'dist/src/index.d.ts', 'src/cli/anymodal.js', 'src/bundle/bundle.schema.json', 'package.json']) expect(files).toContain(path);
    expect(files.filter((path) => /^(test|training|bench|\.)|(?<!\.d)\.ts$/.test(path))).toEqual([]);
  });

  test('runs as a command', async () => {
    const { code, out, err } = await run('npx', ['--no-install', 'anymodal', '--help']);
    expect([code, err]).toEqual([0, expect.any(String)]);
    expect(out).toContain('anymodal "draw a red apple"');
  });

  test('says what is wrong with a wrong word, and exits with 2', async () => {
    const { code, err } = await run('npx', ['--no-install', 'anymodal', 'genrate']);
    expect([code, err]).toEqual([2, expect.stringContaining('Did you mean "generate"?')]);
  });

  test('runs its engine and decodes pictures as compiled code', async () => {
    const tiny = join(checkout, 'test', 'fixtures', 'tiny');
    const args = ['--model', tiny, '--device', 'cpu', '--to', 'image', '--seed', '7', '--steps', '2'];
    const made = await run('npx', ['--no-install', 'anymodal', 'generate', 'apple', '-o', 'apple.png', ...args]);
    expect([made.code, made.out.trim()], made.err).toEqual([0, 'apple.png']);
    const edited = await run('npx', ['--no-install', 'anymodal', 'generate', 'green', '--image', 'apple.png', '-o', 'green.jpg', ...args]);
    expect([edited.code, edited.out.trim()], edited.err).toEqual([0, 'green.jpg']);
  });

  test('is imported at run time without opening anything', async () => {
    const program = "import * as all from 'anymodal'; import schema from 'anymodal/bundle.schema.json' with { type: 'json' }; console.log(Object.keys(all).sort().join(), schema.title);";
    const { out, err } = await run('node', ['--input-type=module', '-e', program]);
    expect(out.trim(), err).toBe('AnymodalError,createEngine,factoryModules,isCallerFault,mediaTools,openBundle,startEngine anymodal bundle');
  });

  test('has types that a strict project compiles against', async () => {
    const program = [
      "import { AnymodalError, startEngine, factoryModules, type Engine, type JobEvent } from 'anymodal';",
      "import type { Decoder } from 'anymodal/contracts';",
      "export const open = async (): Promise<Engine> => startEngine({ bundle: 'nano', device: 'cpu', factoryModules });",
      "export const last = (event: JobEvent): boolean => event.type === 'job-end';",
      "export const modality = (decoder: Decoder): string => decoder.modality;",
      '// @ts-expect-error a code that does not exist',
      "export const wrong = new AnymodalError('no_such_code', 'x');",
    ];
    writeFileSync(join(project, 'use.ts'), program.join('\n'));
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
    const { code, out } = await run('node', [tsc, '--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', '', 'use.ts']);
    expect([code, out]).toEqual([0, '']);
  });

  test('tells an old Node what to do', async () => {
    // The system's own Node, which may be as new as ours; then there is nothing to tell.
    const old = process.platform === 'win32' ? null : ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
    if (old === null || old === undefined) return;
    const version = (await run(old, ['--version'])).out;
    const { code, err } = await run(old, [join('node_modules', 'anymodal', 'src', 'cli', 'anymodal.js'), '--version']);
    if (Number(version.slice(1).split('.')[0]) < 22) expect([code, err]).toEqual([1, expect.stringContaining('install Node 22.13 or newer')]);
    else expect(code).toBe(0);
  });
});

describe.runIf(hasWeights)('the package @anymodal/nano', () => {
  test('is found, whole, and makes a picture', async () => {
    const doctor = await run('npx', ['--no-install', 'anymodal', 'doctor']);
    expect(doctor.code, doctor.out).toBe(0);
    const made = await run('npx', ['--no-install', 'anymodal', 'draw a red apple', '--seed', '7', '-o', 'made']);
    expect(made.code, made.err).toBe(0);
    expect(readdirSync(join(project, 'made'))).toEqual(['image-7-1.png']);
    expect(readFileSync(join(project, 'made', 'image-7-1.png')).subarray(1, 4).toString()).toBe('PNG');
  });
});
