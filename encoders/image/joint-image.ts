// The factory `joint-image`: a picture to the joint space and to detail tokens for the language model.
// Preprocessing is that of training/encoder/preprocess.py; the network is the graph's. Knows no language model.

import { decodeImage, imageMediaTypes } from '../../media/index.ts';
import type { Context, Encoder, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { Session } from '../../src/runtime/sessions.ts';
import { floatTensor, l2Normalise, reshape } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';

type Channels = readonly [number, number, number];

interface JointImageConfig {
  /** Count and width of the tokens, the global one first. */
  readonly tokens: readonly [number, number];
  /** Width of the joint space. */
  readonly joint: number;
  /** Width and height of what the network sees, in pixels. */
  readonly size: number;
  /** Per channel, of values from 0 to 1: the network sees (value - mean) / std. */
  readonly mean: Channels;
  readonly std: Channels;
  /** RGB 0 to 255, behind transparent pixels and around pictures that are not square. */
  readonly background: Channels;
  /** How a picture that is not square comes to be so. */
  readonly fit: 'contain' | 'cover' | 'fill';
}

const count = { type: 'integer', minimum: 1 };
const channels = (items: object): object => ({ type: 'array', items, minItems: 3, maxItems: 3 });
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'joint', 'size'],
  properties: {
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the tokens, the global one first.' },
    joint: { ...count, description: 'Width of the joint space.' },
    size: { ...count, description: 'Width and height of what the network sees, in pixels.' },
    mean: { ...channels({ type: 'number' }), default: [0.5, 0.5, 0.5], description: 'Per channel, of values from 0 to 1.' },
    std: { ...channels({ type: 'number', exclusiveMinimum: 0 }), default: [0.5, 0.5, 0.5], description: 'Per channel, of values from 0 to 1.' },
    background: { ...channels({ type: 'integer', minimum: 0, maximum: 255 }), default: [255, 255, 255], description: 'RGB behind transparent pixels and around the picture.' },
    fit: { enum: ['contain', 'cover', 'fill'], default: 'contain', description: 'How a picture that is not square comes to be so.' },
  },
};

/** Files: `model`, a graph `pixels` [batch, 3, size, size] to `tokens` [batch, n, d] and `joint` [batch, d_joint]. */
export const jointImage: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-image',
  config,
  ports: (given) => ({ in: {}, out: { tokens: readConfig(given).tokens, joint: [readConfig(given).joint] } }),
  async open(source) {
    const read = readConfig(source.config);
    const session = await openGraph(source, 'model', {
      inputs: { pixels: { type: 'float32', shape: [null, 3, read.size, read.size] } },
      outputs: { tokens: { type: 'float32', shape: [null, ...read.tokens] }, joint: { type: 'float32', shape: [null, read.joint] } },
    });
    return createImageEncoder(read, session);
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): JointImageConfig {
  return requireConfig('joint-image', checkSchema<JointImageConfig>(config, given, 'config'));
}

function createImageEncoder(read: JointImageConfig, session: Session): Encoder {
  return {
    mediaTypes: imageMediaTypes,
    // Only reading all pixels shows that none is missing.
    async check(media, context) {
      await readPixels(read, media, context);
    },
    async encode(media, context) {
      const results = await session.run({ pixels: { shape: [1, 3, read.size, read.size], data: await readPixels(read, media, context) } });
      return {
        tokens: reshape(floatTensor(results['tokens'], 'tokens'), read.tokens),
        joint: { shape: [read.joint], data: l2Normalise(floatTensor(results['joint'], 'joint').data) },
        tracks: [],
      };
    },
    dispose: async () => session.release(),
  };
}

/** [3, size, size] float32, normalised. */
async function readPixels(read: JointImageConfig, media: Media, context: Context): Promise<Float32Array> {
  const { size, mean, std, background, fit } = read;
  const { pixels } = await decodeImage(media, { width: size, height: size, fit, background }, context.signal);
  const plane = size * size;
  const planar = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) planar[c * plane + i] = (pixels[i * 3 + c]! / 255 - mean[c]!) / std[c]!;
  }
  return planar;
}
