// The factory `joint-audio`: a sound to the joint space and to detail tokens for the language model.
// Long sounds are heard in windows whose results are averaged, as ImageBind (arXiv 2305.05665) and NExT-GPT (arXiv 2309.05519) do of clips.
// The network is the graph's. Knows no language model.

import { audioMediaTypes, logMelSchema } from '../../media/index.ts';
import type { LogMelSettings } from '../../media/index.ts';
import type { Encoder, Encoding, Factory, JsonSchema } from '../../src/contracts.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import type { Session } from '../../src/runtime/sessions.ts';
import { floatTensor, l2Normalise } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { melOf, readWindows } from './windows.ts';

export interface JointAudioConfig {
  /** Count and width of the tokens, the global one first. */
  readonly tokens: readonly [number, number];
  /** Width of the joint space. */
  readonly joint: number;
  /** Frames of log-mels that the network hears at once. */
  readonly frames: number;
  readonly mel: LogMelSettings;
  /** The most windows that are heard of one sound, spread over all of it. */
  readonly maxWindows: number;
}

const count = { type: 'integer', minimum: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens', 'joint', 'frames', 'mel'],
  properties: {
    tokens: { type: 'array', items: count, minItems: 2, maxItems: 2, description: 'Count and width of the tokens, the global one first.' },
    joint: { ...count, description: 'Width of the joint space.' },
    frames: { ...count, description: 'Frames of log-mels that the network hears at once.' },
    mel: logMelSchema,
    maxWindows: { ...count, default: 8, description: 'The most windows that are heard of one sound, spread over all of it.' },
  },
};

/** Files: `model`, a graph `mel` [batch, mels, frames] to `tokens` [batch, n, d] and `joint` [batch, d_joint]. */
export const jointAudio: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-audio',
  config,
  ports: (given) => ({ in: {}, out: { tokens: readConfig(given).tokens, joint: [readConfig(given).joint] } }),
  async open(source) {
    const read = readConfig(source.config);
    const session = await openGraph(source, 'model', {
      inputs: { mel: { type: 'float32', shape: [null, read.mel.mels, read.frames] } },
      outputs: { tokens: { type: 'float32', shape: [null, ...read.tokens] }, joint: { type: 'float32', shape: [null, read.joint] } },
    });
    return createAudioEncoder(read, session);
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): JointAudioConfig {
  return requireConfig('joint-audio', checkSchema<JointAudioConfig>(config, given, 'config'));
}

function createAudioEncoder(read: JointAudioConfig, session: Session): Encoder {
  return {
    mediaTypes: audioMediaTypes,
    // Only decoding what `encode` decodes shows that it can be.
    async check(media, context) {
      await readWindows(media, read, context.signal);
    },
    async encode(media, context): Promise<Encoding> {
      const windows = await readWindows(media, read, context.signal);
      const tokens = new Float32Array(read.tokens[0] * read.tokens[1]);
      const joint = new Float32Array(read.joint);
      for (const samples of windows) {
        context.signal.throwIfAborted();
        const results = await session.run({ mel: { shape: [1, read.mel.mels, read.frames], data: melOf(samples, read) } });
        addShare(tokens, floatTensor(results['tokens'], 'tokens').data, windows.length);
        addShare(joint, l2Normalise(floatTensor(results['joint'], 'joint').data), windows.length);
      }
      return { tokens: { shape: read.tokens, data: tokens }, joint: { shape: [read.joint], data: l2Normalise(joint) }, tracks: [] };
    },
    dispose: async () => session.release(),
  };
}

/** Adds one of `parts` parts to a mean. */
function addShare(mean: Float32Array, part: Float32Array, parts: number): void {
  for (let i = 0; i < mean.length; i += 1) mean[i] = mean[i]! + part[i]! / parts;
}
