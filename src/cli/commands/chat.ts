// `anymodal chat`: a conversation of many turns, in which earlier media can be referred to and edited.
// Keeps the conversation; a turn that fails leaves it as it was. Knows no modality.
import { randomInt, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Engine, EngineDescription, JobRequest, Message } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { chooseBundle } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { chooseDeviceFlag, withEngine } from '../engine.ts';
import { integerFlag, parseFlags, type Flag } from '../flags.ts';
import { readLine } from '../inputs.ts';
import { codeOf, exitCodeOf, messageOf, runJob, type Outcome } from '../job.ts';
import { chooseFiles, type MadeFiles } from '../made-files.ts';
import { jobOptions } from '../options.ts';
import { createJsonReport, createPlainReport, type Report } from '../report.ts';
import { exitCode, type Shell } from '../shell.ts';

const flagTable: readonly Flag[] = [
  { name: 'seed', short: 's', value: 'S', help: 'turn i (from 0) has seed S + i; chosen and reported where absent' },
  { name: 'set', value: 'O.KEY=V', repeatable: true, help: 'any option of an output, such as image.steps=12 or text.temperature=0' },
  { name: 'output', short: 'o', value: 'DIR', help: 'folder for new files (default outputs)' },
  { name: 'no-metadata', help: 'leave prompt and settings out of the files; the mark of generated media stays' },
  sharedFlags.model,
  sharedFlags.use,
  sharedFlags.device,
  sharedFlags.json,
  sharedFlags.help,
];

/** Turns whose seeds must be left above the first one's. */
const mostTurns = 2 ** 20;

const slashCommands: Readonly<Record<string, string>> = {
  '/help': 'what can be written here',
  '/reset': 'forget the conversation',
  '/quit': 'leave; so does the end of input',
};

export const chatCommand: Command = {
  name: 'chat',
  usage: '[--seed S] [-o DIR] [FLAGS]',
  summary: 'talk in many turns; earlier media can be edited and asked about',
  details: [
    'Attach a file with @path or @"path with spaces"; the word @name itself is written @@name.',
    'When standard input is no terminal, every line is one message, and with --json every turn ends with one of',
    'job-end, job-abort and job-error. A turn that fails leaves the conversation as it was, and decides the exit code.',
    `On a line of its own: ${Object.entries(slashCommands).map(([name, effect]) => `${name} (${effect})`).join(', ')}.`,
  ],
  flags: flagTable,
  examples: [
    ['anymodal chat', 'then, for example: draw a red apple, make it green, what is this?'],
    ['anymodal chat --seed 7 -o apples', 'the same conversation gives the same files'],
    ["printf 'draw a red apple\\nmake it green\\n' | anymodal chat --json", 'one message a line, events for a program'],
  ],
  async run(args, shell) {
    const report = args.includes('--json') ? createJsonReport(shell) : createPlainReport(shell);
    const flags = parseFlags(args, flagTable, 'See `anymodal chat --help`.');
    if (flags.positionals.length > 0) throw new AnymodalError('bad_input', `chat takes no prompt; start it and write "${flags.positionals.join(' ')}" there, or use anymodal generate.`);
    const seed = flags.value('seed');
    const device = chooseDeviceFlag(flags.value('device'), shell);
    const files = chooseFiles(flags.value('output'), shell.folder);
    if (files.mediaType !== null) throw new AnymodalError('bad_input', '-o: a chat makes many files, expected a folder.');
    const first = seed === null ? randomInt(2 ** 32) : integerFlag('--seed', seed, 0, Number.MAX_SAFE_INTEGER - mostTurns);
    const folder = await chooseBundle(flags.value('model'), shell, flags.values('use'));
    return withEngine(shell, folder, device, report, async (engine) => {
      const description = await engine.describe();
      if (description.text === null) throw new AnymodalError('unsupported', `bundle ${description.bundle} has no language model to talk to; use anymodal generate --route direct.`);
      const options = jobOptions([], flags.values('set'), description.outputs, description.text);
      if (description.deviceNote !== null) report.detail(description.deviceNote);
      for (const note of description.notes ?? []) report.note(note);
      if (seed === null) report.note(`seed ${first} (--seed ${first} makes the same again)`);
      const conversation = createConversation({ engine, inputs: description.inputs, files, report, shell, seed: first, options, metadata: !flags.on('no-metadata') });
      report.finish();
      return shell.stdin.isTTY === true ? talk(conversation, report, shell) : readLines(conversation, shell);
    });
  },
};

