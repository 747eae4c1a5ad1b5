// Packets of a picture track and perhaps of a sound to an mp4 or webm. Knows containers and metadata; encodes nothing.
import type { AudioCodec, EncodedPacket, VideoCodec } from 'mediabunny';
import { opusDelay } from './audio-packets.ts';
import { loadCodecs } from './codecs.ts';
import { withoutTimes, withXmpBox } from './mp4-file.ts';
import type { FileTags } from './provenance.ts';
import { withCodecDelay } from './webm-file.ts';

export interface PictureTrack {
  readonly codec: VideoCodec;
  /** In the order of decoding. */
  readonly packets: readonly EncodedPacket[];
  readonly config: VideoDecoderConfig;
  /** Frames a second; null where they are not equally long. */
  readonly fps: number | null;
  /** Whether `config` says what its colours are; else they are those of `toPlanes`. */
  readonly hasColours?: boolean;
}

export interface SoundTrack {
  readonly codec: AudioCodec;
  /** In mp4 at the times at which they are heard, so that what a decoder gives before the first sample lies before 0; in webm from 0 on. */
  readonly packets: readonly EncodedPacket[];
  readonly config: AudioDecoderConfig;
}

/** What the planes of `toPlanes` are: sRGB's primaries, BT.601's matrix, limited range. Players that are told nothing assume this matrix for small pictures. */
const colorSpace: VideoColorSpaceInit = { primaries: 'bt709', transfer: 'bt709', matrix: 'smpte170m', fullRange: false };

/** A whole file; equal input gives equal bytes: no time of day and no drawn number is in it. An mp4 has its index in front of its data. */
export async function writeVideo(format: 'mp4' | 'webm', picture: PictureTrack, sound: SoundTrack | null, tags: FileTags): Promise<Uint8Array> {
  const { BufferTarget, EncodedAudioPacketSource, EncodedVideoPacketSource, Mp4OutputFormat, Output, WebMOutputFormat } = await loadCodecs(`A ${format} video`);
  const target = new BufferTarget();
  const output = new Output({ format: format === 'mp4' ? new Mp4OutputFormat({ fastStart: 'in-memory' }) : new WebMOutputFormat(), target });
  const pictures = new EncodedVideoPacketSource(picture.codec);
  // An mp4 counts time in parts of this; by whole frames is too coarse for readers that round.
  const clock = format === 'mp4' ? 1000 : 1;
  output.addVideoTrack(pictures, picture.fps === null ? {} : { frameRate: picture.fps * clock });
  const sounds = sound === null ? null : new EncodedAudioPacketSource(sound.codec);
  if (sounds !== null) output.addAudioTrack(sounds);
  output.setMetadataTags({
    ...(tags.description !== null && { description: tags.description }),
    ...(tags.settings !== null && { comment: tags.settings }),
    // An mp4 says it in XMP.
    ...(format === 'webm' && tags.sourceType !== null && { raw: { DIGITAL_SOURCE_TYPE: tags.sourceType } }),
  });
  await output.start();
  await Promise.all([
    (async () => {
      const decoderConfig = picture.hasColours === true ? picture.config : { ...picture.config, colorSpace };
      for (const packet of picture.packets) await pictures.add(packet, { decoderConfig });
      pictures.close();
    })(),
    (async () => {
      if (sounds === null || sound === null) return;
      for (const packet of sound.packets) await sounds.add(packet, { decoderConfig: sound.config });
      sounds.close();
    })(),
  ]);
  await output.finalize();
  const file = new Uint8Array(target.buffer!);
  if (format === 'webm') return sound?.codec === 'opus' ? withCodecDelay(file, Math.round((opusDelay(sound.config) * 1e9) / 48_000)) : file;
  return tags.xmp === null ? withoutTimes(file) : withXmpBox(withoutTimes(file), tags.xmp);
}
