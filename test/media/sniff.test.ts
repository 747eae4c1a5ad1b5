// Formats are told by content.
import { describe, expect, test } from 'vitest';
import { mediaFromBytes, sniffMedia } from '../../media/index.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
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

  test('a prologue made to take for ever does not', () => {
    expect(sniffMedia(bytes('<!---->'.repeat(600)))).toBeNull();
    expect(sniffMedia(bytes(`${'<!---->\n'.repeat(400)}<svg>`))).toMatchObject({ mediaType: 'image/svg+xml' });
  });

  test.each([['nothing', ''], ['text', 'hello'], ['markup without a drawing', '<html><svg></svg></html>'], ['a cut signature', '\x89PN'], ['AAC', '\xff\xf1\x50\x80'], ['text starting with BM', 'BMW is a car maker of some renown']])('%s is no medium', (_, text) => {
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
});
