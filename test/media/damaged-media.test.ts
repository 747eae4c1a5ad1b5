// Sounds and videos that are cut, empty, mislabelled or hostile: each ends as an error in words, and costs nothing but itself.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { decodeAudioWith } from '../../media/decode-audio.ts';
import { decodeVideoWith } from '../../media/decode-video.ts';
import { createDecoder, defaultDecoderLimits } from '../../media/decoder.ts';
import type { Decoder, DecoderLimits } from '../../media/decoder.ts';
import { closeMedia, decodeAudio, decodeVideo, inspectVideo, mediaFromBytes, soundOfVideo } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { animatedPng, claimedPng, red, solid, white } from './pictures.ts';
import { pcm16, sine, wav } from './sounds.ts';

afterAll(closeMedia);

const bytesOf = (name: string) => readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url));
const cut = (name: string, part: number) => mediaFromBytes(bytesOf(name).subarray(0, Math.floor(bytesOf(name).length * part)), name);
const frames = { width: 8, height: 8, fit: 'fill', background: white, times: 'quarters' } as const;
const range = { sampleRateHz: 16_000, maxSeconds: 10 };

/** The message of the `bad_media` that the reading ends with. */
async function message(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof AnymodalError && error.code === 'bad_media') return error.message;
    throw error;
  }
  throw new Error('it was read');
}
const read = async (media: Media): Promise<unknown> => (media.modality === 'video' ? decodeVideo(media, frames) : decodeAudio(media, range));

describe('files that end too early', () => {
  test.each(['film.mp4', 'film.webm', 'film.mkv', 'turned.mov', 'film.webp', 'film.png', 'tone.ogg', 'tone.opus', 'tone.m4a', 'tone.webm'])('%s, cut in the middle', async (name) => {
    expect(await message(cut(name, 0.6).then(read))).toMatch(new RegExp(`^"${name}" (ends before its (video|sound) does; expected a complete file|is damaged or uses a variant of)`));
  });

  test('an mp4 whose index is at its missing end', async () => {
    const media = await mediaFromBytes(bytesOf('turned.mov').subarray(0, 3000), 'film.mov');
    const expected = '"film.mov" ends before its video does; expected a complete file. Copy or download it again.';
    expect(await message(decodeVideo(media, frames))).toBe(expected);
    expect(await message(inspectVideo(media))).toBe(expected);
  });

  test('of a cut mp3, wav and gif what is there is read', async () => {
    expect((await inspectVideo(await cut('film.gif', 0.6))).frames).toBeLessThan(12);
    expect((await decodeAudio(await cut('tone.mp3', 0.6), range)).samples.length).toBeGreaterThan(4000);
    const half = wav(pcm16(sine(440, 16_000, 0.5))).subarray(0, 8044);
    expect((await decodeAudio(await mediaFromBytes(half), range)).seconds).toBe(0.25);
  });
});

