// Frames of mp4, mov, webm and mkv at stated times, by the container library. Part of the limited process.
// Decodes from the key frame before each time and no more; knows no gif, webp or png.
import type { Input, InputVideoTrack, VideoSample } from 'mediabunny';
import type { Codecs } from '../codecs.ts';
import { resizePixels } from '../resize.ts';
import type { PixelSource } from '../resize.ts';
import { isEmpty, requireCodec, soundTrack, withContainer } from './container.ts';
import type { Film } from './frames.ts';
import { toPicture, turned } from './pixels.ts';
import { Nothing, requirePixels } from './refusal.ts';

/** Frames that are counted; a film with more has frames null. */
const maxCounted = 100_000;

export async function withFilm<T>(bytes: Buffer, maxPixels: number, use: (film: Film) => Promise<T>): Promise<T> {
  return withContainer(bytes, 'video', async (input, codecs) => {
    const track = await input.getPrimaryVideoTrack();
    if (track === null) throw new Nothing('holds no track of pictures; expected a video. Send it as a sound, if it is one.');
    if (await isEmpty(track)) throw new Nothing('holds no pictures (0 frames); expected at least one.');
    await requireCodec(track, 'pictures', 'H.264, H.265, VP8, VP9, AV1 or ProRes');
    requirePixels(await track.getCodedWidth(), await track.getCodedHeight(), maxPixels);
    return use(await filmOf(codecs, input, track, maxPixels));
  });
}

async function filmOf(codecs: Codecs, input: Input, track: InputVideoTrack, maxPixels: number): Promise<Film> {
  const first = await track.getFirstTimestamp();
  return {
    width: await track.getDisplayWidth(),
    height: await track.getDisplayHeight(),
    async count() {
      const { packetCount } = await track.computePacketStats(maxCounted + 1);
      return packetCount > maxCounted ? null : packetCount;
    },
    hasSound: (await soundTrack(input)) !== null,
    first: Math.max(first, 0),
    end: await track.computeDuration(),
    tick: 1 / (await track.getTimeResolution()),
    async *shots(times) {
      let shown = Number.NaN;
      let picture: PixelSource | null = null;
      for await (const sample of new codecs.VideoSampleSink(track, { hardwareAcceleration: 'prefer-software' }).samplesAtTimestamps(times)) {
        if (sample === null) return;
        try {
          if (picture === null || sample.timestamp !== shown) picture = await pictureOf(sample, maxPixels);
          shown = sample.timestamp;
        } finally {
          sample.close();
        }
        yield picture;
      }
    },
  };
}

/** The sample as it is shown: square pixels, turned as the file says. */
async function pictureOf(sample: VideoSample, maxPixels: number): Promise<PixelSource> {
  // The stream may claim another size than the file did.
  requirePixels(sample.codedWidth, sample.codedHeight, maxPixels);
  const picture = await toPicture(sample);
  const { squarePixelWidth: width, squarePixelHeight: height } = sample;
  const square = width === picture.width && height === picture.height ? picture : resized(picture, width, height, maxPixels);
  return turned(square, sample.rotation, sample.flip);
}

function resized(picture: PixelSource, width: number, height: number, maxPixels: number): PixelSource {
  requirePixels(width, height, maxPixels);
  return { width, height, channels: 3, pixels: resizePixels(picture, { width, height, fit: 'fill', background: [255, 255, 255] }) };
}
