// The manifest of a batch: a line of JSON for every item that ended, the newest of an item counts.
// Knows no engine and no request; a line that was cut off while it was written is as if it were not there.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AnymodalError } from '../errors.ts';

export interface BatchFile {
  /** Relative to the manifest's folder. */
  readonly path: string;
  readonly output: string;
  readonly mediaType: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ManifestEntry {
  readonly id: string;
  readonly line: number;
  /** SHA-256 of what was asked for, with its files and the bundle. */
  readonly request: string;
  readonly status: 'done' | 'failed';
  readonly code?: string;
  readonly message?: string;
  readonly seed: number;
  /** Text of the reply; variants are separated by an empty line. */
  readonly text: string;
  readonly files: readonly BatchFile[];
  readonly milliseconds: number;
}

/** The newest entry of every item; empty where there is no manifest. Throws `bad_input` for one that cannot be read. */
export function readManifest(path: string): Map<string, ManifestEntry> {
  const entries = new Map<string, ManifestEntry>();
  for (const line of existsSync(path) ? readText(path).split('\n') : []) {
    const entry = entryOf(line);
    if (entry !== null) entries.set(entry.id, entry);
  }
  return entries;
}

/** Adds a line and returns once the disk has it; throws `bad_input` where that fails. */
export function appendEntry(path: string, entry: ManifestEntry): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // A line that was cut off must not swallow the next one.
    const cut = existsSync(path) && !['', '\n'].includes(readText(path).slice(-1));
    const file = openSync(path, 'a');
    try {
      writeSync(file, `${cut ? '\n' : ''}${JSON.stringify(entry)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new AnymodalError('bad_input', `"${path}" cannot be written. Choose another folder with -o.`, { cause: error });
  }
}

/** Whether an entry is of this request, ended well, and all its files are in `folder` as they were written. */
export function isDone(entry: ManifestEntry | undefined, request: string, folder: string): boolean {
  return entry?.status === 'done' && entry.request === request && entry.files.every((file) => isWhole(join(folder, file.path), file));
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isWhole(path: string, file: BatchFile): boolean {
  try {
    return statSync(path).size === file.bytes && sha256Of(readFileSync(path)) === file.sha256;
  } catch {
    return false;
  }
}

function entryOf(line: string): ManifestEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is ManifestEntry {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'request' in value && 'status' in value && 'files' in value && Array.isArray(value.files);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new AnymodalError('bad_input', `"${path}" cannot be read. Choose another folder with -o.`, { cause: error });
  }
}
