// The help, made of the same tables that read the flags.
// Knows no command by name.
import type { Command } from './command.ts';
import type { Flag } from './flags.ts';

const WIDTH = 25;

/** Help of one command. */
export function helpOf(command: Command): string {
  const sections = [
    `anymodal ${command.name}: ${command.summary}`,
    `usage: anymodal ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    command.details.join('\n'),
    `flags:\n${command.flags.map(lineOf).join('\n')}`,
    examplesOf([command]),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/** Help of the whole program. */
export function generalHelp(commands: readonly Command[]): string {
  const [first] = commands;
  const sections = [
    'anymodal: any mix of text and media in, any mix out. Runs here, offline.',
    ['usage: anymodal "PROMPT" [FLAGS]', '       anymodal COMMAND [FLAGS]'].join('\n'),
    `commands:\n${commands.map((command) => `  ${command.name.padEnd(10)}${command.summary}`).join('\n')}`,
    `flags of a prompt (anymodal COMMAND --help lists those of a command):\n${(first?.flags ?? []).map(lineOf).join('\n')}`,
    examplesOf(commands),
    'exit codes: 0 done, 1 failed, 2 bad input, 130 cancelled (Ctrl-C; twice ends at once)',
  ];
  return `${sections.join('\n\n')}\n`;
}

function lineOf(flag: Flag): string {
  const written = `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
  return `  ${written.padEnd(WIDTH)} ${flag.help}${flag.repeatable === true ? ' (repeatable)' : ''}`;
}

function examplesOf(commands: readonly Command[]): string {
  const examples = commands.flatMap((command) => command.examples);
  return examples.length === 0 ? '' : `examples:\n${examples.map(([line, effect]) => `  ${line}\n      ${effect}`).join('\n')}`;
}
