// `anymodal version`: the version of this package.
// Knows nothing else.
import { readFile } from 'node:fs/promises';
import { sharedFlags, type Command } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { exitCode } from '../shell.ts';

export const versionCommand: Command = {
  name: 'version',
  usage: '',
  summary: 'print the version',
  details: [],
  flags: [sharedFlags.help],
  examples: [],
  async run(args, shell) {
    parseFlags(args, [sharedFlags.help], 'See `anymodal --help`.');
    shell.stdout.write(`${await packageVersion()}\n`);
    return exitCode.good;
  },
};

/** The version in package.json, which is two folders further up in the published package. */
export async function packageVersion(): Promise<string> {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => null);
    const found: unknown = text === null ? null : JSON.parse(text);
    if (typeof found === 'object' && found !== null && 'version' in found && typeof found.version === 'string') return found.version;
  }
  return 'unknown';
}
