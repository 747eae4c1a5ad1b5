// Files of media by their content: DIR/ab/cd/SHA256, whole or not there at all.
// Knows no owner and no record; whoever does says which files may go.

import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { AnymodalError } from '../errors.ts';
import type { MediaAnswer } from './contracts.ts';
import { translated } from './disk-errors.ts';
import { Turns } from './turns-by-name.ts';

const PARTS = 'parts';

/** What is written with; tests give a disk that is full. */
export interface Disk {
  /** Writes a new file; `sync` waits until it is on the disk itself. */
  write(path: string, bytes: Uint8Array, sync: boolean): Promise<void>;
}

export const realDisk: Disk = {
  async write(path, bytes, sync) {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
  },
};

/** Files of media by their content, on this machine or elsewhere. */
export interface MediaFileStore {
  open(): Promise<void>;
  /** Runs `work` alone among those that concern the file `id`: writing and removing it take turns. */
  alone<T>(id: string, work: () => Promise<T>): Promise<T>;
  /** Writes the file unless it is there. Throws `disk_full`, `unavailable`, and `bad_media` for bytes of another content. */
  write(id: string, bytes: Uint8Array, sync: boolean): Promise<void>;
  /** Throws `not_found`, `unavailable`. */
  read(id: string): Promise<Uint8Array>;
  /** Bytes from `start` to `end`, both included, of `size`. Throws `not_found` before it returns. */
  stream(id: string, size: number, range: { readonly start: number; readonly end: number } | undefined): Promise<ReadableStream<Uint8Array>>;
  /** An address of the place itself, good for so long; absent where it has none. */
  address?(id: string, mediaType: string, answer: MediaAnswer): Promise<string>;
  remove(id: string): Promise<void>;
  /** Puts the file into another folder of this kind. False where it is gone. */
  copy(id: string, folder: string): Promise<boolean>;
  /** Ids of all files that were there before `before` (milliseconds since 1970). */
  ids(before: number): AsyncGenerator<string>;
}

export class MediaFiles implements MediaFileStore {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #token: () => string;
  readonly #turns = new Turns();
  /** Files that a loss of power may still take, written by this process. */
  readonly #unsynced = new Set<string>();

  constructor(folder: string, disk: Disk, token: () => string) {
    this.#folder = folder;
    this.#disk = disk;
    this.#token = token;
  }

  /** Makes the folder, and removes what an earlier process left half written. */
  async open(): Promise<void> {
    const parts = join(this.#folder, PARTS);
    await rm(parts, { recursive: true, force: true });
    await mkdir(parts, { recursive: true, mode: 0o700 });
  }

  async alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.alone(id, work);
  }

  /** Writes the file unless it is there. Throws `disk_full`, and `bad_media` for bytes of another content. */
  async write(id: string, bytes: Uint8Array, sync: boolean): Promise<void> {
    if (createHash('sha256').update(bytes).digest('hex') !== id) throw new AnymodalError('bad_media', 'a medium whose id is not the SHA-256 of its bytes');
    const path = this.#path(id);
    if ((await sizeOf(path)) === bytes.byteLength && !(sync && this.#unsynced.has(id))) return;
    const part = join(this.#folder, PARTS, this.#token());
    try {
      await this.#disk.write(part, bytes, sync);
      const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(part, path);
      if (sync) this.#unsynced.delete(id);
      else this.#unsynced.add(id);
      if (sync) for (const folder of [dirname(path), ...(made === undefined ? [] : [dirname(dirname(path)), this.#folder])]) await syncFolder(folder);
    } catch (error) {
      await rm(part, { force: true });
      throw translated(this.#folder, error);
    }
  }

  /** Throws `not_found`. */
  async read(id: string): Promise<Uint8Array> {
    try {
      return await readFile(this.#path(id));
    } catch (error) {
      throw missing(id, error);
    }
  }

  /** Bytes from `start` to `end`, both included. Throws `not_found` before it returns. */
  async stream(id: string, _size: number, range: { readonly start: number; readonly end: number } | undefined): Promise<ReadableStream<Uint8Array>> {
    try {
      const file = await open(this.#path(id), 'r');
      return Readable.toWeb(file.createReadStream(range ?? {}));
    } catch (error) {
      throw missing(id, error);
    }
  }

  async remove(id: string): Promise<void> {
    this.#unsynced.delete(id);
    await rm(this.#path(id), { force: true });
  }

  /** Puts the file into another folder of this kind. False where it is gone. */
  async copy(id: string, folder: string): Promise<boolean> {
    const to = pathIn(folder, id);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    try {
      // The content never changes, so that a second name for it is as good as a copy.
      await link(this.#path(id), to).catch(async () => copyFile(this.#path(id), to));
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw translated(folder, error);
    }
  }

  /** Ids of all files that were there before `before` (milliseconds since 1970), one folder after the other. */
  async *ids(before: number): AsyncGenerator<string> {
    for await (const first of await opendir(this.#folder)) {
      if (first.name === PARTS || !first.isDirectory()) continue;
      for await (const second of await opendir(join(this.#folder, first.name))) {
        for await (const file of await opendir(join(this.#folder, first.name, second.name))) {
          const { mtimeMs } = await stat(join(this.#folder, first.name, second.name, file.name));
          if (mtimeMs < before) yield file.name;
        }
      }
    }
  }

  #path(id: string): string {
    return pathIn(this.#folder, id);
  }
}

function pathIn(folder: string, id: string): string {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new AnymodalError('not_found', 'no medium has such an id');
  return join(folder, id.slice(0, 2), id.slice(2, 4), id);
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Makes the names in a folder survive a loss of power, where the system lets one do that. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(codeOf(error) ?? '')) throw error;
  }
}

function missing(id: string, error: unknown): unknown {
  return codeOf(error) === 'ENOENT' ? new AnymodalError('not_found', `medium ${id.slice(0, 12)}: it is not kept any more`, { cause: error }) : error;
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
