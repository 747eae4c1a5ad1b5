// A wav of our own making to samples. Knows the format; strangers' files are for `decodeAudio`.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';

/**
 * @returns samples [n], mono, -1..1: channels are averaged.
 * @throws AnymodalError `bad_media` where it is no wav or has no samples.
 */
export async function soundOfWav(media: Media): Promise<{ samples: Float32Array; sampleRateHz: number }> {
  const { default: wavefile } = await import('wavefile');
  try {
    const file = new wavefile.WaveFile(media.bytes);
    const { sampleRate, numChannels } = readFormat(file.fmt);
    file.toBitDepth('32f');
    const read: unknown = file.getSamples(true, Float32Array);
    if (!(read instanceof Float32Array) || read.length < numChannels) throw new TypeError('no samples');
    const samples = Float32Array.from({ length: Math.floor(read.length / numChannels) }, (_, i) => {
      let sum = 0;
      for (let channel = 0; channel < numChannels; channel += 1) sum += read[i * numChannels + channel]!;
      return sum / numChannels;
    });
    return { samples, sampleRateHz: sampleRate };
  } catch (error) {
    throw new AnymodalError('bad_media', `${media.name === undefined ? 'The sound' : `"${media.name}"`} cannot be read as a wav.`, { cause: error });
  }
}

function readFormat(format: object): { sampleRate: number; numChannels: number } {
  if ('sampleRate' in format && 'numChannels' in format && typeof format.sampleRate === 'number' && typeof format.numChannels === 'number') {
    return { sampleRate: format.sampleRate, numChannels: format.numChannels };
  }
  throw new TypeError('no format');
}
