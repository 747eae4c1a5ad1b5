// Files of the user to media, and the words of a line to text and `@path` parts.
// Judges files by what the media room says of their bytes; decodes nothing.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { audioMediaTypes, imageMediaTypes, maxMediaBytes, mediaFromBytes, sniffMedia, videoMediaTypes } from '../../media/index.ts';
import type { EngineDescription, Media, Part } from '../contracts.ts';
import { mediaBySignature } from '../engine/signatures.ts';
import { AnymodalError } from '../errors.ts';

export interface Reading {
  /** Modality that the file must be of. */
  readonly as?: string;
  /** What an engine reads: formats that the media room does not know are known by their signatures. */
  readonly inputs?: EngineDescription['inputs'];
}

/** The media room does not know the format; an encoder of the bundle may. */
class UnknownFormat extends AnymodalError {}

/**
 * Null where `error` is of a file that an encoder of a bundle with these inputs may know, so that it is to be read again once
 * the engine is open and says its signatures; throws `error` where that is of no use.
 */
export function readLater(error: unknown, modalities: readonly string[]): null {
  if (isOfUnknownFormat(error) && modalities.some((modality) => !isUsual(modality))) return null;
  throw error;
}

/** Modalities whose files the media room knows by their content. */
function isUsual(modality: string): boolean {
  return modality === 'text' || [...imageMediaTypes, ...audioMediaTypes, ...videoMediaTypes].some((mediaType) => mediaType.startsWith(`${modality}/`));
}

/** Reads a medium from a file; throws `bad_media` for one that is missing, no file, empty, too large or of no known format. */
export async function readMedia(path: string, folder: string, reading: Reading = {}): Promise<Media> {
  const absolute = resolve(folder, path);
  const found = await stat(absolute).catch((error: unknown) => {
    throw new AnymodalError('bad_media', `"${path}": ${unreadable(error)}.`, { cause: error });
  });
  if (found.isDirectory()) throw new AnymodalError('bad_media', `"${path}" is a folder, expected a file.`);
  if (!found.isFile() && !found.isFIFO()) throw new AnymodalError('bad_media', `"${path}" is a device, expected a file.`);
  if (found.size > maxMediaBytes) throw new AnymodalError('bad_media', `"${path}" has ${found.size} bytes; at most ${maxMediaBytes} are read. Make it smaller.`);
  const bytes = await readFile(absolute).catch((error: unknown) => {
    throw new AnymodalError('bad_media', `"${path}": ${unreadable(error)}.`, { cause: error });
  });
  return mediaOf(bytes, path, reading);
}

/** Reads a medium that a flag says is of one modality, such as an animated gif as a picture; throws `bad_media` where it cannot be that. */
export async function readMediaOf(modality: string, flag: string, path: string, folder: string, inputs?: Reading['inputs']): Promise<Media> {
  return readMedia(path, folder, { as: modality, ...(inputs && { inputs }) }).catch((error: unknown) => {
    throw error instanceof AnymodalError ? new AnymodalError(error.code, `${flag}: ${error.message}`, { cause: error }) : error;
  });
}

/**
 * The part that a word of the command line stands for: `@path` is a file, `@MODALITY:path` one that is of that modality, such as a
 * picture of depth, `@@text` the text `@text`, all else a text. Throws `bad_input`, `bad_media`.
 */
export async function readPart(word: string, folder: string, reading: Reading = {}): Promise<Part> {
  if (word.startsWith('@@')) return { type: 'text', text: word.slice(1) };
  if (word.startsWith('@')) return { type: 'media', media: await readSaid(word.slice(1), folder, reading) };
  if (word.trim() === '') throw new AnymodalError('bad_input', 'one input is empty; leave it out or write a text.');
  return { type: 'text', text: word };
}

/**
 * The parts of a line in order: words, and media for `@path` or `@"path with spaces"`; `@@word` is the word `@word`.
 * Throws `bad_media` for a path that is no readable medium, saying how to write the word itself.
 */
