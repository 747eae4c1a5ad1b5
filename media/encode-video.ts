// Pictures in a row to mp4 (H.264), webm (VP9), gif or animated webp with the mark of generated media and, if wanted, prompt and settings.
// Knows formats and metadata; knows nothing of how the pictures were made.
import { createHash } from 'node:crypto';
import type { Media, Provenance } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { encodeAnimation } from './animation.ts';
import { encodePicturePackets } from './picture-packets.ts';
import { fileTags } from './provenance.ts';
import type { FileTags } from './provenance.ts';
import { writeVideo } from './write-video.ts';
import { toPlanes } from './yuv.ts';

export type VideoFormat = 'mp4' | 'webm' | 'gif' | 'webp';

export interface VideoEncoding {
  readonly format: VideoFormat;
  /** Written into the file as JSON; null writes none. */
  readonly provenance: Provenance | null;
  /** Whether the file says that a trained model made it. */
  readonly mark: boolean;
}

export interface Clip {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] uint8 each, sRGB. */
  readonly frames: readonly Uint8Array[];
  /** Frames a second. */
  readonly fps: number;
}

const mediaTypes: Readonly<Record<VideoFormat, string>> = { mp4: 'video/mp4', webm: 'video/webm', gif: 'image/gif', webp: 'image/webp' };

/**
 * An encoded video without sound; equal frames and options give equal bytes. Every frame is shown for 1 / fps seconds: exactly in mp4, to the millisecond
 * in webm and webp, to 10 ms in gif, where errors do not add up.
 * The codecs of mp4 and webm take even sizes alone: there an odd width or height gets its last column or row twice.
 * @throws AnymodalError `internal` where sizes, frames and fps make no video, `unsupported` where the codecs of mp4 and webm are not installed.
 */
export async function encodeVideo(clip: Clip, options: VideoEncoding): Promise<Media> {
  const { width, height, frames, fps } = clip;
  if (frames.length === 0 || !(fps > 0 && fps <= 60)) throw new AnymodalError('internal', `encodeVideo got ${frames.length} frames at ${fps} a second; expected at least one, at no more than 60.`);
  const wrong = frames.find(({ length }) => length !== width * height * 3);
  if (wrong !== undefined) throw new AnymodalError('internal', `encodeVideo got a frame of ${wrong.length} values for ${width}x${height} RGB; expected ${width * height * 3}.`);
  const { format } = options;
  const tags = fileTags(options.provenance, options.mark);
  const bytes = format === 'gif' || format === 'webp' ? await encodeAnimation(clip, format, tags) : await encodePackets(clip, format, tags);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'video', mediaType: mediaTypes[format], bytes };
}

async function encodePackets({ width, height, frames, fps }: Clip, format: 'mp4' | 'webm', tags: FileTags): Promise<Uint8Array> {
  const codec = format === 'mp4' ? 'avc' : 'vp9';
  const size = { width: width + (width % 2), height: height + (height % 2) };
  const planes = (function* () {
    for (const frame of frames) yield toPlanes(frame, { width, height }, size);
  })();
  const { packets, config } = await encodePicturePackets(codec, format === 'mp4' ? 'An mp4 video' : 'A webm video', planes, size, fps);
  return writeVideo(format, { codec, packets, config, fps }, null, tags);
}
