// Decoded frames of videos to upright pictures in RGB. Knows colour and planes, no codec.
// Source: ITU-R BT.601-7, BT.709-6, BT.2020-2: luma coefficients and ranges; W3C WebCodecs: pixel formats.
import type { VideoSample } from 'mediabunny';
import type { PixelSource } from '../resize.ts';

/** Weights of red and of blue in luma. */
const matrices: Readonly<Record<string, readonly [red: number, blue: number]>> = {
  bt709: [0.2126, 0.0722],
  bt470bg: [0.299, 0.114],
  smpte170m: [0.299, 0.114],
  'bt2020-ncl': [0.2627, 0.0593],
};

/** Planes of Y'CbCr: how often chroma is taken across and down, bits, whether alpha follows, whether Cb and Cr lie side by side. */
interface Layout {
  readonly across: 1 | 2;
  readonly down: 1 | 2;
  readonly bits: number;
  readonly alpha: boolean;
  readonly paired: boolean;
}

/** Asks the library for its own conversion. */
const toRgba: VideoFrameCopyToOptions & { readonly format: 'RGBA' } = { format: 'RGBA' };

/** [height, width] RGB, or RGBA where the frame has transparency. */
export async function toPicture(sample: VideoSample): Promise<PixelSource> {
  const { codedWidth: width, codedHeight: height } = sample;
  const layout = layoutOf(sample.format);
  if (layout === null) {
    const pixels = new Uint8Array(sample.allocationSize(toRgba));
    await sample.copyTo(pixels, toRgba);
    return { width, height, channels: 4, pixels };
  }
  const data = new Uint8Array(sample.allocationSize());
  const planes = await sample.copyTo(data);
  return { width, height, ...convert(data, planes, layout, sample) };
}

function layoutOf(format: string | null): Layout | null {
  if (format === 'NV12') return { across: 2, down: 2, bits: 8, alpha: false, paired: true };
  const match = /^I(420|422|444)(A?)(?:P(10|12))?$/.exec(format ?? '');
  if (match === null) return null;
  const [, chroma, alpha, bits] = match;
  return { across: chroma === '444' ? 1 : 2, down: chroma === '420' ? 2 : 1, bits: Number(bits ?? 8), alpha: alpha === 'A', paired: false };
}

function convert(data: Uint8Array, planes: readonly { offset: number; stride: number }[], layout: Layout, sample: VideoSample): { channels: 3 | 4; pixels: Uint8Array } {
  const { codedWidth: width, codedHeight: height, colorSpace } = sample;
  const { across, down, bits, alpha, paired } = layout;
  // What says nothing follows the custom of players: high definition is BT.709, less is BT.601, and the range is limited.
  const [kr, kb] = matrices[colorSpace.matrix ?? ''] ?? matrices[width >= 1280 || height > 576 ? 'bt709' : 'smpte170m']!;
  const full = colorSpace.fullRange === true;
  const bytes = bits > 8 ? 2 : 1;
  // Values of more bits are brought to the scale of 8.
  const unit = 2 ** (8 - bits);
  const at = bits > 8 ? (i: number): number => (data[i]! | (data[i + 1]! << 8)) * unit : (i: number): number => data[i]!;
  const [floor, gain, chromaGain] = full ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const [redOfCr, blueOfCb] = [2 * (1 - kr) * chromaGain, 2 * (1 - kb) * chromaGain];
  const [greenOfCr, greenOfCb] = [(redOfCr * kr) / (1 - kr - kb), (blueOfCb * kb) / (1 - kr - kb)];
  const channels = alpha ? 4 : 3;
  const pixels = new Uint8ClampedArray(width * height * channels);
  const [luma, cb] = [planes[0]!, planes[1]!];
  const cr = paired ? { offset: cb.offset + bytes, stride: cb.stride } : planes[2]!;
  const step = paired ? 2 * bytes : bytes;
  // Of odd sides the library leaves out the last column or row of chroma.
  const lastColumn = Math.floor(cb.stride / step) - 1;
  const lastRow = Math.floor(((paired ? data.length : planes[2]!.offset) - cb.offset) / cb.stride) - 1;
  for (let y = 0, i = 0; y < height; y += 1) {
    const line = luma.offset + y * luma.stride;
    const row = Math.min(Math.floor(y / down), lastRow);
    const cbLine = cb.offset + row * cb.stride;
    const crLine = cr.offset + row * cr.stride;
    for (let x = 0; x < width; x += 1, i += channels) {
      const chroma = Math.min(across === 2 ? x >> 1 : x, lastColumn) * step;
      const light = (at(line + x * bytes) - floor) * gain;
      const u = at(cbLine + chroma) - 128;
      const v = at(crLine + chroma) - 128;
      pixels[i] = light + redOfCr * v;
      pixels[i + 1] = light - greenOfCr * v - greenOfCb * u;
      pixels[i + 2] = light + blueOfCb * u;
    }
  }
  if (alpha) {
    const plane = planes[3]!;
    for (let y = 0, i = 3; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, i += 4) pixels[i] = at(plane.offset + y * plane.stride + x * bytes);
    }
  }
  return { channels, pixels: new Uint8Array(pixels.buffer) };
}

/** The picture turned clockwise, then mirrored left to right. */
export function turned(picture: PixelSource, degrees: number, flip: boolean): PixelSource {
  if (degrees === 0 && !flip) return picture;
  const { width, height, channels, pixels } = picture;
  const sideways = degrees === 90 || degrees === 270;
  const [wide, high] = sideways ? [height, width] : [width, height];
  const result = new Uint8Array(pixels.length);
  for (let y = 0, i = 0; y < high; y += 1) {
    for (let column = 0; column < wide; column += 1, i += channels) {
      const x = flip ? wide - 1 - column : column;
      const [fromX, fromY] = degrees === 90 ? [y, height - 1 - x] : degrees === 180 ? [width - 1 - x, height - 1 - y] : degrees === 270 ? [width - 1 - y, x] : [x, y];
      const from = (fromY * width + fromX) * channels;
      for (let c = 0; c < channels; c += 1) result[i + c] = pixels[from + c]!;
    }
  }
  return { width: wide, height: high, channels, pixels: result };
}
