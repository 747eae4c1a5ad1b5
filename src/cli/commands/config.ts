// `anymodal config`: every setting of the server, the value that holds, and where it came from.
// Reads the same sources as `anymodal serve` and starts nothing.
import { sharedFlags, type Command } from '../command.ts';
import { configurationFlags } from '../configuration-flags.ts';
import type { Held } from '../configuration-sources.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { exitCode } from '../shell.ts';

const flagTable: readonly Flag[] = [
  ...configurationFlags,
  { name: 'schema', help: 'the JSON Schema of the file of settings, for editors' },
  sharedFlags.json,
  sharedFlags.help,
];

export const configCommand: Command = {
  name: 'config',
  usage: '[FLAGS of serve] [--json | --schema]',
  summary: 'every setting of the server, and where its value came from',
  details: [
    'Flags go before variables, variables before the file, the file before defaults. The file is --config, ANYMODAL_CONFIG,',
    'or anymodal/config.json in XDG_CONFIG_HOME; the variable of limits.bodyBytes is ANYMODAL_LIMITS_BODY_BYTES.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal config', 'what `anymodal serve` would do here'],
    ['anymodal config --schema > settings.schema.json', 'for an editor that completes'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal config --help`.');
    // Loaded when needed, as in the commands beside this one: other commands have no use for it.
    if (flags.on('schema')) {
      const [{ z }, { configurationSchema }] = await Promise.all([import('zod'), import('../configuration.ts')]);
      shell.stdout.write(`${JSON.stringify(z.toJSONSchema(configurationSchema, { io: 'input' }), null, 2)}\n`);
      return exitCode.good;
    }
    const { readConfiguration } = await import('../configuration-sources.ts');
    const { held, unread } = await readConfiguration(flags, shell);
    for (const one of [...held, ...inheritedFrom(shell.environment.hub)]) shell.stdout.write(flags.on('json') ? `${JSON.stringify(one)}\n` : lineOf(one));
    for (const variable of unread) shell.stderr.write(`warning: ${variable} means nothing to anymodal\n`);
    return exitCode.good;
  },
};

/** What the server takes over from other programs' variables; a token is told by being there alone. */
function inheritedFrom(hub: { readonly endpoint: string | null; readonly token: string | null; readonly cache: string; readonly offline: boolean }): Held[] {
  return [
    { name: 'hub.endpoint', value: hub.endpoint, from: hub.endpoint === null ? 'default' : 'environment', help: 'where models are fetched from' },
    { name: 'hub.token', value: hub.token === null ? null : '(hidden)', from: hub.token === null ? 'default' : 'environment', help: 'what opens models that ask for a login' },
    { name: 'hub.cache', value: hub.cache, from: 'environment', help: 'where fetched models are kept' },
    { name: 'hub.offline', value: hub.offline, from: hub.offline ? 'environment' : 'default', help: 'whether nothing is asked of any hub' },
  ];
}

function lineOf({ name, value, from, help }: Held): string {
  return `${name.padEnd(26)} ${withoutPassword(value).padEnd(24)} ${from.padEnd(28)} ${help}\n`;
}

/** An address may hold a name and a password. */
function withoutPassword(value: unknown): string {
  return JSON.stringify(value).replaceAll(/(\w+:\/\/)[^/@"\s]+@/g, '$1(hidden)@');
}
