// Puts a sound into a video that has none: the pictures stay as they are encoded, the sound is encoded beside them, in step.
// Knows mp4 and webm; knows nothing of how either was made.
import { createHash } from 'node:crypto';
import type { EncodedPacket } from 'mediabunny';
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { encodeSoundPackets } from './audio-packets.ts';
import { loadCodecs } from './codecs.ts';
import type { Codecs } from './codecs.ts';
import { decodeAudio } from './decode-audio.ts';
import { xmpOfMp4 } from './mp4-file.ts';
import type { FileTags } from './provenance.ts';
import { toInt16 } from './samples.ts';
import { writeVideo } from './write-video.ts';
import type { PictureTrack } from './write-video.ts';

/** Both codecs know this rate, and their delay, which some players do not leave out, is short at it. */
const soundRateHz = 48_000;
/** Samples that a decoder of AAC gives before the first one: one frame. */
const aacDelay = 1024;

/**
 * The video with the sound from its first picture on, as AAC in mp4 and as Opus in webm; what is longer than the pictures is cut off, what is shorter is
 * followed by silence. Packets of the pictures and the file's metadata are copied; a sound that was there is replaced. Equal input gives equal bytes.
 * @param video mp4 or webm.
 * @param sound of any format that `decodeAudio` reads; wav loses least.
 * @throws AnymodalError `bad_input` for a format that holds no sound, `bad_media` for a file that cannot be read, `unsupported` where the codecs are not
 * installed, `aborted`.
 */
export async function addSound(video: Media, sound: Media, signal?: AbortSignal): Promise<Media> {
  const format = video.mediaType === 'video/mp4' ? 'mp4' : video.mediaType === 'video/webm' ? 'webm' : null;
  if (format === null) throw new AnymodalError('bad_input', `A sound was to be put into ${video.mediaType}, which holds none; mp4 and webm do. Ask for format mp4 or webm, or for the video alone.`);
  const purpose = `A ${format} video with sound`;
  const codecs = await loadCodecs(purpose);
  const { picture, tags } = await readVideo(codecs, video, format);
  const seconds = picture.packets.reduce((end, packet) => Math.max(end, packet.timestamp + packet.duration), 0);
  const fitted = new Float32Array(Math.round(seconds * soundRateHz));
  const { samples } = await decodeAudio(sound, { sampleRateHz: soundRateHz, maxSeconds: seconds }, signal);
  fitted.set(samples.subarray(0, fitted.length));
  const codec = format === 'mp4' ? 'aac' : 'opus';
  const { packets, config } = await encodeSoundPackets(codec, purpose, toInt16(fitted), soundRateHz, codec === 'aac' ? 128_000 : 96_000);
  // In an mp4 times are those of hearing, so the delay lies before 0; a webm states the delay in its header, and readers take it off.
  const [frame, delay] = codec === 'aac' ? [1024, aacDelay] : [960, 0];
  const placed = packets.map(({ data }, i) => {
    const start = i * frame - delay;
    return new codecs.EncodedPacket(data, 'key', start / soundRateHz, Math.max(1, Math.min(frame, fitted.length - start)) / soundRateHz);
  });
  const bytes = await writeVideo(format, picture, { codec, packets: placed.filter(({ timestamp }) => timestamp * soundRateHz < fitted.length), config }, tags);
  return { ...video, id: createHash('sha256').update(bytes).digest('hex'), bytes };
}

/** Pictures and metadata of a file. Throws `bad_media`. */
export async function readVideo(codecs: Codecs, video: Media, format: 'mp4' | 'webm'): Promise<{ picture: PictureTrack; tags: FileTags }> {
  const input = new codecs.Input({ source: new codecs.BufferSource(video.bytes), formats: codecs.ALL_FORMATS });
  try {
    const track = await input.getPrimaryVideoTrack();
    const config = await track?.getDecoderConfig();
    if (track === null || config === undefined || config === null) throw new AnymodalError('bad_media', `${nameOf(video)} has no pictures to put a sound to.`);
    const packets: EncodedPacket[] = [];
    for await (const packet of new codecs.EncodedPacketSink(track).packets()) packets.push(packet);
    const { comment, description, raw } = await input.getMetadataTags();
    const sourceType = raw?.['DIGITAL_SOURCE_TYPE'];
    return {
      picture: { codec: (await track.getCodec())!, packets, config, fps: frameRateOf(packets) },
      tags: {
        settings: comment ?? null,
        description: description ?? null,
        xmp: format === 'mp4' ? xmpOfMp4(video.bytes) : null,
        sourceType: typeof sourceType === 'string' ? sourceType : null,
      },
    };
  } catch (error) {
    if (error instanceof AnymodalError) throw error;
    throw new AnymodalError('bad_media', `${nameOf(video)} cannot be read as ${video.mediaType}.`, { cause: error });
  } finally {
    input.dispose();
  }
}

/** Frames a second where all frames are equally long, to the millisecond that a webm counts; null where they are not. */
function frameRateOf(packets: readonly EncodedPacket[]): number | null {
  const shown = packets.toSorted((a, b) => a.timestamp - b.timestamp);
  // The length of the last one is stated; those of others may be what lies between two rounded times.
  const length = shown.at(-1)?.duration ?? 0;
  if (length <= 0) return null;
  const rate = Math.round(1000 / length) / 1000;
  return shown.every(({ timestamp }, i) => Math.abs(timestamp - i / rate) < 0.0011) ? rate : null;
}

function nameOf({ name }: Media): string {
  return name === undefined ? 'The video' : `"${name}"`;
}
