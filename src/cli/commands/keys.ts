// `anymodal keys`: keys of a server's data folder, added, listed and revoked while the server runs or not.
// A key is shown once; only its hash is kept.
import { AnymodalError } from '../../errors.ts';
import type { KeyStore, Scope } from '../../server/contracts.ts';
import { sharedFlags, type Command } from '../command.ts';
import { configurationFlags } from '../configuration-flags.ts';
import { choiceFlag, parseFlags, type Flag, type ParsedFlags } from '../flags.ts';
import { exitCode, type Shell } from '../shell.ts';

const scopes: readonly Scope[] = ['generate', 'read', 'admin'];

const flagTable: readonly Flag[] = [
  { name: 'scope', value: 'SCOPE', repeatable: true, help: 'generate, read or admin (default generate and read)' },
  ...configurationFlags.filter(({ name }) => ['data', 'redis', 'config'].includes(name)),
  sharedFlags.json,
  sharedFlags.help,
];

export const keysCommand: Command = {
  name: 'keys',
  usage: 'add NAME [--scope SCOPE] | list | revoke NAME|ID  [--data DIR | --redis URL]',
  summary: 'keys of the server: who may use it from other machines',
  details: [
    'Each key has its own jobs, media and conversations. Scopes: generate sends work and deletes what is its own, read looks at',
    'it and at /metrics, admin is for what concerns all keys. A running server knows of a change at once.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal keys add laptop', 'prints the key, once'],
    ['anymodal keys add prometheus --scope read', 'a key that starts no work'],
    ['anymodal keys revoke laptop', 'its requests are refused from now on'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal keys --help`.');
    const [action, name, ...more] = flags.positionals;
    const wanted = action === 'add' || action === 'revoke';
    if (!wanted && action !== 'list') throw new AnymodalError('bad_input', `keys: got ${action === undefined ? 'nothing' : `"${action}"`}, expected add NAME, list or revoke NAME.`);
    if (wanted && name === undefined) throw new AnymodalError('bad_input', `keys ${action}: the name is missing; write anymodal keys ${action} NAME.`);
    if (more.length > 0 || (!wanted && name !== undefined)) throw new AnymodalError('bad_input', `keys ${action}: got "${more[0] ?? name ?? ''}" as well; a name with spaces is put in quotes.`);
    return withKeys(flags, shell, async (keys) => {
      if (action === 'list') return list(keys, flags, shell);
      return action === 'add' ? add(keys, name ?? '', flags, shell) : revoke(keys, name ?? '', shell);
    });
  },
};

async function add(keys: KeyStore, name: string, flags: ParsedFlags, shell: Shell): Promise<number> {
  const given = flags.values('scope').map((scope) => choiceFlag('--scope', scope, scopes));
  const chosen: readonly Scope[] = given.length === 0 ? ['generate', 'read'] : given;
  const { id, key } = await keys.add(name, chosen);
  if (flags.on('json')) shell.stdout.write(`${JSON.stringify({ id, name, scopes: chosen, key })}\n`);
  else {
    shell.stdout.write(`${key}\n`);
    shell.stderr.write(`Key ${id} "${name}" (${chosen.join(', ')}). It is not shown again.\n`);
  }
  return exitCode.good;
}

async function list(keys: KeyStore, flags: ParsedFlags, shell: Shell): Promise<number> {
  for (const key of await keys.list()) {
    const { id, name, scopes: own } = key;
    const [createdAt, lastUsedAt] = [timeOf(key.createdAt), timeOf(key.lastUsedAt)];
    shell.stdout.write(flags.on('json') ? `${JSON.stringify({ id, name, scopes: own, createdAt, lastUsedAt })}\n` : `${id}  ${name.padEnd(20)} ${own.join(',').padEnd(20)} made ${createdAt ?? ''}, ${lastUsedAt === null ? 'never used' : `used ${lastUsedAt}`}\n`);
  }
  return exitCode.good;
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

async function revoke(keys: KeyStore, name: string, shell: Shell): Promise<number> {
  if (!(await keys.revoke(name))) throw new AnymodalError('not_found', `there is no key "${name}"; \`anymodal keys list\` shows them.`);
  shell.stderr.write(`Revoked "${name}".\n`);
  return exitCode.good;
}

async function withKeys(flags: ParsedFlags, shell: Shell, work: (keys: KeyStore) => Promise<number>): Promise<number> {
  // Loaded when needed: settings and SQLite are of no use to other commands.
  const { readConfiguration } = await import('../configuration-sources.ts');
  const { openDatabase } = await import('../../queue/data-folder.ts');
  const { createKeyStore } = await import('../../server/keys/store.ts');
  const { values } = await readConfiguration(flags, shell);
  if (values.redis !== null) {
    const { RedisLink } = await import('../../queue/redis/connection.ts');
    const { createSharedKeyStore } = await import('../../server/keys/shared-store.ts');
    const link = new RedisLink({ url: values.redis });
    try {
      return await work(createSharedKeyStore(link));
    } finally {
      link.close();
    }
  }
  const database = await openDatabase(values.data);
  try {
    return await work(createKeyStore(database));
  } finally {
    database.close();
  }
}
