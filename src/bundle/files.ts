// Integrity of a bundle's files: inside the folder, present, of the declared size and hash.
// Knows nothing about what the files contain.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BundleFile } from './format.ts';
import { blobsBeside } from './snapshots.ts';

/** SHA-256 of files that were read before, by path, size, time of change and inode; held by the caller. */
export type VerifiedFiles = Map<string, string>;

/** Lower-case hex SHA-256 of a file, read in pieces. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Why a path may not stand in a bundle, or null where it may. Judges the text alone, alike on every system. */
export function faultOfPath(path: string): string | null {
  if (isAbsolute(path) || /^[\\/]|^[A-Za-z]:/.test(path)) return 'is absolute; expected a path relative to the bundle';
  if (path.split(/[\\/]/).includes('..')) return 'leaves the bundle; expected a path inside its folder';
  if (path.includes('\\')) return 'has a backslash; expected forward slashes';
  return null;
}

function isInside(path: string): boolean {
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

/** What is wrong with one declared file, or null. */
export async function faultOfFile(folder: string, file: BundleFile, verified: VerifiedFiles): Promise<string | null> {
  const bad = faultOfPath(file.path);
  if (bad !== null) return `path "${file.path}" ${bad}`;
  const path = join(folder, file.path);
  let real: string;
  try {
    real = await realpath(path);
  } catch {
    return `file "${file.path}" is missing; fetch the bundle again`;
  }
  // In a hub's cache every file of a snapshot is a link to the blobs beside it.
  const homes = [await realpath(folder), await blobsBeside(folder)].filter((home) => home !== null);
  if (!homes.some((home) => isInside(relative(home, real)))) return `file "${file.path}" is a link that leaves the bundle; put the file itself there`;
  const found = await stat(real);
  if (!found.isFile()) return `"${file.path}" is no file`;
  if (found.size !== file.bytes) return `file "${file.path}" has ${found.size} bytes, expected ${file.bytes}; fetch the bundle again`;
  const key = `${real}:${found.size}:${found.mtimeMs}:${found.ino}`;
  const sha256 = verified.get(key) ?? (await hashFile(real));
  verified.set(key, sha256);
  if (sha256 !== file.sha256) return `file "${file.path}" has SHA-256 ${sha256}, expected ${file.sha256}; fetch the bundle again`;
  return null;
}
