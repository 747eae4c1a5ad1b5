// Formats are told by content.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mediaFromBytes, sniffMedia } from '../../media/index.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const fixture = (name: string) => readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url));
const box = (brands: string) => Buffer.concat([Buffer.from([0, 0, 0, 8 + brands.length]), bytes(`ftyp${brands}`)]);

describe('sniffMedia', () => {
  test.each([
    ['image/png', bytes('\x89PNG\r\n\x1a\n')],
    ['image/jpeg', bytes('\xff\xd8\xff\xe0')],
    ['image/gif', bytes('GIF89a')],
    ['image/webp', bytes('RIFF\0\0\0\0WEBPVP8X')],
    ['image/tiff', bytes('II*\0')],
    ['image/tiff', bytes('MM\0*')],
    ['image/avif', box('avif\0\0\0\0mif1')],
    ['image/avif', box('mif1\0\0\0\0mif1avif')],
    ['image/heic', box('heic\0\0\0\0mif1heic')],
    ['image/svg+xml', bytes('\n<svg width="1">')],
    ['image/svg+xml', bytes('<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"><svg>')],
    ['audio/wav', bytes('RIFF\0\0\0\0WAVEfmt ')],
    ['audio/wav', bytes('RF64\xff\xff\xff\xffWAVEds64')],
    ['audio/wav', bytes('BW64\xff\xff\xff\xffWAVEds64')],
    ['audio/wav', bytes('RIFX\0\0\0\0WAVEfmt ')],
    ['audio/aiff', bytes('FORM\0\0\0\0AIFFCOMM')],
    ['audio/flac', bytes('ID3\x04\0\0\0\0\0\x02xxfLaC')],
    ['video/quicktime', bytes('\0\0\0\x08wide\0\0\0\0mdat')],
    ['audio/mpeg', bytes('ID3\x04')],
    ['audio/mpeg', bytes('\xff\xfb\x90\x00')],
    ['audio/ogg', bytes('OggS\0\x02' + '\0'.repeat(22) + '\x01\x13OpusHead')],
    ['video/ogg', bytes('OggS\0\x02' + '\0'.repeat(22) + '\x01\x2a\x80theora')],
    ['audio/flac', bytes('fLaC')],
    ['audio/mp4', box('M4A \0\0\0\0M4A mp42')],
    ['video/mp4', box('isom\0\0\0\0isomiso2avc1mp41')],
    ['video/quicktime', box('qt  \0\0\0\0qt  ')],
    ['video/webm', bytes('\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm')],
    ['video/x-matroska', bytes('\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska')],
  ])('%s', (mediaType, head) => {
    expect(sniffMedia(head)).toEqual({ modality: mediaType.split('/')[0], mediaType });
  });

  test.each([
    ['audio/mpeg', 'tone.mp3'], ['audio/mpeg', 'bare.mp3'], ['audio/ogg', 'tone.ogg'], ['audio/ogg', 'tone.opus'], ['audio/flac', 'tone.flac'], ['audio/wav', 'long.wav'],
    ['audio/mp4', 'tone.m4a'], ['audio/webm', 'tone.webm'], ['video/mp4', 'film.mp4'], ['video/mp4', 'fragments.mp4'], ['video/quicktime', 'turned.mov'],
    ['video/webm', 'film.webm'], ['video/x-matroska', 'film.mkv'],
  ])('%s: %s', (mediaType, name) => {
    expect(sniffMedia(fixture(name))).toEqual({ modality: mediaType.split('/')[0], mediaType });
  });

  test.each([['film.gif', 'image/gif'], ['film.webp', 'image/webp'], ['film.png', 'image/apng']])('%s is a video, for it moves', (name, mediaType) => {
    expect(sniffMedia(fixture(name))).toEqual({ modality: 'video', mediaType });
  });

  test('an mp4 of sound alone is a sound whatever its brand says', () => {
    expect(sniffMedia(Buffer.from(fixture('tone.m4a').toString('latin1').replaceAll('M4A ', 'isom'), 'latin1'))).toEqual({ modality: 'audio', mediaType: 'audio/mp4' });
  });

  test('a prologue made to take for ever does not', () => {
    expect(sniffMedia(bytes('<!---->'.repeat(600)))).toBeNull();
    expect(sniffMedia(bytes(`${'<!---->\n'.repeat(400)}<svg>`))).toMatchObject({ mediaType: 'image/svg+xml' });
  });

  test.each([['nothing', ''], ['text', 'hello'], ['markup without a drawing', '<html><svg></svg></html>'], ['a cut signature', '\x89PN'], ['AAC', '\xff\xf1\x50\x80'], ['text in UTF-16', `\xff\xfe${Array.from('hello, this is no sound at all. '.repeat(20)).join('\0')}`], ['text starting with BM', 'BMW is a car maker of some renown']])('%s is no medium', (_, text) => {
    expect(sniffMedia(bytes(text))).toBeNull();
  });
});

describe('mediaFromBytes', () => {
  test('names content, hash and the name that was given', async () => {
    const media = await mediaFromBytes(bytes('RIFF\0\0\0\0WAVE'), 'photo.png');
    expect(media).toMatchObject({ modality: 'audio', mediaType: 'audio/wav', name: 'photo.png' });
    expect(media.id).toMatch(/^[0-9a-f]{64}$/);
    expect('name' in (await mediaFromBytes(bytes('fLaC')))).toBe(false);
  });

  test.each([['film.gif', 'image', 'image/gif'], ['film.webp', 'image', 'image/webp'], ['film.png', 'image', 'image/png'], ['film.gif', 'video', 'image/gif'], ['film.mp4', 'audio', 'audio/mp4'], ['film.webm', 'audio', 'audio/webm'], ['turned.mov', 'audio', 'audio/mp4']])(
    '%s given as %s', async (name, as, mediaType) => {
      const [usual, media] = [await mediaFromBytes(fixture(name)), await mediaFromBytes(fixture(name), name, { as })];
      expect(media).toMatchObject({ modality: as, mediaType, id: usual.id });
    });

  test.each([
    ['film.mp4', 'image', '"film.mp4" is video/mp4 by its content, expected image.'],
    ['paced.mp4', 'audio', '"paced.mp4" is video/mp4 by its content and has no sound, expected audio.'],
    ['film.gif', 'audio', '"film.gif" is image/gif by its content and has no sound, expected audio.'],
    ['tone.wav', 'image', '"tone.wav" is audio/wav by its content, expected image.'],
    ['still.gif', 'video', '"still.gif" is image/gif by its content and has one picture only, expected video.'],
    ['old.aiff', undefined, '"old.aiff" is an AIFF sound, which is not read; convert it to wav or flac.'],
  ])('%s cannot be given as %s', async (name, as, message) => {
    const made: Readonly<Record<string, Buffer>> = { 'tone.wav': bytes('RIFF\0\0\0\0WAVEfmt '), 'still.gif': bytes('GIF89a\x01\0\x01\0\0\0\0;'), 'old.aiff': bytes('FORM\0\0\0\0AIFFCOMM') };
    await expect(mediaFromBytes(made[name] ?? fixture(name), name, as === undefined ? {} : { as })).rejects.toMatchObject({ code: 'bad_media', message });
  });
});
