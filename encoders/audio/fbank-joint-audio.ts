// The factory `fbank-joint-audio`: clips of a sound to the joint space by Kaldi's filter banks, as ImageBind's loader does (imagebind/data.py).
// The sound is mixed to one channel, where that loader takes the first. The network is the graph's.

import { audioMediaTypes, decodeAudio } from '../../media/index.ts';
import type { Context, Factory, Media } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, openJointGraph } from '../joint-graph.ts';
import { filterBanks } from './filter-banks.ts';

interface FbankConfig {
  readonly joint: number;
  readonly clips: number;
  readonly clipSeconds: number;
  readonly mels: number;
  readonly frames: number;
  readonly mean: number;
  readonly std: number;
  readonly sampleRateHz: number;
}

const count = { type: 'integer', minimum: 1 };
const config = jointSchema(
  {
    clips: { ...count, description: 'Clips of a sound; the k-th of n begins at k / n of what is left before the last possible beginning.' },
    clipSeconds: { type: 'number', exclusiveMinimum: 0, description: 'Length of a clip.' },
    mels: { ...count, description: 'Filters.' },
    frames: { ...count, description: 'Frames that the network hears of a clip; fewer are filled up with zeros before mean and deviation.' },
    mean: { type: 'number', description: 'Of the logarithms of energies.' },
    std: { type: 'number', exclusiveMinimum: 0, description: 'Of the logarithms of energies.' },
  },
  { sampleRateHz: { ...count, default: 16_000, description: 'Samples a second.' } },
);

/** Longer sounds are decoded clip by clip, so that no more is held than that. */
const WHOLE_SECONDS = 60;

/** Files: `model`, a graph `mel` [batch, 1, mels, frames] to `joint` [batch, joint]. */
export const fbankJointAudio: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'fbank-joint-audio',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const graph = await openJointGraph(source, 'mel', [1, read.mels, read.frames], read.joint);
    return {
      mediaTypes: audioMediaTypes,
      // Only decoding what `encode` decodes shows that it can be.
      async check(media, context) {
        await clipsOf(media, read, context);
      },
      encode: async (media, context) => graph.embed((await clipsOf(media, read, context)).map((samples) => melOf(samples, read)), context.signal),
      dispose: async () => graph.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): FbankConfig {
  return requireConfig('fbank-joint-audio', checkSchema<FbankConfig>(config, given, 'config'));
}

/** Samples of each clip. Throws `bad_media`, `aborted`. */
async function clipsOf(media: Media, { clips, clipSeconds, sampleRateHz }: FbankConfig, { signal }: Context): Promise<Float32Array[]> {
  const whole = await decodeAudio(media, { sampleRateHz, maxSeconds: WHOLE_SECONDS }, signal);
  const isWhole = whole.seconds <= WHOLE_SECONDS;
  const seconds = isWhole ? whole.samples.length / sampleRateHz : whole.seconds;
  const latest = Math.max(seconds - clipSeconds, 0);
  const found: Float32Array[] = [];
  for (let index = 0; index < clips; index += 1) {
    const start = (latest * index) / clips;
    if (isWhole) found.push(whole.samples.slice(Math.trunc(start * sampleRateHz), Math.trunc((start + clipSeconds) * sampleRateHz)));
    else found.push((await decodeAudio(media, { sampleRateHz, startSeconds: start, maxSeconds: clipSeconds }, signal)).samples);
  }
  return found;
}

/** [1, mels, frames] of a clip, whose mean is taken away first. */
function melOf(samples: Float32Array, { sampleRateHz, mels, frames, mean, std }: FbankConfig): Float32Array {
  const level = samples.reduce((sum, value) => sum + value, 0) / Math.max(samples.length, 1);
  const banks = filterBanks(samples.map((value) => value - level), sampleRateHz, mels);
  const padded = new Float32Array(mels * frames);
  const heard = Math.min(frames, banks.frames);
  for (let mel = 0; mel < mels; mel += 1) padded.set(banks.data.subarray(mel * banks.frames, mel * banks.frames + heard), mel * frames);
  return padded.map((value) => (value - mean) / std);
}
