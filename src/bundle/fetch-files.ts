// Several files of one model: room on the disk first, then each under its lock, small ones side by side, large ones in parts.
// Knows downloads and locks; knows no hub and no layout.

import { mkdir, stat, statfs } from 'node:fs/promises';
import { AnymodalError } from '../errors.ts';
import { bytesAlready, download, type DownloadSettings, type Wanted } from './download.ts';
import { withLock } from './download-lock.ts';
import type { Answer } from './download-request.ts';

export interface FileToFetch extends Wanted {
  /** Path of the file's lock. */
  readonly lock: string;
  /** Called when the target is there, fetched by us or by another. */
  placed(): Promise<void>;
}

export interface FetchSettings extends DownloadSettings {
  /** Bytes that this user may still write into `folder`. */
  readonly freeBytes: (folder: string) => Promise<number>;
}

export interface FetchEvents {
  /** Bytes of the files that are there so far, and of all of them. */
  progress(received: number, bytes: number): void;
  /** Another process is fetching this file. */
  waiting(label: string): void;
  fetched(label: string): void;
  warn(code: string, message: string): void;
  refused(answer: Answer, label: string): AnymodalError;
}

/** What stays free beside what is fetched. */
const marginBytes = 64 << 20;

/** Free bytes of the file system that holds `folder`, for a user without privileges. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Fetches `files` into `folder` and below. Throws `download_failed` before anything is fetched where they do not fit on the disk. */
export async function fetchFiles(files: readonly FileToFetch[], folder: string, settings: FetchSettings, events: FetchEvents, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  let received = 0;
  for (const file of files) received += await bytesAlready(file);
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  await checkRoom(bytes - received, folder, settings);
  events.progress(received, bytes);

  const fetchOne = async (file: FileToFetch, connections: number, both: AbortSignal): Promise<void> => {
    const already = await bytesAlready(file);
    await withLock(
      file.lock,
      async () => {
        const found = await stat(file.target).catch(() => null);
        // Another process fetched it while we waited, or went on with what there was.
        const there = found !== null && (file.bytes === null || found.size === file.bytes);
        received += (there ? found.size : await bytesAlready(file)) - already;
        events.progress(received, bytes);
        if (!there) {
          const report = {
            received: (count: number): void => {
              received += count;
              events.progress(received, bytes);
            },
            warn: (code: string, message: string) => events.warn(code, message),
            refused: (answer: Answer) => events.refused(answer, file.label),
          };
          await download(file, { ...settings, connections }, report, both);
        }
        await file.placed();
        events.fetched(file.label);
      },
      settings.pause, both, () => events.waiting(file.label),
    );
  };

  const isLarge = (file: FileToFetch): boolean => (file.bytes ?? Infinity) > 2 * settings.segmentBytes;
  const small = files.filter((file) => !isLarge(file));
  await together(settings.connections, small, signal, async (file, both) => fetchOne(file, 1, both));
  for (const file of files.filter(isLarge)) await fetchOne(file, settings.connections, signal);
}

/** Works through `items`, `count` at a time; after the first failure the others end, and then it is thrown. */
async function together<T>(count: number, items: readonly T[], signal: AbortSignal, work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const rest = [...items];
  const worker = async (): Promise<void> => {
    try {
      for (let item = rest.shift(); item !== undefined && !both.aborted; item = rest.shift()) await work(item, both);
    } catch (error) {
      if (!failed.signal.aborted) failed.abort(error);
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  if (failed.signal.aborted) throw failed.signal.reason;
  signal.throwIfAborted();
}

async function checkRoom(needed: number, folder: string, settings: FetchSettings): Promise<void> {
  const free = await settings.freeBytes(folder);
  if (needed + marginBytes <= free || needed <= 0) return;
  throw new AnymodalError('download_failed', `the disk is too full: ${gigabytes(needed)} are still to be fetched and ${gigabytes(free)} are free in ${folder}. Free some room, or set HF_HUB_CACHE to a folder on another disk.`);
}

/** Bytes in the unit that a disk's maker counts in. */
export function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