describe('files without what they should hold', () => {
  test('an mp4 whose track has no frames', async () => {
    const bytes = bytesOf('fragments.mp4');
    const media = await mediaFromBytes(bytes.subarray(0, bytes.indexOf('moof') - 4), 'empty.mp4');
    expect(media.modality).toBe('video');
    const expected = '"empty.mp4" holds no pictures (0 frames); expected at least one.';
    expect(await message(decodeVideo(media, frames))).toBe(expected);
    expect(await message(inspectVideo(media))).toBe(expected);
  });

  test('an mp4 without a track of pictures', async () => {
    const bytes = Buffer.from(bytesOf('tone.m4a'));
    expect((await mediaFromBytes(bytes)).mediaType).toBe('audio/mp4');
    await expect(mediaFromBytes(bytes, 'tone.mp4', { as: 'video' })).rejects.toMatchObject({ code: 'bad_media', message: '"tone.mp4" is audio/mp4 by its content, expected video.' });
    // A track of a kind that no one knows.
    const media = await mediaFromBytes(Buffer.from(bytes.toString('latin1').replace('isom', 'mp42').replace('M4A ', 'mp42').replaceAll('soun', 'xxxx'), 'latin1'), 'strange.mp4');
    expect(await message(inspectVideo(media))).toBe('"strange.mp4" holds no track of pictures; expected a video. Send it as a sound, if it is one.');
  });

  test('an animated png without frames', async () => {
    const png = animatedPng(await solid(red, 8, 8).png().toBuffer(), 8, 8);
    const bytes = Buffer.from(Buffer.from(png).toString('latin1').replaceAll('fcTL', 'fcTl'), 'latin1');
    expect(await message(decodeVideo(await mediaFromBytes(bytes, 'a.png'), frames))).toBe('"a.png" holds no pictures (0 frames); expected at least one.');
  });

  test('a file of another kind', async () => {
    const film = await mediaFromBytes(bytesOf('film.gif'), 'film.gif');
    expect(await message(decodeAudio(film, range))).toContain('"film.gif" is image/gif by its content; expected a sound: audio/wav');
    const tone = await mediaFromBytes(bytesOf('tone.flac'), 'tone.flac');
    expect(await message(decodeVideo(tone, frames))).toContain('"tone.flac" is audio/flac by its content; expected a video: video/mp4');
    expect(await message(soundOfVideo(tone, { maxSeconds: 1 }))).toContain('expected a video');
    expect(await message(mediaFromBytes(Buffer.from('RIFF\0\0\0\0AVI LIST', 'latin1'), 'old.avi'))).toBe('"old.avi" is an avi video, which is not read; convert it to mp4 or webm.');
  });

  test('a codec that is not read, by its name', async () => {
    const bytes = Buffer.from(bytesOf('film.mp4').toString('latin1').replaceAll('avc1', 'xyz1'), 'latin1');
    expect(await message(decodeVideo(await mediaFromBytes(bytes, 'new.mp4'), frames))).toBe('"new.mp4" has pictures in a codec ("xyz1") that is not read; expected H.264, H.265, VP8, VP9, AV1 or ProRes. Convert it first.');
  });

  test('a size beyond the limit', async () => {
    const media = await mediaFromBytes(animatedPng(claimedPng(10_000, 10_000), 10_000, 10_000), 'wide.png');
    expect(await message(decodeVideo(media, frames))).toBe('"wide.png" is 10000x10000, 100 megapixels; at most 64 megapixels are read. Scale it down first.');
  });
});

const film = async () => mediaFromBytes(bytesOf('film.mp4'), 'film.mp4');
const tone = async () => mediaFromBytes(bytesOf('tone.m4a'), 'tone.m4a');

describe('the decoding process', () => {
  const open: Decoder[] = [];
  function decoding(limits: Partial<DecoderLimits> = {}) {
    const all = { ...defaultDecoderLimits, ...limits };
    const decoder = createDecoder(all);
    open.push(decoder);
    return { decoder, limits: all };
  }
  afterEach(async () => {
    for (const decoder of open.splice(0)) await decoder.close();
  });

  test('goes with a damaged file, and the next one gets another', async () => {
    const own = decoding();
    await decodeAudioWith(own, await tone(), range);
    const pid = own.decoder.pid;
    const damaged = Buffer.from(bytesOf('film.mp4'));
    damaged.fill(0xff, damaged.indexOf('mdat') + 4);
    const results = await Promise.allSettled([decodeVideoWith(own, await mediaFromBytes(damaged, 'film.mp4'), frames), decodeAudioWith(own, await tone(), range), decodeVideoWith(own, await film(), frames)]);
    expect(results).toMatchObject([{ status: 'rejected', reason: { code: 'bad_media', message: expect.stringContaining('"film.mp4" is damaged') } }, { status: 'fulfilled' }, { status: 'fulfilled' }]);
    expect(own.decoder.pid).not.toBe(pid);
  });

  test('stays for the next sound or video', async () => {
    const own = decoding();
    await decodeAudioWith(own, await tone(), range);
    const { pid } = own.decoder;
    await decodeVideoWith(own, await film(), frames);
    expect(own.decoder.pid).toBe(pid);
  });

  test('is killed at its limits, with words for a sound and a video', async () => {
    await expect(decodeVideoWith(decoding({ timeoutMs: 1 }), await film(), frames)).rejects.toThrow('"film.mp4" took longer than 0.001 s to decode and was given up. Shorten it or scale it down first.');
    await expect(decodeAudioWith(decoding({ maxResidentBytes: 2 ** 20 }), await tone(), range)).rejects.toThrow('"tone.m4a" needs more memory than the 1 MiB a sound may take. Shorten it first.');
    await expect(decodeVideoWith(decoding({ maxPixels: 3000 }), await film(), frames)).rejects.toThrow('"film.mp4" is 64x48');
  });

  test('is killed by a cancel', async () => {
    const own = decoding();
    const controller = new AbortController();
    const running = decodeVideoWith(own, await film(), frames, controller.signal);
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    expect(own.decoder.pid).toBeNull();
    await decodeAudioWith(own, await tone(), range);
  });
});
