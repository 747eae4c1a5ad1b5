import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { faultsOf, importsOf, pathOf } from './architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Source files below the given folders, relative to the repository. */
function sources(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => /\.[jt]s$/.test(path) && !path.includes('node_modules')),
  );
}

test('every file keeps the rules of its room', () => {
  const files = sources('src', 'media', 'encoders', 'projectors', 'decoders', 'remote', 'models', 'bench');
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap((file) => faultsOf(file, readFileSync(join(root, file), 'utf8')))).toEqual([]);
});

test('no test file is long', () => {
  const long = sources('test').filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 301);
  expect(long).toEqual([]);
});

test("the engine's client loads no component, no runtime and no codec", () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { specifier, typeOnly } of importsOf(readFileSync(join(root, file), 'utf8'))) {
      const path = pathOf(file, specifier);
      if (path !== null && !typeOnly && path.endsWith('.ts')) visit(path);
    }
  };
  visit('src/engine/client.ts');
  expect([...seen].filter((file) => !/^src\/(engine\/|errors\.ts|contracts\.ts)/.test(file))).toEqual([]);
  expect([...seen]).not.toContain('src/engine/engine.ts');
});

describe('the checker finds', () => {
  test.each([
    ['a room that imports another', 'decoders/image/x.ts', "import { encode } from '../../encoders/image/joint-image.ts';", 'decoders/image/x.ts: room decoders imports room encoders (../../encoders/image/joint-image.ts)'],
    ['an import upwards', 'src/runtime/x.ts', "import { generate } from '../generate.ts';", 'src/runtime/x.ts: room runtime imports room generate (../generate.ts)'],
    ['a type across rooms', 'projectors/x.ts', "import type { Decoder } from '../decoders/index.ts';", 'room projectors imports room decoders'],
    ['an import of several lines', 'src/engine/x.ts', "import {\n  a,\n  b,\n} from '../cli/main.ts';", 'room engine imports room cli'],
    ['a re-export', 'src/bundle/x.ts', "export * from '../engine/engine.ts';", 'room bundle imports room engine'],
    ['a dynamic import', 'encoders/x.ts', "const ort = await import('onnxruntime-node');", 'imports onnxruntime-node'],
    ['an import for its effect', 'src/engine/x.ts', "import 'sharp';", 'imports sharp'],
    ['hono outside the server', 'src/cli/x.ts', "import { Hono } from 'hono';", 'imports hono'],
    ['a built-in in the contracts', 'src/contracts.ts', "import type { Buffer } from 'node:buffer';", 'imports node:buffer; expected no import'],
    ['the engine inside the server', 'src/server/x.ts', "import { createEngine } from '../engine/engine.ts';", "a server knows the engine's client alone"],
    ['the environment', 'src/engine/x.ts', 'const level = process.env.LEVEL;', 'reads process.env'],
    ['a component that asks a server', 'decoders/x.ts', "const answer = await fetch('http://127.0.0.1/');", 'uses the network'],
    ['a component that opens a socket', 'encoders/x.ts', "import { connect } from 'node:net';", 'uses the network'],
    ['a protocol with a transport of its own', 'remote/openai/x.ts', "const socket = new WebSocket('ws://127.0.0.1/');", 'uses the network'],
    ['chance', 'decoders/x.ts', 'const noise = Math.random();', 'uses Math.random'],
    ['the console', 'media/x.ts', 'console.log(1);', 'writes to the console'],
    ['a default export', 'media/x.ts', 'export default 1;', 'has a default export'],
    ['a long file', 'media/x.ts', 'const x = 1;\n'.repeat(301), 'has 301 lines, expected 300 or less'],
    ['a new folder', 'src/things/x.ts', '', 'belongs to no room'],
  ])('%s', (_, file, source, message) => {
    expect(faultsOf(file, source)).toEqual([expect.stringContaining(message)]);
  });

  test('nothing in comments and right code', () => {
    const source = "// console.log(Math.random())\n/* import 'sharp' */\nimport type { Tensor } from '../contracts.ts';\nconst address = 'http://x'; export const a = address;";
    expect(faultsOf('src/runtime/x.ts', source)).toEqual([]);
  });
});
