// What a command is: its words in the help, its flags, and what it does.
// Holds the flags that commands share; knows no command.
import type { Flag } from './flags.ts';
import type { Shell } from './shell.ts';

export interface Command {
  readonly name: string;
  /** What follows the name on the usage line. */
  readonly usage: string;
  readonly summary: string;
  /** Sentences below the usage line. */
  readonly details: readonly string[];
  readonly flags: readonly Flag[];
  /** Command line and what it does. */
  readonly examples: readonly (readonly [line: string, effect: string])[];
  /** Does the work and returns the exit code. Throws AnymodalError for what stops it before a job. */
  run(args: readonly string[], shell: Shell): Promise<number>;
}

export const sharedFlags = {
  use: { name: 'use', value: 'O=MODEL', repeatable: true, help: 'let another model make output O, such as image=FOLDER, or be the language-model' },
  model: { name: 'model', value: 'ID', help: 'bundle id, or a folder with a bundle.json (ANYMODAL_MODEL; default nano)' },
  device: { name: 'device', value: 'NAME', help: 'auto, cpu, cuda, webgpu, coreml or dml (ANYMODAL_DEVICE; default auto)' },
  json: { name: 'json', help: 'one JSON object a line on standard output' },
  help: { name: 'help', short: 'h', help: 'this help' },
} as const satisfies Record<string, Flag>;
