// Strangers' sounds of every format that is read: right rate, right time, no aliases, channels mixed.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { closeMedia, decodeAudio, inspectAudio, mediaFromBytes, soundOfVideo } from '../../media/index.ts';
import { levelAt, loudness, pcm16, sine, wav } from './sounds.ts';

afterAll(closeMedia);

const bytesOf = (name: string) => readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url));
const read = async (name: string, as?: string) => mediaFromBytes(bytesOf(name), name, as === undefined ? {} : { as });
const tones = ['tone.mp3', 'tone.ogg', 'tone.opus', 'tone.webm', 'tone.flac', 'tone.m4a'];

/** Second at which the tone of the fixtures begins to be heard. */
function onset(samples: Float32Array, sampleRateHz: number): number {
  return samples.findIndex((value) => Math.abs(value) > 0.25) / sampleRateHz;
}

describe('compressed sounds', () => {
  test.each(tones)('%s has its length, its tone and its time', async (name) => {
    const media = await read(name);
    expect(media.modality).toBe('audio');
    const header = await inspectAudio(media);
    expect(header).toEqual({ seconds: expect.closeTo(0.6, 2), sampleRateHz: /opus|webm/.test(name) ? 48_000 : 44_100, channels: 1 });
    const { samples, sampleRateHz, seconds } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 10 });
    expect(sampleRateHz).toBe(16_000);
    expect(seconds).toBe(header.seconds);
    expect(samples.length).toBe(Math.round(seconds * 16_000));
    expect(Math.abs(onset(samples, 16_000) - 0.25)).toBeLessThan(0.003);
    expect(loudness(samples.subarray(0, 3600))).toBeLessThan(0.02);
    expect(Math.abs(levelAt(samples.subarray(4800, 8800), 880, 16_000) - 0.5)).toBeLessThan(0.06);
  });

  test.each(tones)('a part from the middle of %s is that part of the whole', async (name) => {
    const media = await read(name);
    const whole = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 10 });
    const part = await decodeAudio(media, { sampleRateHz: 16_000, startSeconds: 0.2, maxSeconds: 0.15 });
    expect(part.samples.length).toBe(2400);
    expect(part.seconds).toBe(whole.seconds);
    expect(Math.abs(onset(part.samples, 16_000) - 0.05)).toBeLessThan(0.003);
    // A webm counts in milliseconds; elsewhere each sample is in its place, the resampler's edges aside.
    const difference = part.samples.subarray(100, 2300).map((value, i) => value - whole.samples[3200 + 100 + i]!);
    if (name !== 'tone.webm') expect(loudness(difference)).toBeLessThan(0.01);
  });

  test('an mp3 without any header is read from its first frame on', async () => {
    const media = await read('bare.mp3');
    expect((await inspectAudio(media)).seconds).toBeCloseTo(24 * 1152 / 44_100, 5);
    const { samples } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 10 });
    expect(onset(samples, 16_000)).toBeCloseTo(0.25 + 1105 / 44_100, 2);
  });

  test.each(['eight.flac', 'eight.m4a'])('the eight channels of %s are mixed to their mean', async (name) => {
    const media = await read(name);
    expect(await inspectAudio(media)).toEqual({ seconds: expect.closeTo(0.2, 2), sampleRateHz: 48_000, channels: 8 });
    const { samples } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 1 });
    expect(levelAt(samples.subarray(800, 2400), 440, 16_000)).toBeCloseTo(0.5 / 8, 2);
  });

  test('no more than asked for is given', async () => {
    const { samples, seconds } = await decodeAudio(await read('tone.m4a'), { sampleRateHz: 8000, maxSeconds: 0.3 });
    expect([samples.length, seconds]).toEqual([2400, 0.6]);
  });

  test('behind the end there is nothing', async () => {
    expect((await decodeAudio(await read('tone.mp3'), { sampleRateHz: 8000, startSeconds: 5, maxSeconds: 1 })).samples.length).toBe(0);
  });
});

const wavOf = async (hertz: number, sampleRateHz: number) => mediaFromBytes(wav(pcm16(sine(hertz, sampleRateHz, 0.2)), { sampleRateHz }));

describe('rates', () => {
  test.each([1000, 8000, 11_025, 22_050, 44_099, 96_000, 192_000, 384_000])('%i Hz', async (sampleRateHz) => {
    const media = await wavOf(300, sampleRateHz);
    expect(await inspectAudio(media)).toEqual({ seconds: expect.closeTo(0.2, 4), sampleRateHz, channels: 1 });
    const { samples } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 1 });
    expect(Math.abs(samples.length - 3200)).toBeLessThanOrEqual(1);
    expect(levelAt(samples.subarray(1000, 2600), 300, 16_000)).toBeCloseTo(0.5, 2);
  });

  test('what the new rate cannot hold is left out and not folded back', async () => {
    const { samples } = await decodeAudio(await wavOf(13_000, 48_000), { sampleRateHz: 16_000, maxSeconds: 1 });
    expect(loudness(samples.subarray(400, 2800))).toBeLessThan(1e-4);
  });

  test.each([1, 999, 384_001, 0])('%i Hz is refused in words', async (sampleRateHz) => {
    const media = await mediaFromBytes(wav(pcm16([0, 0, 0]), { sampleRateHz }), 'slow.wav');
    const message = `"slow.wav" has ${sampleRateHz} samples a second; expected 1,000 to 384,000 Hz. Resample it, or correct its header.`;
    await expect(inspectAudio(media)).rejects.toMatchObject({ code: 'bad_media', message });
    await expect(decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 1 })).rejects.toMatchObject({ code: 'bad_media', message });
  });
});

describe('the sound of a video', () => {
  // In the mkv everything begins as late as its codec's first packet.
  test.each([['film.mp4', 0], ['film.webm', 0.007], ['film.mkv', 0.023], ['turned.mov', 0]])('of %s is in step', async (name, later) => {
    const sound = await soundOfVideo(await read(name), { maxSeconds: 10 });
    expect(sound).toMatchObject({ modality: 'audio', mediaType: 'audio/wav' });
    const { samples, seconds } = await decodeAudio(sound!, { sampleRateHz: 16_000, maxSeconds: 10 });
    expect(seconds).toBeCloseTo(0.6, 2);
    expect(Math.abs(onset(samples, 16_000) - later - 0.25)).toBeLessThan(0.01);
  });

  test('is cut to what was asked for, and the same each time', async () => {
    const [first, second] = [await soundOfVideo(await read('film.mp4'), { maxSeconds: 0.4 }), await soundOfVideo(await read('film.mp4'), { maxSeconds: 0.4 })];
    expect((await inspectAudio(first!)).seconds).toBe(0.4);
    expect(second!.id).toBe(first!.id);
  });

  test.each(['paced.mp4', 'film.gif', 'film.webp', 'film.png', 'odd.webm'])('of %s is none', async (name) => {
    expect(await soundOfVideo(await read(name), { maxSeconds: 10 })).toBeNull();
  });

  test('is a sound where the caller says so', async () => {
    const media = await read('film.mp4', 'audio');
    expect(media).toMatchObject({ modality: 'audio', mediaType: 'audio/mp4' });
    expect((await inspectAudio(media)).seconds).toBe(0.6);
  });
});
