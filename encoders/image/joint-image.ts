// The factory `joint-image`: a picture to the joint space and to detail tokens for the language model.
// What the graph is shown is settled in ../preprocessing.ts; the network is the graph's. Knows no language model.

import { decodeImage, imageMediaTypes } from '../../media/index.ts';
import type { Context, Encoder, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { Session } from '../../src/runtime/sessions.ts';
import { floatTensor, l2Normalise, reshape } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { frameProperties, frameSize, normaliseInto } from '../preprocessing.ts';
import type { FrameConfig } from '../preprocessing.ts';

interface JointImageConfig extends FrameConfig {
  /** Count and width of the tokens, the global one first. */
  readonly tokens: readonly [number, number];
  /** Width of the joint space. */
  readonly joint: number;
}

const count = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'joint', 'size'],
  properties: {
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the tokens, the global one first.' },
    joint: { ...count, description: 'Width of the joint space.' },
    ...frameProperties,
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
  const { pixels } = await decodeImage(media, frameSize(read), context.signal);
  const planar = new Float32Array(pixels.length);
  normaliseInto(planar, 0, pixels, read);
  return planar;
}
