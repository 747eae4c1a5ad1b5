// Names for made media, and writing them whole: a temporary name first, then the final one.
// Knows no job and no event. Without a file name nothing is ever overwritten; a file the user named is replaced.
import { randomUUID } from 'node:crypto';
import { accessSync, constants, linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Media } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { extensionOf, knownExtensions, mediaTypeOf } from './file-kinds.ts';

export interface MadeFiles {
  /** Media type that the user's file name asks for; null where `-o` names none. */
  readonly mediaType: string | null;
  /** Writes a medium under the next name and returns its path, relative where the user's was. */
  write(media: Media, output: string, seed: number): string;
  /** Writes a preview of an unfinished medium beside the others and returns its path. */
  writePreview(media: Media, output: string, seed: number, step: number): string;
}

/**
 * Where media go: `target` is `-o` (a folder, or a file where it has an extension and is no folder), null is `outputs`.
 * Creates nothing before the first write. Throws `bad_input` for a place that cannot be written.
 */
export function chooseFiles(target: string | null, folder: string): MadeFiles {
  const place = target ?? 'outputs';
  if (place === '') throw new AnymodalError('bad_input', '-o: got an empty name, expected a folder or a file such as apple.png.');
  const existing = kindOf(resolve(folder, place));
  const named = existing === 'folder' || /[\\/]$/.test(place) ? null : extname(place);
  if (named === null || named === '') {
    if (existing === 'other') throw new AnymodalError('bad_input', `-o: "${place}" is a file without an extension, expected a folder, or a file such as ${place}.png.`);
    checkWritable(place, folder);
    return inFolder(place, folder);
  }
  const mediaType = mediaTypeOf(named);
  if (mediaType === null) {
    throw new AnymodalError('bad_input', `-o: "${named}" of "${place}" is no known format; expected one of ${knownExtensions().join(', ')}, or a folder (end it with /).`);
  }
  checkWritable(dirname(place), folder);
  return toFile(place, folder, mediaType);
}

function inFolder(place: string, folder: string): MadeFiles {
  const write = (media: Media, stem: string): string => {
    for (let n = 1; ; n += 1) {
      const path = join(place, `${stem}-${n}.${extensionOf(media.mediaType)}`);
      if (writeWhole(resolve(folder, path), media.bytes, false)) return path;
    }
  };
  return {
    mediaType: null,
    write: (media, output, seed) => write(media, `${plainName(output)}-${seed}`),
    writePreview: (media, output, seed, step) => write(media, `${plainName(output)}-${seed}-step-${step}`),
  };
}

function toFile(place: string, folder: string, mediaType: string): MadeFiles {
  let count = 0;
  /** Number of the last medium that did not get the user's own name. */
  let further = 1;
  let given = false;
  const stem = join(dirname(place), basename(place, extname(place)));
  const write = (media: Media, name: string): string => {
    // The name is the user's, the extension says what is inside: a second output may be of another kind.
    const path = media.mediaType === mediaType ? `${name}${extname(place)}` : `${name}.${extensionOf(media.mediaType)}`;
    writeWhole(resolve(folder, path), media.bytes, true);
    return path;
  };
  return {
    mediaType,
    write(media) {
      count += 1;
      // The name waits for the first medium of its kind: the sound of a video comes before the video.
      if (given || media.mediaType !== mediaType) return write(media, `${stem}-${(further += 1)}`);
      given = true;
      return write(media, stem);
    },
    writePreview: (media, _output, _seed, step) => write(media, `${stem}-${count + 1}-step-${step}`),
  };
}

/**
 * Writes all of `bytes` or nothing; false where the file exists and may not be replaced. Blocks, so that no signal
 * comes between the temporary name and the final one.
 */
export function writeWhole(path: string, bytes: Uint8Array, replace: boolean): boolean {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.part`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (!replace && kindOf(path) !== null) return false;
    writeFileSync(temporary, bytes, { flag: 'wx' });
    if (replace) renameSync(temporary, path);
    else if (!linkNew(temporary, path)) return false;
    return true;
  } catch (error) {
    throw new AnymodalError('bad_input', `"${path}" cannot be written: ${reason(error)}. Choose another place with -o.`, { cause: error });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Gives a file a second name that must be free; renames where the file system has no links. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (kindOf(to) !== null) return false;
    renameSync(from, to);
    return true;
  }
}

/** The nearest folder above that exists must be a folder and writable. */
function checkWritable(place: string, folder: string): void {
  for (let path = resolve(folder, place); ; path = dirname(path)) {
    const kind = kindOf(path);
    if (kind === 'other') throw new AnymodalError('bad_input', `-o: "${place}" cannot be a folder, because ${path} is a file; choose another name.`);
    if (kind === 'folder') {
      try {
        accessSync(path, constants.W_OK);
      } catch (error) {
        throw new AnymodalError('bad_input', `-o: ${path} may not be written to; choose another folder.`, { cause: error });
      }
      return;
    }
    if (path === dirname(path)) return;
  }
}

function kindOf(path: string): 'folder' | 'other' | null {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    return errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT' ? null : 'other';
  }
}

function plainName(output: string): string {
  return output.replace(/[^\w-]+/g, '-');
}

function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}

function reason(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : String(error));
}
