// Pictures and sounds in other sizes and formats: what they are afterwards, and what they still say of their making.

import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { closeMedia, decodeAudio, decodeImage, encodeAudio, encodeImage, encodeVideo, isMarkedGenerated, readProvenance } from '../../media/index.ts';
import { mediaTools } from '../../src/cli/media-tools.ts';

afterAll(async () => closeMedia());

const provenance = { prompt: 'a red apple', seed: 7 };

test('a picture in another size and format keeps the mark and its settings; one that is as asked for is itself', async () => {
  const pixels = new Uint8Array(40 * 20 * 3).fill(120);
  const made = await encodeImage({ width: 40, height: 20, pixels }, { format: 'png', provenance, mark: true });
  for (const [change, size, type] of [[{ width: 80 }, { width: 80, height: 40 }, 'image/png'], [{ height: 10, format: 'webp' }, { width: 20, height: 10 }, 'image/webp'], [{ width: 30, height: 30, fit: 'contain', format: 'jpeg', quality: 80 }, { width: 30, height: 30 }, 'image/jpeg']] as const) {
    const changed = await mediaTools.picture(made, change);
    expect([changed.mediaType, await mediaTools.inspect(changed), isMarkedGenerated(changed), readProvenance(changed)]).toEqual([type, size, true, provenance]);
  }
  expect(await mediaTools.picture(made, { width: 40, format: 'png' })).toBe(made);
  const plain = await encodeImage({ width: 4, height: 4, pixels: new Uint8Array(48) }, { format: 'png', provenance: null, mark: false });
  const larger = await mediaTools.picture(plain, { width: 8 });
  expect([isMarkedGenerated(larger), readProvenance(larger)]).toEqual([false, null]);
});

test('transparency becomes a mask: white where it is, grey between, whatever colour is there; an opaque picture is a mask already', async () => {
  const rgba = new Uint8Array([255, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 128, 0, 0, 0, 255]);
  const picture = await mediaTools.read(await sharp(rgba, { raw: { width: 4, height: 1, channels: 4 } }).png().toBuffer());
  const mask = await mediaTools.maskOfAlpha(picture);
  const { pixels } = await decodeImage(mask, { width: 4, height: 1, fit: 'fill', background: [0, 0, 0] });
  const [clear = 0, opaque = 0, half = 0, black = 0] = [0, 3, 6, 9].map((at) => pixels[at]);
  expect([clear, opaque, black]).toEqual([255, 0, 0]);
  expect(Math.abs(half - 127)).toBeLessThanOrEqual(2);
  const opaquePicture = await encodeImage({ width: 2, height: 1, pixels: new Uint8Array(6) }, { format: 'png', provenance: null, mark: false });
  expect(await mediaTools.maskOfAlpha(opaquePicture)).toBe(opaquePicture);
});

test.each(['wav', 'mp3', 'ogg', 'opus', 'flac'] as const)('a sound as %s: as long as it was, marked as it was', async (format) => {
  const samples = Float32Array.from({ length: 12_000 }, (_, at) => 0.5 * Math.sin(at / 8));
  const made = await encodeAudio({ samples, sampleRateHz: 24_000 }, { format: format === 'wav' ? 'flac' : 'wav', provenance, mark: true });
  const { mediaType, bytes } = await mediaTools.sound(made, format);
  const sound = await mediaTools.read(bytes);
  expect([sound.mediaType, isMarkedGenerated(sound), readProvenance(sound)]).toEqual([mediaType, true, provenance]);
  expect((await mediaTools.inspect(sound)).seconds).toBeCloseTo(0.5, 2);
});

test('pcm is the samples alone, 16 bits at 24 kHz; aac is frames that begin with their sign', async () => {
  const samples = Float32Array.from({ length: 12_000 }, (_, at) => 0.5 * Math.sin(at / 8));
  const made = await encodeAudio({ samples, sampleRateHz: 24_000 }, { format: 'wav', provenance: null, mark: true });
  const pcm = await mediaTools.sound(made, 'pcm');
  expect([pcm.mediaType, pcm.bytes.length]).toEqual(['audio/pcm;rate=24000;channels=1', 24_000]);
  const decoded = await decodeAudio(made, { sampleRateHz: 24_000, maxSeconds: 1 });
  expect(new DataView(pcm.bytes.buffer, pcm.bytes.byteOffset).getInt16(2000, true)).toBe(Math.round((decoded.samples[1000] ?? 0) * 32_767));
  const aac = await mediaTools.sound(made, 'aac');
  expect([aac.mediaType, aac.bytes[0], (aac.bytes[1] ?? 0) & 0xf6]).toEqual(['audio/aac', 0xff, 0xf0]);
});

const frame = (value: number): Uint8Array => new Uint8Array(640 * 320 * 3).fill(value);

test('the first frame of a video, no larger than it need be, bears the video\'s mark', async () => {
  const clip = await encodeVideo({ width: 640, height: 320, frames: [frame(200), frame(10)], fps: 2 }, { format: 'gif', provenance, mark: true });
  const picture = await mediaTools.thumbnail(clip);
  expect([picture.mediaType, await mediaTools.inspect(picture), isMarkedGenerated(picture)]).toEqual(['image/png', { width: 512, height: 256 }, true]);
  const { pixels } = await decodeImage(picture, { width: 1, height: 1, fit: 'fill', background: [0, 0, 0] });
  expect(Math.abs((pixels[0] ?? 0) - 200)).toBeLessThan(8);
});
