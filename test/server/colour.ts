// What colour a made picture has, for tests that ask for one. Knows no route.

import { decodeImage, mediaFromBytes } from '../../media/index.ts';

/** Mean of red, green and blue over what is not white. */
export async function colourOf(base64: string): Promise<readonly [number, number, number]> {
  const media = await mediaFromBytes(Buffer.from(base64, 'base64'));
  const { pixels } = await decodeImage(media, { width: 64, height: 64, fit: 'fill', background: [255, 255, 255] });
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < pixels.length; i += 3) {
    const colour = [pixels[i]!, pixels[i + 1]!, pixels[i + 2]!];
    if (Math.min(...colour) > 220) continue;
    count += 1;
    for (const [channel, value] of colour.entries()) sums[channel]! += value;
  }
  return [sums[0]! / count, sums[1]! / count, sums[2]! / count];
}
