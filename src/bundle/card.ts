// The model card of a bundle: README.md beside its bundle.json, for people to read. Knows Markdown's front matter and nothing else of it.

import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** What is read of a card; longer ones are cut. */
const MOST_BYTES = 64 * 1024;

/** The card of the bundle in a folder, in Markdown without its front matter; null where there is none. */
export async function readCard(folder: string): Promise<string | null> {
  const file = await open(join(folder, 'README.md')).catch(() => null);
  if (file === null) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
    const text = buffer.subarray(0, bytesRead).toString('utf8').replace(/^---\r?\n[\s\S]*?\r?\n---\r?\n/, '').trim();
    return text === '' ? null : text;
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
