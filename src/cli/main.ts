// The command line from words to exit code: which command, its help, its errors.
// The composition root for this process; knows what no command does.
import { AnymodalError } from '../errors.ts';
import type { Command } from './command.ts';
import { batchCommand } from './commands/batch.ts';
import { chatCommand } from './commands/chat.ts';
import { connectCommand } from './commands/connect.ts';
import { configCommand } from './commands/config.ts';
import { doctorCommand } from './commands/doctor.ts';
import { embedCommand } from './commands/embed.ts';
import { generateCommand } from './commands/generate.ts';
import { keysCommand } from './commands/keys.ts';
import { mcpCommand } from './commands/mcp.ts';
import { modelsCommand } from './commands/models.ts';
import { pullCommand } from './commands/pull.ts';
import { serveCommand } from './commands/serve.ts';
import { versionCommand } from './commands/version.ts';
import { workerCommand } from './commands/worker.ts';
import { startChildEngine } from './engine.ts';
import { readEnvironment, switchTelemetryOff } from './environment.ts';
import { generalHelp, helpOf } from './help.ts';
import { createInterruption } from './interruption.ts';
import { codeOf, exitCodeOf, messageOf } from './job.ts';
import { createJsonReport, createPlainReport } from './report.ts';
import { exitCode, flush, type Shell } from './shell.ts';
import { nearest } from './suggest.ts';

const commands: readonly Command[] = [generateCommand, chatCommand, batchCommand, embedCommand, modelsCommand, pullCommand, connectCommand, serveCommand, workerCommand, mcpCommand, keysCommand, configCommand, doctorCommand, versionCommand];

/** Runs the command that `args` name and returns its exit code; writes errors to the shell and throws none. */
export async function main(args: readonly string[], shell: Shell): Promise<number> {
  try {
    return await dispatch(args, shell);
  } catch (error) {
    const report = args.includes('--json') ? createJsonReport(shell) : createPlainReport(shell);
    const code = codeOf(error);
    report.failure(code, messageOf(error), '');
    return exitCodeOf(code);
  }
}

async function dispatch(args: readonly string[], shell: Shell): Promise<number> {
  const [first] = args;
  const print = (text: string): number => {
    shell.stdout.write(text);
    return exitCode.good;
  };
  if (first === undefined || first === '--help' || first === '-h') return print(generalHelp(commands));
  if (first === '--version' || first === '-v' || first === '-V') return versionCommand.run([], shell);
  if (first === 'help') return print(args[1] === undefined ? generalHelp(commands) : helpOf(commandOf(args[1])));
  // A prompt has a space in it or comes after flags; a single word is more likely a command with a typing error.
  const isPrompt = first === '-' || first.startsWith('-') || /\s/.test(first);
  const command = isPrompt ? generateCommand : commandOf(first, args);
  const rest = isPrompt ? args : args.slice(1);
  const ended = rest.indexOf('--');
  const flagsOnly = ended === -1 ? rest : rest.slice(0, ended);
  return flagsOnly.includes('--help') || flagsOnly.includes('-h') ? print(helpOf(command)) : command.run(rest, shell);
}

function commandOf(name: string, args: readonly string[] = []): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const near = nearest(name, [...commands.map((candidate) => candidate.name), 'help']);
  const words = args.slice(0, args.findIndex((word) => word.startsWith('-')) >>> 0).join(' ');
  const prompt = args.length > 1 && words !== name ? `anymodal "${words}"` : `anymodal generate "${name}"`;
  const mend = near === null ? `For a prompt write: ${prompt}` : `Did you mean "${near}"? For a prompt write: ${prompt}`;
  throw new AnymodalError('bad_input', `"${name}" is no command; there are ${commands.map((candidate) => candidate.name).join(', ')} and help. ${mend}`);
}

/** Runs this process as the command line; sets its exit code. */
export async function start(): Promise<void> {
  switchTelemetryOff();
  // Node says of its SQLite that it is an experiment; who runs a command can do nothing about that.
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') process.stderr.write(`${name}: ${message}\n`);
  });
  const interruption = createInterruption(() => process.exit(exitCode.cancelled));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.interrupt();
    });
  }
  const { stdin, stdout, stderr } = process;
  // Who reads our results has gone (`anymodal ... | head -1`): nothing that is left to do is of use.
  stdout.on('error', () => {
    interruption.interrupt();
  });
  stderr.on('error', () => {
    interruption.interrupt();
  });
  const shell: Shell = { stdin, stdout, stderr, folder: process.cwd(), environment: readEnvironment(), interruption, startEngine: startChildEngine };
  const code = await main(process.argv.slice(2), shell);
  await Promise.all([flush(stdout), flush(stderr)]);
  process.exit(code);
}
