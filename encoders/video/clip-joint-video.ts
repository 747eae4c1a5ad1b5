// The factory `clip-joint-video`: clips of a video to the joint space, as ImageBind's loader takes them: a few clips spread over it, frames
// spread over each, the short side scaled bilinearly, crops along the long one (imagebind/data.py). The sound is a track.

import { decodeVideo, inspectVideo, soundOfVideo, videoMediaTypes } from '../../media/index.ts';
import type { Context, Factory, Media } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, openJointGraph } from '../joint-graph.ts';
import { frameProperties, type FrameConfig } from '../preprocessing.ts';
import { bilinearShortSide, cut } from '../resampling.ts';

interface ClipVideoConfig extends Pick<FrameConfig, 'size' | 'mean' | 'std' | 'background'> {
  readonly joint: number;
  readonly frames: number;
  readonly clips: number;
  readonly clipSeconds: number;
  readonly crops: 1 | 3;
  readonly soundSeconds: number;
}

const { size, mean, std, background } = frameProperties;
const count = { type: 'integer', minimum: 1 };
const config = jointSchema(
  {
    ...(size && { size }),
    frames: { ...count, description: 'Frames of a clip, from its first to its last.' },
    clips: { ...count, description: 'Clips of a video; the k-th of n begins at k / n of what is left before the last possible beginning.' },
    clipSeconds: { type: 'number', exclusiveMinimum: 0, description: 'Length of a clip.' },
    crops: { enum: [1, 3], description: 'Squares of a clip: its middle, or both ends as well.' },
  },
  {
    ...(mean && { mean }), ...(std && { std }), ...(background && { background }),
    soundSeconds: { type: 'number', minimum: 0, default: 30, description: 'How much of the sound is read, from its beginning; 0 is none.' },
  },
);

/** Files: `model`, a graph `pixels` [batch, 3, frames, size, size] to `joint` [batch, joint]. */
export const clipJointVideo: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'clip-joint-video',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const graph = await openJointGraph(source, 'pixels', [3, read.frames, read.size, read.size], read.joint);
    const soundOf = async (media: Media, context: Context): Promise<Media | null> => (read.soundSeconds === 0 ? null : soundOfVideo(media, { maxSeconds: read.soundSeconds }, context.signal));
    return {
      mediaTypes: videoMediaTypes,
      // Only decoding what `encode` decodes shows that it can be.
      async check(media, context) {
        await clipsOf(media, read, context);
        await soundOf(media, context);
      },
      async encode(media, context) {
        const clips = await clipsOf(media, read, context);
        const sound = await soundOf(media, context);
        return { ...(await graph.embed(clips, context.signal)), tracks: sound === null ? [] : [sound] };
      },
      dispose: async () => graph.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClipVideoConfig {
  return requireConfig('clip-joint-video', checkSchema<ClipVideoConfig>(config, given, 'config'));
}

/** Numbers of the frames of each clip, of a video of `count_` frames. */
export function framesOfClips(seconds: number, count_: number, { clips, clipSeconds, frames }: Pick<ClipVideoConfig, 'clips' | 'clipSeconds' | 'frames'>): number[][] {
  const fps = count_ / seconds;
  const latest = Math.max(seconds - clipSeconds, 0);
  // Times are fractions, and what is a whole number of frames must not become one more by their last bit.
  const frameAt = (time: number): number => Math.min(Math.ceil(fps * time - 1e-6), count_);
  return Array.from({ length: clips }, (_, index) => {
    const start = (latest * index) / clips;
    const first = Math.min(frameAt(start), count_ - 1);
    const last = Math.max(frameAt(start + clipSeconds) - 1, first);
    return Array.from({ length: frames }, (__, k) => first + Math.trunc(frames === 1 ? 0 : ((last - first) * k) / (frames - 1)));
  });
}

/** [clips * crops] of [3, frames, size, size], normalised. */
async function clipsOf(media: Media, read: ClipVideoConfig, { signal }: Context): Promise<Float32Array[]> {
  const { seconds, width, height, frames: counted } = await inspectVideo(media, signal);
  // Of a video whose frames are too many to count 25 a second are taken, which is close enough for where a clip begins.
  const total = counted ?? Math.max(1, Math.round(seconds * 25));
  const clips = framesOfClips(seconds, total, read);
  const wanted = [...new Set(clips.flat())];
  const { frames } = await decodeVideo(media, { width, height, fit: 'fill', background: read.background, times: wanted.map((frame) => ((frame + 0.5) * seconds) / total) }, signal);
  const scaled = new Map(wanted.map((frame, index) => [frame, bilinearShortSide({ width, height, channels: 3, data: frames[index] ?? new Uint8Array(width * height * 3) }, read.size)]));
  const plane = read.size * read.size;
  return clips.flatMap((numbers) =>
    Array.from({ length: read.crops }, (_, crop) => {
      const clip = new Float32Array(3 * read.frames * plane);
      for (const [k, frame] of numbers.entries()) {
        const picture = scaled.get(frame);
        if (picture === undefined) continue;
        const [spareX, spareY] = [picture.width - read.size, picture.height - read.size];
        const middle = read.crops === 1 || crop === 1;
        const along = (spare: number, long: boolean): number => (middle || !long ? Math.ceil(spare / 2) : crop === 0 ? 0 : spare);
        const { data } = cut(picture, along(spareX, picture.height <= picture.width), along(spareY, picture.height > picture.width), read.size);
        for (let channel = 0; channel < 3; channel += 1) {
          const start = (channel * read.frames + k) * plane;
          for (let i = 0; i < plane; i += 1) clip[start + i] = (data[3 * i + channel]! / 255 - read.mean[channel]!) / read.std[channel]!;
        }
      }
      return clip;
    }),
  );
}
