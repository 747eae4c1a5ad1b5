import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { importsOf } from '../architecture.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Files and packages that are loaded with a file: what it imports while it loads, and what that does. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const source = readFileSync(join(root, file), 'utf8');
  for (const { specifier, typeOnly } of importsOf(source)) {
    // One that is loaded when it is asked for stands in a call.
    if (typeOnly || source.includes(`import('${specifier}')`)) continue;
    const path = specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : null;
    if (path === null) seen.add(specifier);
    else if (existsSync(join(root, path)) && /\.[jt]s$/.test(path)) loadedWith(path, seen);
  }
  return seen;
}

test('a server of one machine loads no client of Redis', () => {
  for (const file of ['src/cli/main.ts', 'src/cli/server-parts.ts', 'src/cli/local-backing.ts', 'src/server/app.ts', 'src/server/index.ts', 'src/index.ts']) {
    const loaded = [...loadedWith(file)];
    expect(loaded.filter((name) => /^(ioredis|bullmq)$|^src\/queue\/redis\//.test(name)), file).toEqual([]);
  }
  expect([...loadedWith('src/cli/shared-backing.ts')]).toContain('ioredis');
});
