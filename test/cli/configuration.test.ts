// Settings of the server from all their sources, and what `anymodal config` says of them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configCommand } from '../../src/cli/commands/config.ts';
import { configurationFlags } from '../../src/cli/configuration-flags.ts';
import { readConfiguration } from '../../src/cli/configuration-sources.ts';
import { settings, variableOf } from '../../src/cli/configuration.ts';
import { parseFlags } from '../../src/cli/flags.ts';
import { main } from '../../src/cli/main.ts';
import { fakeShell, temporaryFolder, type FakeSettings } from './fake-shell.ts';

async function read(args: readonly string[], given: Partial<FakeSettings> = {}) {
  return readConfiguration(parseFlags(args, configurationFlags, ''), fakeShell({ folder: temporaryFolder(), ...given }));
}

test('defaults, file, variables, flags: each over the one before', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'settings.json'), JSON.stringify({ $schema: 'x', port: 1, limits: { queue: 1, parts: 1 }, remoteMedia: { hosts: ['a.example'] }, strict: true }));
  const { values, held } = await read(['--config', 'settings.json', '--port', '3', '--model', 'a', '--model', 'b', '--set', 'limits.parts=3', '--set', 'aliases=x=a,y=b'], {
    folder, variables: { ANYMODAL_PORT: '2', ANYMODAL_LIMITS_QUEUE: '2', ANYMODAL_ORIGINS: 'https://a.example, https://b.example', ANYMODAL_STRICT: 'false' },
  });
  expect(values).toMatchObject({ host: '127.0.0.1', port: 3, strict: false, models: ['a', 'b'], aliases: { x: 'a', y: 'b' }, origins: ['https://a.example', 'https://b.example'], limits: { queue: 2, parts: 3, variants: 10 }, remoteMedia: { hosts: ['a.example'], allowed: false }, data: join(folder, 'data') });
  const from = Object.fromEntries(held.map((one) => [one.name, one.from]));
  expect(from).toMatchObject({ host: 'default', port: '--port', 'limits.queue': 'ANYMODAL_LIMITS_QUEUE', 'limits.parts': '--set limits.parts', 'remoteMedia.hosts': join(folder, 'settings.json'), models: '--model' });
});

test('the usual file is read where it is; ANYMODAL_MODEL names the default model here too', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'configuration'));
  writeFileSync(join(folder, 'configuration', 'config.json'), '{"port": 7}');
  expect((await read([], { folder, model: 'mine' })).values).toMatchObject({ port: 7, models: ['mine'] });
});

test.each([
  ['an unknown key, with the nearest', '{"prot": 1}', 'there is no setting "prot"; did you mean port?'],
  ['one that is nested elsewhere', '{"queue": 1}', 'did you mean limits.queue?'],
  ['one below', '{"limits": {"querie": 1}}', '"limits.querie"; did you mean limits.queue?'],
  ['no object', '[]', 'expected an object'],
  ['a value where a group is', '{"limits": 3}', 'limits: expected an object'],
  ['out of range', '{"port": 70000}', 'port: '],
  ['another type', '{"strict": "yes"}', 'strict: '],
  ['no JSON', '{port: 1}', 'is no JSON'],
])('a file with %s is refused, and named', async (_, text, message) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bad.json'), text);
  const error: unknown = await read(['--config', 'bad.json'], { folder }).catch((fault: unknown) => fault);
  expect(error).toMatchObject({ code: expect.stringMatching(/bad_option|bad_input/), message: expect.stringContaining(message) });
  expect(error).toMatchObject({ message: expect.stringContaining('bad.json') });
});

test.each([
  [['--port', 'x'], {}, '--port'], [['--set', 'limits.queue'], {}, 'NAME=VALUE'], [['--set', 'limit.queue=1'], {}, 'did you mean limits.queue?'], [['--set', 'limits.queue=0'], {}, 'limits.queue'],
  [[], { ANYMODAL_PORT: '-1' }, 'ANYMODAL_PORT'], [[], { ANYMODAL_ORIGINS: 'chat.example' }, 'ANYMODAL_ORIGINS'], [['--config', 'none.json'], {}, 'none.json: cannot be read (ENOENT)'],
] as const)('%j %j is refused', async (args, variables, message) => {
  await expect(read(args, { variables })).rejects.toMatchObject({ message: expect.stringContaining(message) });
});

test('`anymodal config` prints every setting with its source, hides what opens doors, and tells of variables that mean nothing', async () => {
  const shell = fakeShell({ folder: temporaryFolder(), variables: { ANYMODAL_PUBLIC_URL: 'https://me:word@ours.example/', ANYMODAL_PROT: '1' }, hub: { token: 'hf_hidden' } });
  expect(await main(['config'], shell)).toBe(0);
  for (const { path } of settings()) expect(shell.out()).toMatch(new RegExp(`^${path.join('\\.')} `, 'm'));
  expect(shell.out()).toMatch(/^publicUrl +"https:\/\/\(hidden\)@ours\.example\/" +ANYMODAL_PUBLIC_URL /m);
  expect(shell.out()).not.toMatch(/word|hf_hidden/);
  expect(shell.err()).toBe('warning: ANYMODAL_PROT means nothing to anymodal\n');
  const json = fakeShell({ folder: temporaryFolder(), hub: { token: 'hf_hidden' } });
  await main(['config', '--json', '--port', '9'], json);
  expect(json.events().find(({ name }) => name === 'port')).toEqual({ name: 'port', value: 9, from: '--port', help: expect.any(String) });
  expect(json.out()).not.toContain('hf_hidden');
  const schema = fakeShell({ folder: temporaryFolder() });
  await configCommand.run(['--schema'], schema);
  expect(JSON.parse(schema.out())).toMatchObject({ type: 'object', additionalProperties: false, properties: { limits: { properties: { queue: { default: 1000 } } } } });
});

test('what Redis holds in memory is bounded unless it is said', async () => {
  const retention = async (...args: readonly string[]): Promise<unknown> => (await read([...args])).values.retention;
  const redis = ['--redis', 'redis://localhost:6379'];
  expect(await retention()).toEqual({ days: 30, jobs: null, mediaBytes: 20 * 2 ** 30 });
  expect(await retention(...redis)).toEqual({ days: 30, jobs: 200_000, mediaBytes: 2 ** 30 });
  expect(await retention(...redis, '--media', 's3://bucket')).toEqual({ days: 30, jobs: 200_000, mediaBytes: 20 * 2 ** 30 });
  expect(await retention(...redis, '--set', 'retention.jobs=null', '--set', 'retention.mediaBytes=4096')).toEqual({ days: 30, jobs: null, mediaBytes: 4096 });
  expect((await read(redis)).held.find(({ name }) => name === 'retention.jobs')).toMatchObject({ value: 200_000, from: 'default with redis' });
});

test('every setting has a help and a variable of its own', () => {
  const all = settings();
  expect(all.filter(({ help }) => help === '')).toEqual([]);
  expect(new Set(all.map(({ path }) => variableOf(path))).size).toBe(all.length);
  expect(variableOf(['limits', 'bodyBytes'])).toBe('ANYMODAL_LIMITS_BODY_BYTES');
});

test('docs/server.md has every setting with its default, and no other', () => {
  const text = readFileSync(new URL('../../docs/server.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| `(.*?)` \|/gm)].map(([, name, value]) => `${name} ${value}`);
  expect(rows).toEqual(settings().map(({ path, schema }) => `${path.join('.')} ${JSON.stringify(schema.parse(undefined))}`));
});
