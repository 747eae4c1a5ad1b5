import { afterAll, expect, test } from 'vitest';
import { addSound, alphaOfMask, closeMedia, decodeImage, decodeVideo, encodeAudio, encodeImage, encodeVideo, inspectVideo, isMarkedGenerated, markVideo, readProvenance } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';

afterAll(closeMedia);

async function clip(format: 'mp4' | 'webm' | 'gif' | 'webp'): Promise<Media> {
  const frames = Array.from({ length: 6 }, (_, i) => new Uint8Array(16 * 16 * 3).fill(40 * i));
  return encodeVideo({ width: 16, height: 16, frames, fps: 12 }, { format, provenance: null, mark: false });
}

test.each(['mp4', 'webm', 'gif', 'webp'] as const)('a %s of another program gets mark and settings, and shows what it showed', async (format) => {
  const plain = await clip(format);
  const marked = await markVideo(plain, { prompt: 'a cat' });
  expect([isMarkedGenerated(plain), isMarkedGenerated(marked)]).toEqual([false, true]);
  expect(readProvenance(marked)).toEqual({ prompt: 'a cat' });
  expect(marked).toMatchObject({ modality: 'video', mediaType: plain.mediaType });
  expect((await inspectVideo(marked)).frames).toBe(6);
  const look = { width: 16, height: 16, fit: 'fill', background: [0, 0, 0], times: [0.3] } as const;
  const [before, after] = [await decodeVideo(plain, look), await decodeVideo(marked, look)];
  expect(Math.abs((before.frames[0]?.[0] ?? 0) - (after.frames[0]?.[0] ?? 255))).toBeLessThan(8);
  expect((await markVideo(plain, { prompt: 'a cat' })).id).toBe(marked.id);
});

test('its sound stays', async () => {
  const sound = await encodeAudio({ samples: Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i / 5)), sampleRateHz: 8000 }, { format: 'wav', provenance: null, mark: false });
  expect((await inspectVideo(await markVideo(await addSound(await clip('mp4'), sound), null))).hasSound).toBe(true);
});

test('what is no video is refused', async () => {
  const plain = await clip('mp4');
  await expect(markVideo({ ...plain, bytes: plain.bytes.subarray(0, 200) }, null)).rejects.toMatchObject({ code: 'bad_media' });
});

test('a mask as transparency: white lets through', async () => {
  const mask = await encodeImage({ width: 2, height: 1, pixels: Uint8Array.of(255, 255, 255, 0, 0, 0) }, { format: 'png', provenance: null, mark: false });
  const alpha = await alphaOfMask(mask, { width: 2, height: 1 });
  expect([...(await decodeImage(alpha, { width: 2, height: 1, fit: 'fill', background: [0, 90, 0] })).pixels]).toEqual([0, 90, 0, 0, 0, 0]);
});
