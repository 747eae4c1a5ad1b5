// `anymodal models`: the bundles that there are, whether they are complete, and what they read and make.
// Looks at sizes and names alone; `anymodal doctor` checks contents.
import { AnymodalError } from '../../errors.ts';
import { readCatalogue } from '../../bundle/catalogue.ts';
import { isWhole, opens, pulledModels, type PulledModel } from '../../bundle/pulled.ts';
import { folderOf, packaged, summarise, type BundleSummary } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { exitCode, type Shell } from '../shell.ts';

const flagTable: readonly Flag[] = [sharedFlags.json, sharedFlags.help];

export const modelsCommand: Command = {
  name: 'models',
  usage: '[FOLDER]... [--json]',
  summary: 'list bundles with state, modalities, size and licence',
  details: ['Lists the installed bundles, those that were pulled, the one that ANYMODAL_MODEL names, and the FOLDERs given.', 'What can be pulled by name is listed by `anymodal pull --list`.'],
  flags: flagTable,
  examples: [['anymodal models', 'what --model can be']],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal models --help`.');
    const rows: Row[] = [];
    for (const { id, folder } of packaged()) rows.push(folder === null ? { id, state: `not installed (npm install @anymodal/${id})`, summary: null } : await rowOf(id, folder));
    for (const folder of await furtherFolders(flags.positionals, rows, shell)) rows.push(await rowOf(folder, folder));
    rows.push(...(await pulledRows(rows, shell)));
    if (flags.on('json')) for (const row of rows) shell.stdout.write(`${JSON.stringify({ id: row.id, state: row.state, ...row.summary })}\n`);
    else shell.stdout.write(table(rows));
    return exitCode.good;
  },
};

interface Row {
  readonly id: string;
  readonly state: string;
  readonly summary: (Omit<BundleSummary, 'faults' | 'title'> & Partial<BundleSummary>) | null;
}

/** Models in the shared cache, by the name that --model or --use takes, those that `rows` has aside. */
async function pulledRows(rows: readonly Row[], shell: Shell): Promise<Row[]> {
  const found: Row[] = [];
  for (const pulled of await pulledModels(shell.environment.hub, await readCatalogue())) {
    if (rows.some((row) => row.summary?.folder === pulled.folder)) continue;
    const id = pulled.model?.id ?? pulled.repository;
    const row = (await opens(pulled.folder)) ? await rowOf(id, pulled.folder) : rowOfPulled(id, pulled);
    found.push({ ...row, id, summary: row.summary === null ? null : { ...row.summary, id } });
  }
  return found;
}

/** A row of a model that is no bundle: graphs for --use, or weights that are to be exported. */
function rowOfPulled(id: string, pulled: PulledModel): Row {
  const { folder, commit, files, model } = pulled;
  const use = model?.form === 'weights' ? 'pulled, to be exported' : 'pulled, for --use';
  return {
    id,
    state: isWhole(pulled) ? use : `incomplete: run anymodal pull ${id}`,
    summary: { id, folder, version: commit.slice(0, 7), licence: model?.licence.name ?? 'see its card', inputs: model?.reads ?? [], outputs: model?.makes ?? [], bytes: files.reduce((sum, file) => sum + file.bytes, 0) },
  };
}

async function rowOf(id: string, folder: string): Promise<Row> {
  try {
    const summary = await summarise(folder);
    return { id: summary.id, state: summary.faults.length === 0 ? 'ready' : `incomplete: ${inShort(summary.faults)}`, summary };
  } catch (error) {
    // A faulty bundle's message has a headline and a line for each fault.
    const lines = (error instanceof Error ? error.message : String(error)).split('\n');
    return { id, state: `broken: ${inShort(lines.length > 1 ? lines.slice(1) : lines)}`, summary: null };
  }
}

function inShort(faults: readonly string[]): string {
  return `${faults[0]?.trim()}${faults.length > 1 ? ` and ${faults.length - 1} more` : ''}`;
}

async function furtherFolders(given: readonly string[], rows: readonly Row[], shell: Shell): Promise<string[]> {
  const named = [...given, ...(shell.environment.model === null ? [] : [shell.environment.model])];
  const folders: string[] = [];
  for (const model of named) {
    try {
      folders.push(await folderOf(model, shell));
    } catch (error) {
      // A folder that was asked for must exist; what the environment names may be gone.
      if (given.includes(model) || !(error instanceof AnymodalError)) throw error;
    }
  }
  return [...new Set(folders)].filter((folder) => !rows.some((row) => row.summary?.folder === folder));
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ id, state, summary }) =>
    summary === null
      ? [id, '', '', '', '', state]
      : [id, summary.version, `${summary.inputs.join(', ')} -> ${summary.outputs.join(', ')}`, megabytes(summary.bytes), summary.licence, state],
  );
  const lines = [['ID', 'VERSION', 'READS -> MAKES', 'SIZE', 'LICENCE', 'STATE'], ...cells];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => `${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
