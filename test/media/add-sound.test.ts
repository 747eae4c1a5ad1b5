// A sound in a video begins with its pictures and ends with them; pictures and metadata stay as they are.
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import { afterAll, describe, expect, test } from 'vitest';
import { addSound, closeMedia, decodeAudio, encodeAudio, encodeVideo, inspectAudio, inspectVideo, isMarkedGenerated, mediaFromBytes, readProvenance } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';
import { clip, inAnotherProcess, sound } from './clips.ts';

const provenance = { prompt: 'ein springender Bäll', seed: 7 };

afterAll(async () => closeMedia());

/** Silence but for a tone from `start` to `end` seconds. */
async function beep(start: number, end: number, seconds: number): Promise<Media> {
  const samples = Float32Array.from({ length: seconds * 16_000 }, (_, i) => (i >= start * 16_000 && i < end * 16_000 ? 0.5 * Math.sin(i * 0.4) : 0));
  return encodeAudio({ samples, sampleRateHz: 16_000 }, { format: 'wav', provenance: null, mark: true });
}

/** Whether a sample belongs to the tone rather than to what codecs add beside it. */
const loud = (sample: number): boolean => Math.abs(sample) > 0.2;

/** Packets of the pictures: time, length, bytes. */
async function packetsOf(media: Media): Promise<unknown[]> {
  using input = new Input({ source: new BufferSource(media.bytes), formats: ALL_FORMATS });
  const track = await input.getPrimaryVideoTrack();
  const packets: unknown[] = [];
  for await (const { timestamp, duration, data, type } of new EncodedPacketSink(track!).packets()) packets.push({ timestamp, duration, type, data: Buffer.from(data).toString('base64') });
  return packets;
}

describe.each(['mp4', 'webm'] as const)('%s', (format) => {
  const silent = (fps = 8): Promise<Media> => encodeVideo(clip(16, 64, 48, fps), { format, provenance, mark: true });

  test('the sound is heard when it should be', async () => {
    const media = await addSound(await silent(), await beep(1, 1.25, 2));
    expect(media).toEqual(await mediaFromBytes(media.bytes));
    const { samples } = await decodeAudio(media, { sampleRateHz: 48_000, maxSeconds: 10 });
    expect(Math.abs(samples.findIndex(loud) / 48_000 - 1)).toBeLessThan(0.01);
    expect(Math.abs(samples.findLastIndex(loud) / 48_000 - 1.25)).toBeLessThan(0.01);
  });

  test.each([[0.3, 'shorter'], [5, 'longer']])('a sound of %f s, which is %s, is made as long as the pictures', async (seconds) => {
    const media = await addSound(await silent(), await beep(0, seconds, seconds));
    expect(await inspectVideo(media)).toMatchObject({ hasSound: true, frames: 16, seconds: expect.closeTo(2, 2) });
    expect(Math.abs((await inspectAudio(media)).seconds - 2)).toBeLessThan(0.021);
  });

  test.each([7, 8, 30])('pictures at %i a second and metadata stay as they are', async (fps) => {
    const video = await silent(fps);
    const media = await addSound(video, await beep(0, 1, 1));
    expect(await packetsOf(media)).toEqual(await packetsOf(video));
    expect(readProvenance(media)).toEqual(provenance);
    expect(isMarkedGenerated(media)).toBe(true);
    const unmarked = await encodeVideo(clip(), { format, provenance: null, mark: false });
    const plain = await addSound(unmarked, await beep(0, 1, 1));
    expect([readProvenance(plain), isMarkedGenerated(plain)]).toEqual([null, false]);
  });

  test('a sound that is not wav does as well', async () => {
    const ogg = await encodeAudio(sound(), { format: 'ogg', provenance: null, mark: true });
    expect(await inspectVideo(await addSound(await silent(), ogg))).toMatchObject({ hasSound: true });
  });

  test('equal input gives equal bytes in another process', async () => {
    const { id } = await addSound(await silent(), await beep(0.5, 1, 2));
    const elsewhere = await inAnotherProcess(`
      const samples = Float32Array.from({ length: 32_000 }, (_, i) => (i >= 8000 && i < 16_000 ? 0.5 * Math.sin(i * 0.4) : 0));
      const wav = await media.encodeAudio({ samples, sampleRateHz: 16_000 }, { format: 'wav', provenance: null, mark: true });
      const video = await media.encodeVideo(clips.clip(16, 64, 48, 8), { format: '${format}', provenance: ${JSON.stringify(provenance)}, mark: true });
      console.log(JSON.stringify((await media.addSound(video, wav)).id));`);
    expect(elsewhere).toBe(id);
  });

  test('a damaged video is bad media', async () => {
    const video = await silent();
    await expect(addSound({ ...video, bytes: video.bytes.subarray(0, 300) }, await beep(0, 1, 1))).rejects.toMatchObject({ code: 'bad_media' });
  });
});

test.each(['gif', 'webp'] as const)('%s holds no sound, and the error says what does', async (format) => {
  const video = await encodeVideo(clip(2), { format, provenance, mark: true });
  await expect(addSound(video, await beep(0, 1, 1))).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('mp4 and webm do') });
});
