// Wavs of every kind of samples, and ones whose headers lie.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { decodeSound, inspectSound } from '../../media/decoding/sound.ts';
import { closeMedia, decodeAudio, inspectAudio, mediaFromBytes } from '../../media/index.ts';
import { pcm16, samplesAs, sine, wav } from './sounds.ts';
import type { WavParts } from './sounds.ts';

// As where the optional package is not installed; this process only, the decoding one has it.
vi.mock('@mediabunny/server', () => {
  throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
});

afterAll(closeMedia);

const rate = 16_000;
const values = sine(500, rate, 0.05);
const range = { sampleRateHz: rate, maxSeconds: 10 };
const decoded = async (bytes: Uint8Array) => decodeAudio(await mediaFromBytes(bytes, 'a.wav'), range);
const message = async (bytes: Uint8Array) => decoded(bytes).then(() => 'it was read', (error: unknown) => (error instanceof Error ? error.message : ''));

describe('samples', () => {
  const formats: readonly (readonly [string, WavParts & { bits: number }, (view: DataView, at: number, value: number) => void, number])[] = [
    ['8 bits', { bits: 8 }, (view, at, value) => view.setUint8(at, Math.round(128 + value * 127)), 0.01],
    ['16 bits', { bits: 16 }, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), true), 1e-4],
    ['24 bits', { bits: 24 }, (view, at, value) => { const n = Math.round(value * 8_388_607); view.setUint8(at, n & 255); view.setInt16(at + 1, n >> 8, true); }, 1e-6],
    ['32 bits', { bits: 32 }, (view, at, value) => view.setInt32(at, Math.round(value * 2_147_483_647), true), 1e-6],
    ['floats', { bits: 32, tag: 3 }, (view, at, value) => view.setFloat32(at, value, true), 1e-6],
    ['long floats', { bits: 64, tag: 3 }, (view, at, value) => view.setFloat64(at, value, true), 1e-6],
    ['16 bits, extensible', { bits: 16, extensible: true }, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), true), 1e-4],
    ['floats, extensible', { bits: 32, tag: 3, extensible: true }, (view, at, value) => view.setFloat32(at, value, true), 1e-6],
    ['16 bits, the other way round', { bits: 16, bigEndian: true }, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), false), 1e-4],
  ];
  test.each(formats)('%s', async (_, parts, put, tolerance) => {
    const bytes = wav(samplesAs(values, parts.bits / 8, put), parts);
    const { samples, seconds } = await decoded(bytes);
    expect(seconds).toBe(0.05);
    expect(Math.max(...values.map((value, i) => Math.abs(value - samples[i]!)))).toBeLessThan(tolerance);
  });

  test.each([['A-law', 6, [0xd5, 0x55, 0xaa, 0x2a], [8 / 32_768, -8 / 32_768, 32_256 / 32_768, -32_256 / 32_768]], ['µ-law', 7, [0xff, 0x7f, 0x80, 0x00], [0, 0, 32_124 / 32_768, -32_124 / 32_768]]])('%s', async (_, tag, codes, expected) => {
    const { samples } = await decoded(wav(Uint8Array.from(codes), { bits: 8, tag }));
    expect([...samples]).toEqual(expected.map((value) => expect.closeTo(value, 6)));
  });

  test('eight channels are averaged', async () => {
    const frame = [0.8, 0, 0, 0, 0, 0, 0, 0];
    const bytes = wav(pcm16([...frame, ...frame]), { channels: 8 });
    expect(await inspectAudio(await mediaFromBytes(bytes))).toEqual({ seconds: 2 / rate, sampleRateHz: rate, channels: 8 });
    expect([...(await decoded(bytes)).samples]).toEqual([expect.closeTo(0.1, 4), expect.closeTo(0.1, 4)]);
  });

  test('RF64 with its own account of lengths', async () => {
    const media = await mediaFromBytes(readFileSync(new URL('../fixtures/media/long.wav', import.meta.url)));
    expect(await inspectAudio(media)).toEqual({ seconds: 0.1, sampleRateHz: 8000, channels: 1 });
  });

  test('floats that are no numbers are silence, and what lies beyond full scale is limited', async () => {
    const bytes = wav(samplesAs([Number.NaN, 3, Number.POSITIVE_INFINITY, -3, 0.25], 4, (view, at, value) => view.setFloat32(at, value, true)), { bits: 32, tag: 3 });
    expect([...(await decoded(bytes)).samples]).toEqual([0, 1, 0, -1, 0.25]);
  });

  test('silence is a sound', async () => {
    expect((await decoded(wav(pcm16(values.map(() => 0))))).samples).toEqual(new Float32Array(800));
  });
});

describe('a header that lies', () => {
  const samples = pcm16(values);
  const list = Buffer.from('LIST\x04\0\0\0INFO', 'latin1');

  test.each([['too much', 1e9], ['nothing', 0], ['all that a recorder can say', 0xffffffff], ['too little', 100], ['too little and odd', 101]])('of its length, %s: what is there is read', async (_, claimed) => {
    const { samples: read, seconds } = await decoded(wav(samples, { claimed }));
    expect(seconds).toBe(0.05);
    expect(Math.abs(read[403]! - values[403]!)).toBeLessThan(1e-4);
  });

  test('what follows the samples is none of them', async () => {
    expect((await decoded(wav(samples, { behind: list }))).seconds).toBe(0.05);
  });

  test('an odd number of bytes ends with the last whole sample', async () => {
    expect((await decoded(wav(samples.subarray(0, 1001)))).samples.length).toBe(500);
    expect((await decoded(wav(samples.subarray(0, 1001), { channels: 2 }))).samples.length).toBe(250);
  });

  test.each([
    ['no samples', wav(new Uint8Array(0)), '"a.wav" holds no sound (0 samples); expected at least one sample.'],
    ['no channels', wav(samples, { channels: 0 }), '"a.wav" has 0 channels; expected 1 to 64. Mix it down first.'],
    ['a compressed format', wav(samples, { tag: 2, bits: 4 }), '"a.wav" holds wav samples of format 2 with 4 bits; expected PCM of 8 to 32 bits, floats of 32 or 64, A-law or µ-law. Save it as 16-bit wav.'],
    ['12 bytes', wav(samples).subarray(0, 12), '"a.wav" is a wav without a description of its samples; expected chunks "fmt " and "data". Save it as wav anew.'],
    ['a header alone', wav(samples).subarray(0, 36), '"a.wav" is a wav without samples; expected chunks "fmt " and "data". Save it as wav anew.'],
  ])('%s is refused in words', async (_, bytes, expected) => {
    expect(await message(bytes)).toBe(expected);
  });
});

describe('without the optional package', () => {
  test('wav is read', async () => {
    const { samples } = await decodeSound(wav(pcm16(values)), { ...range, startSeconds: 0 });
    expect(samples.length).toBe(800);
  });

  test('anything else says what to install', async () => {
    const mp3 = readFileSync(new URL('../fixtures/media/tone.mp3', import.meta.url));
    await expect(inspectSound(mp3)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('A sound that is no wav needs the optional package @mediabunny/server') });
  });
});
