// What a network that looks at pictures is shown: settings of a square frame and pixels as numbers around zero.
// Preprocessing is that of training/encoder/preprocess.py. Knows no file format and no network.

export type Channels = readonly [number, number, number];

/** Part of the `config` of every encoder that looks at pictures. */
export interface FrameConfig {
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

const channels = (items: object): object => ({ type: 'array', items, minItems: 3, maxItems: 3 });

/** JSON Schema of the properties of `FrameConfig`; `size` is required. */
export const frameProperties: Readonly<Record<string, object>> = {
  size: { type: 'integer', minimum: 1, description: 'Width and height of what the network sees, in pixels.' },
  mean: { ...channels({ type: 'number' }), default: [0.5, 0.5, 0.5], description: 'Per channel, of values from 0 to 1.' },
  std: { ...channels({ type: 'number', exclusiveMinimum: 0 }), default: [0.5, 0.5, 0.5], description: 'Per channel, of values from 0 to 1.' },
  background: { ...channels({ type: 'integer', minimum: 0, maximum: 255 }), default: [255, 255, 255], description: 'RGB behind transparent pixels and around the picture.' },
  fit: { enum: ['contain', 'cover', 'fill'], default: 'contain', description: 'How a picture that is not square comes to be so.' },
};

/** Size, fit and background as the functions of `media/` take them. */
export function frameSize(config: FrameConfig): { width: number; height: number; fit: FrameConfig['fit']; background: Channels } {
  const { size, fit, background } = config;
  return { width: size, height: size, fit, background };
}

/** Pixels [size, size, 3] uint8 to [3, size, size] float32, normalised, written into `planar` from `start` on. */
export function normaliseInto(planar: Float32Array, start: number, pixels: Uint8Array, { mean, std }: Pick<FrameConfig, 'mean' | 'std'>): void {
  const plane = pixels.length / 3;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) planar[start + c * plane + i] = (pixels[i * 3 + c]! / 255 - mean[c]!) / std[c]!;
  }
}
