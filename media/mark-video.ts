// Writes the mark of generated media and prompt and settings into a video that another program made; what is encoded stays as it is.
// Knows containers; decodes one picture to see that it is a video.
import { createHash } from 'node:crypto';
import type { Media, Provenance } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { readVideo } from './add-sound.ts';
import { loadCodecs } from './codecs.ts';
import { decodeVideo, inspectVideo } from './decode-video.ts';
import { encodeVideo } from './encode-video.ts';
import { fileTags } from './provenance.ts';
import { writeVideo } from './write-video.ts';
import type { SoundTrack } from './write-video.ts';

/** Most values of all frames of an animation, which is encoded anew. */
const MOST_VALUES = 512 * 2 ** 20;
const SMALL = { width: 16, height: 16, fit: 'fill', background: [0, 0, 0] } as const;

/**
 * The video with the mark: mp4 and webm by their packets, gif and webp encoded anew, others as mp4 where their pictures fit.
 * @throws AnymodalError `bad_media` for what cannot be read, `too_large` for animations of too many frames, `unsupported` where the codecs are not installed,
 * `aborted`.
 */
export async function markVideo(media: Media, provenance: Provenance | null, signal?: AbortSignal): Promise<Media> {
  // In the limited process, before anything else looks into it.
  await decodeVideo(media, { ...SMALL, times: [0] }, signal);
  const tags = fileTags(provenance, true);
  if (media.mediaType === 'image/gif' || media.mediaType === 'image/webp' || media.mediaType === 'image/png') return again(media, provenance, signal);
  const format = media.mediaType === 'video/webm' ? 'webm' : 'mp4';
  const codecs = await loadCodecs(`A ${format} video`);
  const { picture } = await readVideo(codecs, media, format);
  const bytes = await writeVideo(format, { ...picture, hasColours: true }, await soundOf(media, codecs), tags);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'video', mediaType: `video/${format}`, bytes };
}

async function soundOf(media: Media, codecs: Awaited<ReturnType<typeof loadCodecs>>): Promise<SoundTrack | null> {
  const input = new codecs.Input({ source: new codecs.BufferSource(media.bytes), formats: codecs.ALL_FORMATS });
  try {
    const track = await input.getPrimaryAudioTrack();
    const [codec, config] = [await track?.getCodec(), await track?.getDecoderConfig()];
    if (track === null || codec === undefined || codec === null || config === undefined || config === null) return null;
    const packets = [];
    for await (const packet of new codecs.EncodedPacketSink(track).packets()) packets.push(packet);
    return { codec, packets, config };
  } finally {
    input.dispose();
  }
}

async function again(media: Media, provenance: Provenance | null, signal?: AbortSignal): Promise<Media> {
  const { width, height, seconds, frames } = await inspectVideo(media, signal);
  const count = frames ?? 0;
  if (count < 1 || count * width * height * 3 > MOST_VALUES) throw new AnymodalError('too_large', `The animation has ${frames ?? 'too many'} frames of ${width}x${height}, more than are encoded anew; ask for mp4 or webm.`);
  const fps = Math.min(60, count / Math.max(seconds, 0.02));
  const decoded = await decodeVideo(media, { width, height, fit: 'fill', background: [255, 255, 255], times: Array.from({ length: count }, (_, i) => (i + 0.5) / fps) }, signal);
  return encodeVideo({ width, height, frames: decoded.frames, fps }, { format: media.mediaType === 'image/gif' ? 'gif' : 'webp', provenance, mark: true });
}
