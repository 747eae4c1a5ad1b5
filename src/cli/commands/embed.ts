// `anymodal embed`: inputs to vectors of the joint space, and how alike they are.
// Knows no modality: text as it stands, `@path` for anything else.
import type { Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { chooseBundle, summarise } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { chooseDeviceFlag, withEngine } from '../engine.ts';
import { integerFlag, parseFlags, type Flag } from '../flags.ts';
import { readLater, readPart, type Reading } from '../inputs.ts';
import { embeddingsOf } from '../job.ts';
import { dot, filesBelow, mostFiles, nearestMedia, nearestTable } from '../nearest-media.ts';
import { createPlainReport } from '../report.ts';
import { exitCode } from '../shell.ts';

const defaultTop = 10;

const flagTable: readonly Flag[] = [
  { name: 'compare', help: 'a table of similarities (cosines) in place of the vectors' },
  { name: 'nearest', value: 'DIR', help: 'the media files of a folder, and of those below, that are nearest to each input' },
  { name: 'top', value: 'K', help: `how many of them, 1 to ${mostFiles} (default ${defaultTop})` },
  { name: 'json', help: 'one JSON object a line, as without it; with --compare one object with the similarities' },
  sharedFlags.model,
  sharedFlags.device,
  sharedFlags.help,
];

export const embedCommand: Command = {
  name: 'embed',
  usage: 'INPUT... [--compare | --nearest DIR [--top K]] [--json]',
  summary: 'vectors of texts and files in one joint space',
  details: [
    'An INPUT is a text, or a file as @path; a text that begins with @ is written @@text. Each gives one line of',
    'JSON with input, modality and embedding, a vector of length 1. A file that can be several things is said to be one',
    'as @MODALITY:path: @depth:room.png, @thermal:oven.csv, @imu:walk.npy.',
    'With --nearest it gives cosine, modality and path of files of any modality instead. Hidden files are left out;',
    `files that are no media are passed over; at most ${mostFiles} are looked at. The cosine is the plain one: vectors of`,
    'two modalities lie further apart than those of one, so compare values within a modality.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal embed "a red apple" @apple.png', 'two lines of JSON'],
    ['anymodal embed "an apple" "a house" @apple.png --compare', 'which of them are alike'],
    ['anymodal embed "a walk" @imu:walk.csv @depth:street.npy --compare --model imagebind', 'other senses, with a bundle that has them'],
    ['anymodal embed @rain.wav --nearest pictures --top 3', 'the three pictures that are nearest to a sound'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal embed --help`.');
    const inputs = flags.positionals;
    const compare = flags.on('compare');
    if (inputs.length === 0) throw new AnymodalError('bad_input', 'there is no input; write texts in quotes or files as @path, such as anymodal embed "a red apple" @apple.png.');
    if (compare && inputs.length < 2) throw new AnymodalError('bad_input', '--compare: got 1 input, expected 2 or more.');
    const place = flags.value('nearest');
    if (compare && place !== null) throw new AnymodalError('bad_option', '--nearest: got --compare as well; leave one of the two out.');
    if (place === null && flags.value('top') !== null) throw new AnymodalError('bad_option', '--top: says how many of the nearest files; add --nearest DIR.');
    const top = integerFlag('--top', flags.value('top') ?? String(defaultTop), 1, mostFiles);
    const device = chooseDeviceFlag(flags.value('device'), shell);
    const read = async (reading: Reading): Promise<Part[]> => {
      const parts: Part[] = [];
      for (const input of inputs) parts.push(await readPart(input, shell.folder, reading));
      return parts;
    };
    const early = await read({}).catch((error: unknown) => ({ error }));
    const files = place === null ? null : await filesBelow(place, shell.folder);
    const folder = await chooseBundle(flags.value('model'), shell);
    const readable = 'error' in early ? readLater(early.error, (await summarise(folder)).inputs) : early;
    const report = createPlainReport(shell);
    return shell.interruption.during(async (signal) =>
      withEngine(shell, folder, device, report, async (engine) => {
        const parts = readable ?? (await read({ inputs: (await engine.describe()).inputs }));
        if (files !== null) {
          const lists = await nearestMedia(engine, parts, files, top, shell.folder, report, signal);
          report.finish();
          const lines = lists.flatMap((list, index) => list.map((found) => `${JSON.stringify({ input: inputs[index], ...found })}\n`));
          shell.stdout.write(flags.on('json') ? lines.join('') : nearestTable(inputs, lists));
          return exitCode.good;
        }
        const found: { input: string; modality: string; embedding: readonly number[] }[] = [];
        for await (const { input, modality, embedding } of embeddingsOf(engine, parts, report, signal)) {
          const line = { input: inputs[input] ?? '', modality, embedding };
          found.push(line);
          if (!compare) shell.stdout.write(`${JSON.stringify(line)}\n`);
        }
        report.finish();
        if (compare) shell.stdout.write(flags.on('json') ? `${JSON.stringify(similaritiesOf(found))}\n` : table(similaritiesOf(found)));
        return exitCode.good;
      }, signal),
    );
  },
};

interface Similarities {
  readonly inputs: readonly string[];
  /** [i][j] is the cosine between inputs i and j. */
  readonly similarities: readonly (readonly number[])[];
}

function similaritiesOf(found: readonly { input: string; embedding: readonly number[] }[]): Similarities {
  return { inputs: found.map(({ input }) => input), similarities: found.map((a) => found.map((b) => dot(a.embedding, b.embedding))) };
}

/** Rows and columns in the order of the inputs; columns are headed by the number of the row. */
function table({ inputs, similarities }: Similarities): string {
  const names = inputs.map((input, index) => `${index + 1}  ${input.length > 40 ? `${input.slice(0, 39)}…` : input}`);
  const width = Math.max(...names.map((name) => name.length));
  const head = `${''.padEnd(width)}${inputs.map((_, index) => String(index + 1).padStart(8)).join('')}`;
  const rows = similarities.map((row, index) => `${(names[index] ?? '').padEnd(width)}${row.map((value) => value.toFixed(3).padStart(8)).join('')}`);
  return `${[head, ...rows].join('\n')}\n`;
}
