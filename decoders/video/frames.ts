// Latents of frames to pixels of the size that was asked for. Knows no time and no file format.

import { resizePixels } from '../../media/resize.ts';
import type { ImageGraphs } from '../image/graphs.ts';
import { fromPlanar } from '../image/pixels.ts';
import { frameSize } from './settings.ts';
import type { VideoDecoderConfig } from './settings.ts';

export interface Frames {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] uint8 each. */
  readonly frames: Uint8Array[];
}

/**
 * Pixels of each frame at a width, the height in proportion and even. Throws the signal's reason before the frame after an abort.
 * One frame a run: on a CPU a frame in a batch takes as long, and sixteen of them 180 MB more.
 */
export async function decodeFrames(config: VideoDecoderConfig, graphs: ImageGraphs, latents: readonly Float32Array[], width: number, signal: AbortSignal): Promise<Frames> {
  const drawn = frameSize(config);
  const height = 2 * Math.round((width * drawn.height) / drawn.width / 2);
  const asDrawn = width === drawn.width && height === drawn.height;
  const frames: Uint8Array[] = [];
  for (const frame of latents) {
    signal.throwIfAborted();
    const pixels = new Uint8Array(fromPlanar(await graphs.decode(frame)).buffer);
    frames.push(asDrawn ? pixels : resizePixels({ ...drawn, channels: 3, pixels }, { width, height, fit: 'fill', background: [255, 255, 255] }));
  }
  return { width, height, frames };
}
