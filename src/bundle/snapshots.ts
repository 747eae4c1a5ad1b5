// What a snapshot in a hub's cache is: a folder whose files are links to blobs beside it.
// Judges paths; knows no hub.

import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The folder of blobs beside a snapshot, where `folder` is one; its links lead there. */
export async function blobsBeside(folder: string): Promise<string | null> {
  const real = await realpath(folder).catch(() => folder);
  if (!/[\\/]models--[^\\/]+[\\/]snapshots[\\/][^\\/]+$/.test(real)) return null;
  const blobs = join(dirname(dirname(real)), 'blobs');
  return realpath(blobs).catch(() => null);
}
