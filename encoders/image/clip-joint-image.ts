// The factory `clip-joint-image`: a picture to the joint space, seen as CLIP, OpenCLIP and ImageBind see it.
// Short side by Pillow's bicubic kernel, the middle square, mean and deviation (ImageBind imagebind/data.py). Knows no language model.

import { imageMediaTypes } from '../../media/index.ts';
import type { Context, Factory, Media } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, openJointGraph } from '../joint-graph.ts';
import { wholePicture } from '../pictures.ts';
import { frameProperties, normaliseInto, type FrameConfig } from '../preprocessing.ts';
import { bicubicSquare } from '../resampling.ts';

interface ClipImageConfig extends Pick<FrameConfig, 'size' | 'mean' | 'std' | 'background'> {
  readonly joint: number;
  /** Equal frames that a still picture stands for; null for a graph of single pictures. */
  readonly frames: number | null;
  /** Which pixel begins the middle square where it lies between two. */
  readonly between: 'even' | 'lower';
}

const { size, mean, std, background } = frameProperties;
const config = jointSchema(
  { ...(size && { size }) },
  {
    ...(mean && { mean }), ...(std && { std }), ...(background && { background }),
    frames: { type: ['integer', 'null'], minimum: 1, default: null, description: 'Equal frames that a still picture stands for; null for a graph of single pictures.' },
    between: { enum: ['even', 'lower'], default: 'even', description: 'Which pixel begins the middle square where it lies between two: as torchvision, or as transformers.' },
  },
);

/** Files: `model`, a graph `pixels` [batch, 3, size, size], or [batch, 3, frames, size, size], to `joint` [batch, joint]. */
export const clipJointImage: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'clip-joint-image',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const shape = read.frames === null ? [3, read.size, read.size] : [3, read.frames, read.size, read.size];
    const graph = await openJointGraph(source, 'pixels', shape, read.joint);
    return {
      mediaTypes: imageMediaTypes,
      // Only reading all pixels shows that none is missing.
      async check(media, context) {
        await clipOf(media, read, context);
      },
      encode: async (media, context) => graph.embed([await clipOf(media, read, context)], context.signal),
      dispose: async () => graph.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClipImageConfig {
  return requireConfig('clip-joint-image', checkSchema<ClipImageConfig>(config, given, 'config'));
}

async function clipOf(media: Media, read: ClipImageConfig, context: Context): Promise<Float32Array> {
  const { data } = bicubicSquare(await wholePicture(media, read.background, context.signal), read.size, read.between);
  const plane = read.size * read.size;
  const frame = new Float32Array(3 * plane);
  normaliseInto(frame, 0, data, read);
  const count = read.frames ?? 1;
  const clip = new Float32Array(count * frame.length);
  for (let channel = 0; channel < 3; channel += 1) {
    for (let k = 0; k < count; k += 1) clip.set(frame.subarray(channel * plane, (channel + 1) * plane), (channel * count + k) * plane);
  }
  return clip;
}
