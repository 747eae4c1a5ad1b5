// The factory `image-tower`: a picture to the patch tokens that a chat model's picture tower makes of it, for an input projector.
// Resizes as transformers' image processors do (Pillow's kernels, then crop, squash or pad to a square). Knows no joint space and no language model.

import { imageMediaTypes } from '../../media/index.ts';
import type { Context, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { wholePicture } from '../pictures.ts';
import { frameProperties, normaliseInto, type FrameConfig } from '../preprocessing.ts';
import { cut, resize, type Kernel, type Plane } from '../resampling.ts';
import { openPixelGraph } from './pixel-graph.ts';

interface ImageTowerConfig extends PictureConfig {
  /** Count and width of the tokens. */
  readonly tokens: readonly [number, number];
  /** Names of the graph's ports. */
  readonly input: string;
  readonly output: string;
}

/** Schema of `PictureConfig.kernel`. */
export const kernelSchema: JsonSchema = { enum: ['bilinear', 'bicubic', 'lanczos'], default: 'bicubic', description: 'How pixels are weighed when a picture is resized.' };

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'size'],
  properties: {
    tokens: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2, description: 'Count and width of the tokens.' },
    input: { type: 'string', minLength: 1, default: 'pixels', description: "Name of the graph's input of pixels." },
    output: { type: 'string', minLength: 1, default: 'tokens', description: "Name of the graph's output of tokens." },
    ...frameProperties,
    kernel: kernelSchema,
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ImageTowerConfig {
  return requireConfig('image-tower', checkSchema<ImageTowerConfig>(config, given, 'config'));
}

/** Files: `model`, a graph `input` [1, 3, size, size], or [1, 1, 3, size, size] with `pixel_attention_mask`, to `output` [1, n, d] or [n, d]. */
export const imageTower: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'image-tower',
  config,
  ports: (given) => ({ in: {}, out: { tokens: readConfig(given).tokens } }),
  async open(source) {
    const read = readConfig(source.config);
    const graph = await openPixelGraph(source, read);
    return {
      mediaTypes: imageMediaTypes,
      // Only reading all pixels shows that none is missing.
      async check(media, context) {
        await pixelsOf(media, read, context);
      },
      async encode(media, context) {
        const pixels = await pixelsOf(media, read, context);
        context.signal.throwIfAborted();
        return { tokens: await graph.tokensOf(pixels), joint: null, tracks: [] };
      },
      dispose: async () => graph.release(),
    };
  },
};

/** What a tower sees of a picture, besides its own settings. */
export type PictureConfig = FrameConfig & { readonly kernel: Kernel };

/** [3, size, size] float32, normalised. Throws `bad_media`, `aborted`. */
export async function pixelsOf(media: Media, read: PictureConfig, context: Context): Promise<Float32Array> {
  const { data } = squareOf(await wholePicture(media, read.background, context.signal), read);
  const planar = new Float32Array(data.length);
  normaliseInto(planar, 0, data, read);
  return planar;
}

function squareOf(picture: Plane<Uint8Array>, { size, fit, kernel, background }: PictureConfig): Plane<Uint8Array> {
  const { width, height } = picture;
  if (fit === 'fill') return resize(picture, size, size, kernel);
  if (fit === 'contain') return resize(padded(picture, background), size, size, kernel);
  const [wide, high] = width <= height ? [size, Math.floor((size * height) / width)] : [Math.floor((size * width) / height), size];
  return cut(resize(picture, wide, high, kernel), Math.floor((wide - size) / 2), Math.floor((high - size) / 2), size);
}

/** In the middle of a square of its longer side. */
function padded({ width, height, data }: Plane<Uint8Array>, background: readonly [number, number, number]): Plane<Uint8Array> {
  const side = Math.max(width, height);
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  const result = new Uint8Array(3 * side * side);
  for (let i = 0; i < result.length; i += 1) result[i] = background[i % 3]!;
  for (let y = 0; y < height; y += 1) result.set(data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * side + left));
  return { width: side, height: side, channels: 3, data: result };
}