interface Conversation {
  /** Answers one line; null where the line was a command that makes no turn, and 'quit' to leave. */
  answer(line: string, signal: AbortSignal): Promise<Outcome | 'quit' | null>;
}

interface ConversationSettings {
  readonly engine: Engine;
  readonly inputs: EngineDescription['inputs'];
  readonly files: MadeFiles;
  readonly report: Report;
  readonly shell: Shell;
  readonly seed: number;
  readonly options: JobRequest['options'];
  readonly metadata: boolean;
}

function createConversation({ engine, inputs, files, report, shell, seed, options, metadata }: ConversationSettings): Conversation {
  let messages: readonly Message[] = [];
  let turns = 0;

  const turn = async (line: string, signal: AbortSignal): Promise<Outcome> => {
    const id = randomUUID();
    try {
      const asked: readonly Message[] = [...messages, { role: 'user', parts: await readLine(line, shell.folder, { inputs }) }];
      const job: JobRequest = { id, messages: asked, outputs: null, route: 'chat', seed: seed + turns, count: 1, options, negativePrompt: null, mask: null, mix: null, metadata };
      const outcome = await runJob(engine, job, files, report, { previews: false }, signal);
      if (outcome.exitCode === exitCode.good) {
        messages = [...asked, { role: 'assistant', parts: outcome.reply }];
        turns += 1;
      }
      return outcome;
    } catch (error) {
      const code = codeOf(error);
      report.failure(code, messageOf(error), id);
      return { exitCode: exitCodeOf(code), reply: [] };
    }
  };

  return {
    async answer(line, signal) {
      const [word = ''] = line.trim().split(/\s/, 1);
      if (word === '') return null;
      if (!/^\/[a-z]*$/i.test(word)) return turn(line, signal);
      if (word === '/quit' || word === '/exit') return 'quit';
      if (word === '/reset') {
        messages = [];
        report.note('the conversation is empty again');
      } else {
        if (word !== '/help') report.note(`${word} is no command here.`);
        for (const [name, effect] of Object.entries(slashCommands)) report.note(`${name.padEnd(8)}${effect}`);
        report.note('@path   attaches a file; @"path with spaces" too; @@word is the word @word');
      }
      return null;
    },
  };
}

/** One message a line until the end of input; the first turn that fails decides the exit code. */
async function readLines(conversation: Conversation, shell: Shell): Promise<number> {
  let code: number = exitCode.good;
  for await (const line of createInterface({ input: shell.stdin, crlfDelay: Infinity })) {
    const outcome = await shell.interruption.during((signal) => conversation.answer(line, signal));
    if (outcome === 'quit') break;
    if (outcome === null) continue;
    if (code === exitCode.good) code = outcome.exitCode;
    if (outcome.exitCode === exitCode.cancelled) return outcome.exitCode;
  }
  return code;
}

/** A person at a terminal: Ctrl-C cancels the turn in hand, and leaves where there is none. What is typed during a turn waits. */
async function talk(conversation: Conversation, report: Report, shell: Shell): Promise<number> {
  const lines = createInterface({ input: shell.stdin, output: shell.stderr, prompt: '> ', terminal: true });
  const typed: string[] = [];
  let [answering, closed, interrupted] = [false, false, false];
  let news = Promise.withResolvers<void>();
  lines.on('line', (text) => {
    typed.push(text);
    news.resolve();
  });
  lines.on('close', () => {
    closed = true;
    news.resolve();
  });
  lines.on('SIGINT', () => {
    if (answering) {
      shell.interruption.interrupt();
      return;
    }
    shell.stderr.write('\n');
    interrupted = true;
    news.resolve();
  });
  report.note('Write a message; @path attaches a file, /help lists what else there is.');
  try {
    for (;;) {
      if (typed.length === 0 && !closed) {
        news = Promise.withResolvers();
        lines.prompt();
        await news.promise;
      }
      if (interrupted) return exitCode.cancelled;
      const line = typed.shift();
      if (line === undefined) return exitCode.good;
      answering = true;
      const outcome = await shell.interruption.during((signal) => conversation.answer(line, signal));
      answering = false;
      if (outcome === 'quit') return exitCode.good;
    }
  } finally {
    lines.close();
  }
}
