import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chooseFiles, writeWhole } from '../../src/cli/made-files.ts';
import { fakePicture, temporaryFolder } from './fake-shell.ts';

test('without -o files go to outputs and nothing is ever overwritten', () => {
  const folder = temporaryFolder();
  const files = chooseFiles(null, folder);
  expect(existsSync(join(folder, 'outputs'))).toBe(false);
  expect(files.write(fakePicture('a'), 'image', 7)).toBe(join('outputs', 'image-7-1.png'));
  expect(files.write(fakePicture('b'), 'image', 7)).toBe(join('outputs', 'image-7-2.png'));
  expect(chooseFiles(null, folder).write(fakePicture('c'), 'image', 7)).toBe(join('outputs', 'image-7-3.png'));
  expect(readFileSync(join(folder, 'outputs', 'image-7-1.png'), 'utf8')).toBe('a');
  expect(readdirSync(join(folder, 'outputs')).toSorted()).toEqual(['image-7-1.png', 'image-7-2.png', 'image-7-3.png']);
});

test('a missing folder is made, however deep', () => {
  const folder = temporaryFolder();
  expect(chooseFiles('a/b/c', folder).write(fakePicture('a'), 'image', 1)).toBe(join('a', 'b', 'c', 'image-1-1.png'));
  expect(chooseFiles('d.d/', folder).write(fakePicture('a'), 'image', 1)).toBe(join('d.d', 'image-1-1.png'));
});

test('a named file is replaced, further media are numbered, and the extension says what is inside', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'apple.png'), 'old');
  const files = chooseFiles('apple.png', folder);
  expect(files.mediaType).toBe('image/png');
  expect(files.write(fakePicture('new'), 'image', 1)).toBe('apple.png');
  expect(files.write(fakePicture('two'), 'image', 2)).toBe('apple-2.png');
  expect(files.write(fakePicture('sound', 'audio/wav'), 'audio', 2)).toBe('apple-3.wav');
  expect(readFileSync(join(folder, 'apple.png'), 'utf8')).toBe('new');
});

test('a named file waits for the first medium of its kind', () => {
  const files = chooseFiles('clip.mp4', temporaryFolder());
  expect(files.write(fakePicture('sound', 'audio/wav'), 'audio', 1)).toBe('clip-2.wav');
  expect(files.write(fakePicture('video', 'video/mp4'), 'video', 1)).toBe('clip.mp4');
  expect(files.write(fakePicture('other', 'audio/wav'), 'audio', 2)).toBe('clip-3.wav');
  expect(files.write(fakePicture('another', 'video/mp4'), 'video', 2)).toBe('clip-4.mp4');
});

test.each([
  ['', '-o: got an empty name'],
  ['notes.docx', '-o: ".docx" of "notes.docx" is no known format'],
  ['file/apple.png', '-o: "file" cannot be a folder, because'],
  ['file/deeper', 'is a file; choose another name.'],
  ['file', '-o: "file" is a file without an extension'],
])('-o "%s" is refused and leaves nothing', (place, message) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  expect(() => chooseFiles(place, folder)).toThrow(message);
  expect(readdirSync(folder)).toEqual(['file']);
});

test('what cannot be written leaves no temporary file', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'taken.png'));
  expect(() => writeWhole(join(folder, 'taken.png'), new Uint8Array(3), true)).toThrow('cannot be written');
  expect(readdirSync(folder)).toEqual(['taken.png']);
});
