// What a video starts from: a picture for its first frame, or a video to change, as latents.
// Knows references and the sizes of files; nothing of steps and prompts.

import { decodeImage, decodeVideo, inspectVideo } from '../../media/index.ts';
import type { Context, Media, Reference } from '../../src/contracts.ts';
import type { ImageGraphs } from '../image/graphs.ts';
import { toPlanar } from '../image/pixels.ts';
import { frameSize } from './settings.ts';
import type { VideoDecoderConfig, VideoOptions } from './settings.ts';

export interface VideoSource {
  /** Latents of the picture that is to be the first frame; null without one. */
  readonly picture: Float32Array | null;
  /** Latents of the frames of the video to change, at the times of the frames to be made and no longer than it is; empty without one. */
  readonly frames: readonly Float32Array[];
}

const WHITE = [255, 255, 255] as const;

/**
 * The first `follow` reference, a picture, and the first `edit` reference, a video, each shown whole on white at the size that is drawn.
 * Warns `reference_ignored` of what is left over. Throws `bad_media` for bytes that are no such medium, `aborted`.
 */
export async function readSource(references: readonly Reference[], config: VideoDecoderConfig, graphs: ImageGraphs, options: VideoOptions, context: Context): Promise<VideoSource> {
  const [picture, ...otherPictures] = references.filter(({ role }) => role === 'follow').map(({ media }) => media);
  const [video, ...otherVideos] = references.filter(({ role }) => role === 'edit').map(({ media }) => media);
  if (otherPictures.length > 0) context.warn('reference_ignored', `one picture is the first frame; the first of ${otherPictures.length + 1} was taken.`);
  if (otherVideos.length > 0) context.warn('reference_ignored', `one video is edited at a time; the first of ${otherVideos.length + 1} was taken.`);
  return {
    picture: picture === undefined ? null : await readPicture(picture, config, graphs, context),
    frames: video === undefined ? [] : await readFrames(video, config, graphs, options, context),
  };
}

async function readPicture(media: Media, config: VideoDecoderConfig, graphs: ImageGraphs, context: Context): Promise<Float32Array> {
  const { pixels } = await decodeImage(media, { ...frameSize(config), fit: 'contain', background: WHITE }, context.signal);
  return graphs.encode(toPlanar(pixels));
}

async function readFrames(media: Media, config: VideoDecoderConfig, graphs: ImageGraphs, options: VideoOptions, context: Context): Promise<Float32Array[]> {
  const latents: Float32Array[] = [];
  for (const pixels of await framesToEdit(media, frameSize(config), options, 'the rest is made without it', context)) {
    context.signal.throwIfAborted();
    latents.push(await graphs.encode(toPlanar(pixels)));
  }
  return latents;
}

/**
 * Pixels of the video to change at the times of the frames to be made, no longer than it is, shown whole on white. Warns `source_ended`, with
 * what is done about it, and `source_cut`. Throws `bad_media`, `aborted`.
 */
export async function framesToEdit(media: Media, { width, height }: { readonly width: number; readonly height: number }, { frames: count, fps }: Pick<VideoOptions, 'frames' | 'fps'>, ended: string, context: Context): Promise<Uint8Array[]> {
  const { seconds } = await inspectVideo(media, context.signal);
  const wanted = Array.from({ length: count }, (_, frame) => frame / fps);
  const times = wanted.filter((time, frame) => frame === 0 || time < seconds);
  const { frames } = await decodeVideo(media, { width, height, fit: 'contain', background: WHITE, times }, context.signal);
  if (times.length < wanted.length) context.warn('source_ended', `the video to edit lasts ${round(seconds)} s of the ${round(count / fps)} s asked for; ${ended}.`);
  else if (seconds > (count + 1) / fps) context.warn('source_cut', `the first ${round(count / fps)} s of the video were taken, which lasts ${round(seconds)} s; raise frames or lower fps for more.`);
  return frames;
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
