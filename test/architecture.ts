// Reads the imports of a source file and says where they break the rules of the rooms. Knows the rules; architecture.test.ts feeds it files.

import { posix } from 'node:path';

/** Every room, what is in it by path, and the rooms that it may import besides itself. */
const rooms: readonly { readonly name: string; readonly path: RegExp; readonly imports: readonly string[] }[] = [
  { name: 'contracts', path: /^src\/contracts\.ts$/, imports: [] },
  { name: 'errors', path: /^src\/errors\.ts$/, imports: [] },
  { name: 'schema', path: /^src\/schema\.ts$/, imports: ['contracts', 'errors'] },
  { name: 'runtime', path: /^src\/runtime\//, imports: ['contracts', 'errors'] },
  { name: 'media', path: /^media\//, imports: ['contracts', 'errors'] },
  { name: 'bundle', path: /^src\/bundle\//, imports: ['contracts', 'errors', 'schema'] },
  ...['encoders', 'projectors', 'decoders', 'src/language-model'].map((name) => ({
    name,
    path: new RegExp(`^${name}/`),
    imports: ['contracts', 'errors', 'schema', 'runtime', ...(name === 'projectors' || name === 'src/language-model' ? [] : ['media'])],
  })),
  // The one room of components that other machines do the work of; the language models' text protocol serves it too.
  { name: 'remote', path: /^remote\//, imports: ['contracts', 'errors', 'schema', 'media', 'client', 'src/language-model'] },
  { name: 'generate', path: /^src\/(generate|chain|groups|references|wants)\.ts$/, imports: ['contracts', 'errors', 'runtime'] },
  { name: 'engine', path: /^src\/engine\//, imports: ['contracts', 'errors', 'schema', 'runtime', 'bundle', 'generate'] },
  { name: 'queue', path: /^src\/queue\//, imports: ['contracts', 'errors'] },
  { name: 'server', path: /^src\/server\//, imports: ['contracts', 'errors', 'schema', 'queue', 'engine', 'client', 'mcp'] },
  { name: 'client', path: /^src\/client\//, imports: ['contracts', 'errors'] },
  { name: 'mcp', path: /^src\/mcp\//, imports: ['contracts', 'errors', 'client'] },
  { name: 'ai-sdk', path: /^src\/ai-sdk\//, imports: ['contracts', 'errors', 'client'] },
  // The composition root names rooms of components by URL and imports none.
  { name: 'cli', path: /^src\/cli\//, imports: ['contracts', 'errors', 'schema', 'bundle', 'engine', 'media', 'queue', 'server', 'runtime', 'client', 'mcp', 'remote'] },
  { name: 'index', path: /^src\/index\.ts$/, imports: ['contracts', 'errors', 'bundle', 'engine', 'cli'] },
  { name: 'models', path: /^models\//, imports: ['bundle'] },
];

/** Packages that one place alone may import. */
const packages: readonly { readonly name: RegExp; readonly path: RegExp }[] = [
  { name: /^onnxruntime-/, path: /^src\/runtime\// },
  { name: /^(sharp|wavefile|mediabunny|@mediabunny\/.*|node-av)$/, path: /^media\// },
  { name: /^(hono|@hono\/.*)$/, path: /^src\/server\// },
  { name: /^ajv/, path: /^src\/schema\.ts$/ },
  { name: /^(bullmq|ioredis)$/, path: /^src\/queue\/redis\// },
  { name: /^aws4fetch$/, path: /^src\/queue\/object-store\// },
  { name: /^pg$/, path: /^src\/server\/conversations\// },
];

/** What runs a job without asking anybody: every room of the engine's process, but for the transport of remote components. */
const offline = /^(encoders|projectors|decoders|media|src\/(language-model|runtime|engine|schema|chain|generate|groups|references|wants))\b|^remote\/(?!server\/)/;

/** Files of types alone, where a reader needs all in one place. */
const longFiles = new Map([['src/contracts.ts', 440]]);

export interface Import {
  readonly specifier: string;
  /** `import type` or `export type`: gone when the program runs. */
  readonly typeOnly: boolean;
}

/** Static and dynamic imports and re-exports of a source file, comments aside. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const statics = code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?(['"])(.+?)\2/gm);
  const dynamics = code.matchAll(/\bimport\(\s*(['"])(.+?)\1/g);
  return [
    ...[...statics].map(([, type, , specifier = '']) => ({ specifier, typeOnly: type !== undefined })),
    ...[...dynamics].map(([, , specifier = '']) => ({ specifier, typeOnly: false })),
  ];
}

/** Path of an imported file in the repository, or null for a package. */
export function pathOf(file: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file), specifier)) : null;
}

/** Every broken rule of one file, one line each; `file` is relative to the repository, with forward slashes. */
export function faultsOf(file: string, source: string): string[] {
  const faults: string[] = [];
  const fault = (text: string): void => void faults.push(`${file}: ${text}`);
  const room = rooms.find(({ path }) => path.test(file));
  if (room === undefined && !file.startsWith('bench/')) fault('belongs to no room; add its room to test/architecture.ts');

  for (const { specifier, typeOnly } of importsOf(source)) {
    const path = pathOf(file, specifier);
    if (path !== null && room !== undefined) {
      const target = rooms.find((candidate) => candidate.path.test(path));
      if (target === undefined) fault(`imports ${specifier}, which is in no room`);
      else if (target !== room && !room.imports.includes(target.name)) fault(`room ${room.name} imports room ${target.name} (${specifier})`);
      if (room.name === 'server' && target?.name === 'engine' && !typeOnly && path !== 'src/engine/client.ts') fault(`imports ${specifier}; a server knows the engine's client alone`);
    }
    const restricted = packages.find(({ name }) => name.test(specifier));
    if (restricted !== undefined && !restricted.path.test(file) && !file.startsWith('bench/')) fault(`imports ${specifier}`);
    if (room !== undefined && ['contracts', 'errors'].includes(room.name)) fault(`imports ${specifier}; expected no import`);
  }

  const code = withoutComments(source);
  // sessions.ts sets one variable before the native library reads it; a program without our command line has no other place for it.
  if (offline.test(file) && (/\bfetch\(|\bnew (?:WebSocket|EventSource)\b/.test(code) || importsOf(source).some(({ specifier }) => /^(node:)?(http|https|http2|net|tls|dgram|dns)(\/|$)|^undici/.test(specifier)))) {
    fault('uses the network; components that ask a server are in remote/, and their transport in remote/server/');
  }
  // A remote component reads its key where the bundle runs, which may be a child process.
  if (/\bprocess\.env\b/.test(code) && !['src/cli/environment.ts', 'src/runtime/sessions.ts', 'remote/server/settings.ts'].includes(file)) fault('reads process.env');
  if (/\bMath\.random\b/.test(code)) fault('uses Math.random; draw from a Random');
  if (/\bconsole\./.test(code) && !/^(src\/cli|bench)\//.test(file)) fault('writes to the console');
  if (/^\s*export\s+default\b|\bas default\b/m.test(code)) fault('has a default export');
  const lines = source.trimEnd().split('\n').length;
  const most = longFiles.get(file) ?? 300;
  if (lines > most) fault(`has ${lines} lines, expected ${most} or less`);
  return faults;
}

/** The code with comments blanked. Strings are kept, so that an address in one does not begin a comment. */
function withoutComments(source: string): string {
  return source.replaceAll(/(?<kept>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, kept: string | undefined) => kept ?? '');
}
