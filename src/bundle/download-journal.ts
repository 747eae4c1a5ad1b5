// What of a file has been fetched: its segments and how far each is, kept beside the unfinished file between runs.
// Knows no server; the journal may lag behind the file by a little and never runs ahead of it.

import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { checkSchema } from '../schema.ts';

export interface Segment {
  /** First byte of the file that belongs to it. */
  readonly start: number;
  /** Null for the one segment of a file of unknown size. */
  readonly bytes: number | null;
  /** Bytes from its start that are in the file. */
  done: number;
}

export interface Journal {
  readonly format: 1;
  /** What the file is known by: its digest or address. A journal of another one is void. */
  readonly identity: string;
  readonly bytes: number | null;
  /** Strong validator of what is being fetched, for If-Range; null before the first answer or without one. */
  validator: string | null;
  readonly segments: Segment[];
}

const count = { type: 'integer', minimum: 0 };
const schema = {
  type: 'object',
  required: ['format', 'identity', 'bytes', 'validator', 'segments'],
  properties: {
    format: { const: 1 },
    identity: { type: 'string' },
    bytes: { type: ['integer', 'null'] },
    validator: { type: ['string', 'null'] },
    segments: { type: 'array', minItems: 1, items: { type: 'object', required: ['start', 'bytes', 'done'], properties: { start: count, bytes: { type: ['integer', 'null'] }, done: count } } },
  },
};

/** A journal of nothing yet; a file of unknown size, or one that comes whole, has one segment. */
export function newJournal(identity: string, bytes: number | null, segmentBytes: number): Journal {
  const segments: Segment[] = [];
  if (bytes === null || bytes <= 2 * segmentBytes) segments.push({ start: 0, bytes, done: 0 });
  else for (let start = 0; start < bytes; start += segmentBytes) segments.push({ start, bytes: Math.min(segmentBytes, bytes - start), done: 0 });
  return { format: 1, identity, bytes, validator: null, segments };
}

/** The unfinished file that becomes `target`. */
export function partOf(target: string): string {
  return `${target}.anymodal-part`;
}

/** The journal of the unfinished `target`, or null where there is none that fits. */
export async function readJournal(target: string, identity: string, bytes: number | null): Promise<Journal | null> {
  const [text, part] = await Promise.all([readFile(pathOf(target), 'utf8').catch(() => null), stat(partOf(target)).catch(() => null)]);
  if (text === null || part === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const journal = checkSchema<Journal>(schema, value, 'journal').value;
  if (journal === null || journal.identity !== identity || journal.bytes !== bytes) return null;
  const sound = journal.segments.every(({ start, bytes: length, done }) => done <= (length ?? Infinity) && (done === 0 || start + done <= part.size));
  return sound ? journal : null;
}

/** Written whole or not at all. */
export async function writeJournal(target: string, journal: Journal): Promise<void> {
  const path = pathOf(target);
  await writeFile(`${path}~`, JSON.stringify(journal));
  await rename(`${path}~`, path);
}

/** Bytes that are in the unfinished file. */
export function bytesOf(journal: Journal | null): number {
  return journal?.segments.reduce((sum, segment) => sum + segment.done, 0) ?? 0;
}

export async function removeJournal(target: string): Promise<void> {
  await Promise.all([pathOf(target), `${pathOf(target)}~`].map(async (path) => rm(path, { force: true })));
}

export async function removePart(target: string): Promise<void> {
  await Promise.all([removeJournal(target), rm(partOf(target), { force: true })]);
}

function pathOf(target: string): string {
  return `${target}.anymodal-part.json`;
}
