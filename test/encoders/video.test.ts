// The encoder of videos: its frames reach the graph as the image encoder's pictures do, and its sound comes out as a track.
import { describe, expect, test } from 'vitest';
import { frameSize, normaliseInto } from '../../encoders/preprocessing.ts';
import { jointVideo } from '../../encoders/video/joint-video.ts';
import { addSound, decodeAudio, decodeImage, encodeAudio, encodeImage, encodeVideo, mediaFromBytes } from '../../media/index.ts';
import type { VideoFormat } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import { componentSource, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';

const given = { config: { tokens: [9, 24], joint: 24, size: 96 }, files: { model: 'tiny/video-encoder/model.onnx' }, wrongConfig: { joint: 25 } };
const [width, height] = [160, 120];

/** Frame `index`: a stripe that stands further right in each. */
function frameOf(index: number, colour = 30): Uint8Array {
  const pixels = new Uint8Array(width * height * 3).fill(230);
  for (let y = 0; y < height; y += 1) for (let x = 8 * index; x < 8 * index + 16; x += 1) pixels.set([colour, y, 90], 3 * (y * width + x));
  return pixels;
}

const clip = async (format: VideoFormat, colour?: number): Promise<Media> =>
  encodeVideo({ width, height, frames: Array.from({ length: 16 }, (_, index) => frameOf(index, colour)), fps: 8 }, { format, provenance: null, mark: false });

const tone = async (): Promise<Media> =>
  encodeAudio({ samples: Float32Array.from({ length: 32000 }, (_, i) => 0.5 * Math.sin(i / 6)), sampleRateHz: 16000 }, { format: 'wav', provenance: null, mark: false });

describeEncoder(jointVideo, {
  ...given,
  media: async () => [await clip('mp4'), await clip('mp4', 200)],
  broken: async () => {
    const whole = await clip('mp4');
    return { ...whole, bytes: whole.bytes.subarray(0, whole.bytes.length / 2) };
  },
});

/** A webp loses little: frames 2, 6, 10 and 14 of 16 are at the middles of the quarters. */
async function expectedPixels(): Promise<Float32Array> {
  const config = { size: 96, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], background: [255, 255, 255], fit: 'contain' } as const;
  const planar = new Float32Array(4 * 3 * 96 * 96);
  for (const [place, index] of [2, 6, 10, 14].entries()) {
    const still = await encodeImage({ width, height, pixels: frameOf(index) }, { format: 'png', provenance: null, mark: false });
    normaliseInto(planar, place * 3 * 96 * 96, (await decodeImage(still, frameSize(config))).pixels, config);
  }
  return planar;
}

describe('joint-video', () => {
  test.each(['mp4', 'webm', 'gif', 'webp'] as const)('feeds the graph the middles of the quarters of a %s, as pictures are fed', async (format) => {
    const source = componentSource(given);
    await using(jointVideo.open(source), async (encoder) => {
      const session = await openSession(source.path('model'), { device: 'cpu' });
      try {
        const expected = (await session.run({ pixels: { shape: [1, 4, 3, 96, 96], data: await expectedPixels() } }))['tokens'];
        const media = await clip(format);
        expect(encoder.mediaTypes).toContain(media.mediaType);
        const { tokens, tracks } = await encoder.encode(media, testContext());
        tokens.data.forEach((value, i) => expect(Math.abs(value - Number(expected?.data[i]))).toBeLessThan(0.05));
        expect(tracks).toEqual([]);
      } finally {
        await session.release();
      }
    });
  });

  test.each(['mp4', 'webm'] as const)('gives the sound of a %s as a wav', async (format) => {
    const media = await addSound(await clip(format), await tone());
    await using(jointVideo.open(componentSource(given)), async (encoder) => {
      const [track] = (await encoder.encode(media, testContext())).tracks;
      expect(track).toMatchObject({ modality: 'audio', mediaType: 'audio/wav' });
      expect((await decodeAudio(track!, { sampleRateHz: 16000, maxSeconds: 10 })).seconds).toBeCloseTo(2, 1);
    });
    const [short, none] = [{ soundSeconds: 0.5 }, { soundSeconds: 0 }].map((changes) => componentSource({ ...given, config: { ...given.config, ...changes } }));
    await using(jointVideo.open(short!), async (encoder) => {
      const [track] = (await encoder.encode(media, testContext())).tracks;
      expect((await decodeAudio(track!, { sampleRateHz: 16000, maxSeconds: 10 })).seconds).toBeCloseTo(0.5, 1);
    });
    await using(jointVideo.open(none!), async (encoder) => expect((await encoder.encode(media, testContext())).tracks).toEqual([]));
  });

  test('refuses before the job what has no frames, and says so', async () => {
    const sound = await tone();
    const bytes = new TextEncoder().encode('\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08mdat');
    const empty = { ...(await clip('mp4')), bytes };
    await using(jointVideo.open(componentSource(given)), async (encoder) => {
      for (const media of [empty, { ...sound, modality: 'video' }, { ...empty, bytes: new Uint8Array(0) }]) {
        await expect(encoder.check!(media, testContext())).rejects.toMatchObject({ code: 'bad_media' });
      }
    });
  });

  test('stops with the job', async () => {
    await using(jointVideo.open(componentSource(given)), async (encoder) => {
      await expect(encoder.encode(await clip('webp'), testContext(AbortSignal.abort()))).rejects.toMatchObject({ code: 'aborted' });
    });
  });

  test('a file is a video by its content', async () => {
    expect(await mediaFromBytes((await clip('mp4')).bytes)).toMatchObject({ modality: 'video', mediaType: 'video/mp4' });
  });
});
