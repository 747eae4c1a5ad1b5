// The factory `joint-video`: four frames of a video to the joint space and to detail tokens, and its sound as a track.
// Frames are shown as the image encoder shows pictures (../preprocessing.ts); the network is the graph's. Knows no language model.

import { decodeVideo, soundOfVideo, videoMediaTypes } from '../../media/index.ts';
import type { Context, Encoder, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { Session } from '../../src/runtime/sessions.ts';
import { floatTensor, l2Normalise, reshape } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { frameProperties, frameSize, normaliseInto } from '../preprocessing.ts';
import type { FrameConfig } from '../preprocessing.ts';

interface JointVideoConfig extends FrameConfig {
  /** Count and width of the tokens, the global one first. */
  readonly tokens: readonly [number, number];
  /** Width of the joint space. */
  readonly joint: number;
  /** How much of the sound becomes a track, in seconds from its beginning; 0 is none. */
  readonly soundSeconds: number;
}

/** One from the middle of each quarter of the video. */
const FRAMES = 4;

const count = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'joint', 'size'],
  properties: {
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the tokens, the global one first.' },
    joint: { ...count, description: 'Width of the joint space.' },
    ...frameProperties,
    soundSeconds: { type: 'number', minimum: 0, default: 30, description: 'How much of the sound is read, from its beginning; 0 is none.' },
  },
};

/** Files: `model`, a graph `pixels` [batch, 4, 3, size, size] to `tokens` [batch, n, d] and `joint` [batch, d_joint]. */
export const jointVideo: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-video',
  config,
  ports: (given) => ({ in: {}, out: { tokens: readConfig(given).tokens, joint: [readConfig(given).joint] } }),
  async open(source) {
    const read = readConfig(source.config);
    const session = await openGraph(source, 'model', {
      inputs: { pixels: { type: 'float32', shape: [null, FRAMES, 3, read.size, read.size] } },
      outputs: { tokens: { type: 'float32', shape: [null, ...read.tokens] }, joint: { type: 'float32', shape: [null, read.joint] } },
    });
    return createVideoEncoder(read, session);
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): JointVideoConfig {
  return requireConfig('joint-video', checkSchema<JointVideoConfig>(config, given, 'config'));
}

function createVideoEncoder(read: JointVideoConfig, session: Session): Encoder {
  const soundOf = async (media: Media, context: Context): Promise<Media | null> =>
    read.soundSeconds === 0 ? null : soundOfVideo(media, { maxSeconds: read.soundSeconds }, context.signal);
  return {
    mediaTypes: videoMediaTypes,
    // Only decoding what `encode` decodes shows that it can be.
    async check(media, context) {
      await readFrames(read, media, context);
      await soundOf(media, context);
    },
    async encode(media, context) {
      const pixels = await readFrames(read, media, context);
      const sound = await soundOf(media, context);
      const results = await session.run({ pixels: { shape: [1, FRAMES, 3, read.size, read.size], data: pixels } });
      return {
        tokens: reshape(floatTensor(results['tokens'], 'tokens'), read.tokens),
        joint: { shape: [read.joint], data: l2Normalise(floatTensor(results['joint'], 'joint').data) },
        tracks: sound === null ? [] : [sound],
      };
    },
    dispose: async () => session.release(),
  };
}

/** [4, 3, size, size] float32, normalised, in the order of the video. */
async function readFrames(read: JointVideoConfig, media: Media, context: Context): Promise<Float32Array> {
  const { frames } = await decodeVideo(media, { ...frameSize(read), times: 'quarters' }, context.signal);
  if (frames.length !== FRAMES) throw new AnymodalError('internal', `joint-video: got ${frames.length} frames of a video, expected ${FRAMES}.`);
  const frame = 3 * read.size * read.size;
  const planar = new Float32Array(FRAMES * frame);
  frames.forEach((pixels, index) => normaliseInto(planar, index * frame, pixels, read));
  return planar;
}
