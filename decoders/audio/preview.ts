// A small picture of a sound that is not finished: its log-mels over time, low tones at the bottom.
// A picture is seen at once and everywhere, and is a tenth of the samples. Knows mels; nothing of latents and steps.

import { encodeImage } from '../../media/index.ts';
import type { Media, Tensor } from '../../src/contracts.ts';

/** What is shown below the loudest mel, in nepers: 60 dB. */
const RANGE = Math.log(1000);
/** From silence to the loudest: RGB at equal distances. */
const COLOURS = [[8, 6, 24], [78, 24, 110], [186, 52, 92], [246, 142, 52], [252, 248, 200]] as const;

/** A picture with a pixel for each of the log-mels [mels, frames]; `floor` is the mel of silence. */
export async function previewOf({ shape: [height = 0, width = 0], data }: Tensor, floor: number): Promise<Media> {
  const loudest = data.reduce((most, value) => Math.max(most, value), Math.log(floor) + RANGE);
  const pixels = new Uint8ClampedArray(3 * data.length);
  for (let mel = 0; mel < height; mel += 1) {
    for (let frame = 0; frame < width; frame += 1) {
      const level = Math.max(0, 1 + (data[mel * width + frame]! - loudest) / RANGE);
      pixels.set(colourOf(level), 3 * ((height - 1 - mel) * width + frame));
    }
  }
  return encodeImage({ width, height, pixels }, { format: 'png', provenance: null, mark: true });
}

/** RGB of a level 0..1. */
function colourOf(level: number): number[] {
  const place = level * (COLOURS.length - 1);
  const below = Math.min(COLOURS.length - 2, Math.floor(place));
  return COLOURS[below]!.map((value, channel) => value + (place - below) * (COLOURS[below + 1]![channel]! - value));
}
