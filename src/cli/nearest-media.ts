// `--nearest DIR`: the files of a folder that are nearest to inputs in the joint space, whatever their modality.
// Knows no modality: what the media room reads and the bundle places in the joint space is compared, all else is passed over.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine, EngineDescription, Part } from '../contracts.ts';
import { AnymodalError, isCallerFault } from '../errors.ts';
import { readMedia } from './inputs.ts';
import { embeddingsOf } from './job.ts';
import { printable, type Report } from './report.ts';

/** Files that are looked at in one folder and those below. */
export const mostFiles = 10_000;

export interface Found {
  readonly path: string;
  readonly modality: string;
  /** From -1 to 1; 1 is the same direction. */
  readonly cosine: number;
}

export interface FilesOfFolder {
  /** Paths that begin with the folder as it was given, in the order of their names. */
  readonly paths: readonly string[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

/** Paths of the files in `place` and the folders below, hidden ones left out, at most `most`; throws `bad_input` where `place` is no readable folder. */
export async function filesBelow(place: string, folder: string, most = mostFiles): Promise<FilesOfFolder> {
  const found = await stat(resolve(folder, place)).catch(() => null);
  if (found?.isDirectory() !== true) throw new AnymodalError('bad_input', `--nearest: "${place}" is ${found === null ? 'not there' : 'a file'}, expected a folder with media.`);
  const paths: string[] = [];
  const waiting = [place];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const at = next;
    const entries = await readdir(resolve(folder, at), { withFileTypes: true }).catch((error: unknown) => {
      if (at === place) throw new AnymodalError('bad_input', `--nearest: the folder "${place}" may not be read.`, { cause: error });
      return [];
    });
    const visible = entries.filter(({ name }) => !name.startsWith('.')).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of visible) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      // A link to a folder is not followed: it may lead in a circle.
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(resolve(folder, path))))) {
        if (paths.length === most) return { paths, more: true };
        paths.push(path);
      }
    }
  }
  return { paths, more: false };
}

/**
 * For each of `inputs`, the `top` files of `files` that are nearest to it, the nearest first. Files that are no medium, damaged or of no
 * modality with a place in the joint space are passed over, and `report` is told how many.
 * Throws `bad_input` where none is left, and whatever ends the embedding of an input.
 */
export async function nearestMedia(engine: Engine, inputs: readonly Part[], files: FilesOfFolder, top: number, folder: string, report: Report, signal: AbortSignal): Promise<Found[][]> {
  const wanted: (readonly number[])[] = [];
  for await (const { input, embedding } of embeddingsOf(engine, inputs, report, signal)) wanted[input] = embedding;
  const lists: Found[][] = wanted.map(() => []);
  const known = (await engine.describe()).inputs;
  let skipped = 0;
  for (const [index, path] of files.paths.entries()) {
    signal.throwIfAborted();
    report.waiting(`file ${index + 1} of ${files.paths.length} ...`);
    const place = await placeOf(engine, known, path, folder, report, signal);
    if (place === null) skipped += 1;
    else for (const [input, list] of lists.entries()) keep(list, { path, modality: place.modality, cosine: dot(wanted[input] ?? [], place.embedding) }, top);
  }
  if (files.more) report.note(`there are more than ${files.paths.length} files; only the first ${files.paths.length} were looked at`);
  if (skipped > 0) report.note(`${skipped} of ${files.paths.length} files passed over: no medium that the bundle can read`);
  if (skipped === files.paths.length) throw new AnymodalError('bad_input', '--nearest: the folder holds no medium that the bundle can place in the joint space.');
  return lists;
}

/** Cosine of two vectors of length 1. */
export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** Rows of cosine, modality and path below each input. */
export function nearestTable(inputs: readonly string[], lists: readonly (readonly Found[])[]): string {
  const width = Math.max(...lists.flat().map(({ modality }) => modality.length));
  return lists
    .map((list, index) => {
      const rows = list.map(({ path, modality, cosine }) => `${cosine.toFixed(3).padStart(8)}  ${modality.padEnd(width)}  ${printable(path)}\n`).join('');
      return lists.length === 1 ? rows : `${printable(inputs[index] ?? '')}\n${rows}`;
    })
    .join('\n');
}

/** Embedding of a file, or null where the fault is the file's. */
async function placeOf(engine: Engine, inputs: EngineDescription['inputs'], path: string, folder: string, report: Report, signal: AbortSignal): Promise<{ modality: string; embedding: readonly number[] } | null> {
  try {
    const media = await readMedia(path, folder, { inputs });
    for await (const { modality, embedding } of embeddingsOf(engine, [{ type: 'media', media }], report, signal)) return { modality, embedding };
    return null;
  } catch (error) {
    if (error instanceof AnymodalError && isCallerFault(error.code) && error.code !== 'aborted') return null;
    throw error;
  }
}

/** Puts `found` in its place in a list that is sorted and never longer than `top`. */
function keep(list: Found[], found: Found, top: number): void {
  const at = list.findIndex(({ cosine }) => cosine < found.cosine);
  list.splice(at === -1 ? list.length : at, 0, found);
  list.length = Math.min(list.length, top);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
