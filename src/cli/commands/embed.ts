// `anymodal embed`: inputs to vectors of the joint space, and how alike they are.
// Knows no modality: text as it stands, `@path` for anything else.
import { randomUUID } from 'node:crypto';
import type { EmbedRequest, Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { chooseBundle } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { chooseDeviceFlag, withEngine } from '../engine.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { readMedia } from '../inputs.ts';
import { errorOf } from '../job.ts';
import { createPlainReport } from '../report.ts';
import { exitCode } from '../shell.ts';

const flagTable: readonly Flag[] = [
  { name: 'compare', help: 'a table of similarities (cosines) in place of the vectors' },
  { name: 'json', help: 'one JSON object a line, as without it; with --compare one object with the similarities' },
  sharedFlags.model,
  sharedFlags.device,
  sharedFlags.help,
];

export const embedCommand: Command = {
  name: 'embed',
  usage: 'INPUT... [--compare] [--json]',
  summary: 'vectors of texts and files in one joint space',
  details: [
    'An INPUT is a text, or a file as @path; a text that begins with @ is written @@text. Each gives one line of',
    'JSON with input, modality and embedding, a vector of length 1.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal embed "a red apple" @apple.png', 'two lines of JSON'],
    ['anymodal embed "an apple" "a house" @apple.png --compare', 'which of them are alike'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal embed --help`.');
    const inputs = flags.positionals;
    const compare = flags.on('compare');
    if (inputs.length === 0) throw new AnymodalError('bad_input', 'there is no input; write texts in quotes or files as @path, such as anymodal embed "a red apple" @apple.png.');
    if (compare && inputs.length < 2) throw new AnymodalError('bad_input', '--compare: got 1 input, expected 2 or more.');
    const device = chooseDeviceFlag(flags.value('device'), shell);
    const parts: Part[] = [];
    for (const input of inputs) parts.push(await partOf(input, shell.folder));
    const folder = await chooseBundle(flags.value('model'), shell);
    const report = createPlainReport(shell);
    return shell.interruption.during(async (signal) =>
      withEngine(shell, folder, device, report, async (engine) => {
        const request: EmbedRequest = { id: randomUUID(), inputs: parts };
        const found: { input: string; modality: string; embedding: readonly number[] }[] = [];
        for await (const event of engine.embed(request, signal)) {
          if (event.type === 'embedding') {
            const line = { input: inputs[event.input] ?? '', modality: event.modality, embedding: event.embedding };
            found.push(line);
            if (!compare) shell.stdout.write(`${JSON.stringify(line)}\n`);
          } else if (event.type === 'job-warning') report.event(event, null);
          else if (event.type === 'job-error') throw errorOf(event);
          else if (event.type === 'job-abort') throw new AnymodalError('aborted', 'cancelled');
        }
        report.finish();
        if (compare) shell.stdout.write(flags.on('json') ? `${JSON.stringify(similaritiesOf(found))}\n` : table(similaritiesOf(found)));
        return exitCode.good;
      }, signal),
    );
  },
};

async function partOf(input: string, folder: string): Promise<Part> {
  if (input.startsWith('@@')) return { type: 'text', text: input.slice(1) };
  if (input.startsWith('@')) return { type: 'media', media: await readMedia(input.slice(1), folder) };
  if (input.trim() === '') throw new AnymodalError('bad_input', 'one input is empty; leave it out or write a text.');
  return { type: 'text', text: input };
}

interface Similarities {
  readonly inputs: readonly string[];
  /** [i][j] is the cosine between inputs i and j. */
  readonly similarities: readonly (readonly number[])[];
}

function similaritiesOf(found: readonly { input: string; embedding: readonly number[] }[]): Similarities {
  return { inputs: found.map(({ input }) => input), similarities: found.map((a) => found.map((b) => dot(a.embedding, b.embedding))) };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** Rows and columns in the order of the inputs; columns are headed by the number of the row. */
function table({ inputs, similarities }: Similarities): string {
  const names = inputs.map((input, index) => `${index + 1}  ${input.length > 40 ? `${input.slice(0, 39)}…` : input}`);
  const width = Math.max(...names.map((name) => name.length));
  const head = `${''.padEnd(width)}${inputs.map((_, index) => String(index + 1).padStart(8)).join('')}`;
  const rows = similarities.map((row, index) => `${(names[index] ?? '').padEnd(width)}${row.map((value) => value.toFixed(3).padStart(8)).join('')}`);
  return `${[head, ...rows].join('\n')}\n`;
}