export async function readLine(line: string, folder: string, reading: Reading = {}): Promise<Part[]> {
  const parts: Part[] = [];
  let text = '';
  let at = 0;
  const flushText = (): void => {
    if (text.trim() !== '') parts.push({ type: 'text', text: text.trim() });
    text = '';
  };
  for (const match of line.matchAll(/(?<=^|\s)@(@\S*|"[^"]*"|\S+)/g)) {
    const [whole, word = ''] = match;
    text += line.slice(at, match.index);
    at = match.index + whole.length;
    if (word.startsWith('@')) {
      text += word;
      continue;
    }
    const { path, rest } = await pathOf(word, folder);
    const media = await readSaid(path, folder, reading).catch((error: unknown) => {
      throw error instanceof AnymodalError ? new AnymodalError(error.code, `${error.message} For the word itself write @${whole}.`, { cause: error }) : error;
    });
    flushText();
    parts.push({ type: 'media', media });
    text = rest;
  }
  text += line.slice(at);
  flushText();
  return parts;
}

/** Reads `PATH`, or `MODALITY:PATH` where no file has that name itself. */
async function readSaid(word: string, folder: string, reading: Reading): Promise<Media> {
  const [, as, path] = /^([a-z][a-z0-9-]+):(.+)$/s.exec(word) ?? [];
  if (as === undefined || path === undefined || (await exists(resolve(folder, word)))) return readMedia(word, folder, reading);
  if (reading.inputs !== undefined && !reading.inputs.some(({ modality }) => modality === as)) {
    throw new AnymodalError('bad_input', `"@${word}": the bundle reads no ${as}; it reads ${reading.inputs.map(({ modality }) => modality).join(', ')}.`);
  }
  return readMedia(path, folder, { ...reading, as });
}

/** A path written in a sentence may be followed by the sentence's own punctuation. */
async function pathOf(word: string, folder: string): Promise<{ path: string; rest: string }> {
  if (word.startsWith('"')) return { path: word.slice(1, -1), rest: '' };
  const bare = word.replace(/[?!.,;:)]+$/, '');
  if (bare === word || bare === '' || (await exists(resolve(folder, word))) || !(await exists(resolve(folder, bare)))) return { path: word, rest: '' };
  return { path: bare, rest: word.slice(bare.length) };
}

async function mediaOf(bytes: Uint8Array, path: string, { as, inputs }: Reading): Promise<Media> {
  const sniffed = bytes.length === 0 ? null : (sniffMedia(bytes)?.mediaType ?? null);
  const unknown = bytes.length > 0 && sniffed === null;
  const special = as !== undefined && !isUsual(as);
  const asked = (inputs ?? []).filter(({ modality }) => as === undefined || modality === as);
  const known = unknown || special ? mediaBySignature(asked, bytes, path) : null;
  if (known !== null) return known;
  const mediaType = sniffed ?? dataTypeOf(bytes);
  const takers = (inputs ?? []).filter(({ modality, mediaTypes }) => !isUsual(modality) && mediaTypes.includes(mediaType));
  // A picture can be one of depth, and a table anything: what the user says of such a file is what it is.
  if (special && takers.some(({ modality }) => modality === as)) return { id: createHash('sha256').update(bytes).digest('hex'), modality: as, mediaType, bytes, name: path };
  return mediaFromBytes(bytes, path, as === undefined ? {} : { as }).catch((error: unknown) => {
    if (!(error instanceof AnymodalError)) throw error;
    const hint = special && asked[0] !== undefined ? ` Of ${as} these are read: ${asked[0].mediaTypes.join(', ')}.` : unknown && takers.length > 0 ? ` Say what it is: ${takers.map(({ modality }) => `@${modality}:${path}`).join(' or ')}.` : '';
    const message = `${error.message}${hint}`;
    throw unknown || (special && inputs === undefined) ? new UnknownFormat(error.code, message, { cause: error }) : new AnymodalError(error.code, message, { cause: error });
  });
}

/** Numbers in a file: an array of NumPy by its first bytes, and else what can only be a table. */
function dataTypeOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 6)).toString('latin1') === '\u0093NUMPY' ? 'application/x-npy' : 'text/csv';
}

function isOfUnknownFormat(error: unknown): boolean {
  return error instanceof UnknownFormat || (error instanceof Error && isOfUnknownFormat(error.cause));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'the file may not be read';
  return `the file cannot be read (${code})`;
}
