// The factory `clap-joint-audio`: a sound to the joint space by CLAP's audio tower, heard as transformers' ClapFeatureExtractor lets it hear.
// Of a longer sound several windows count by their mean, or a tower that fuses hears it whole and in parts. Source: Wu et al. 2023 (arXiv 2211.06687).

import { audioMediaTypes, decodeAudio, logMelSchema } from '../../media/index.ts';
import type { Context, Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts } from '../joint-graph.ts';
import { openJointTower, towerProperties } from '../tower-joint.ts';
import type { TowerPorts } from '../tower-joint.ts';
import { clapFrames, clapMel, fusedClapMel } from './clap-mel.ts';
import type { ClapHearing } from './clap-mel.ts';
import { readWindows } from './windows.ts';

interface ClapAudioConfig extends TowerPorts, ClapHearing {
  /** Whether the tower fuses four views of a sound. */
  readonly fusion: boolean;
  /** The most windows that are heard of one sound, spread over all of it. */
  readonly maxWindows: number;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['joint', 'mel'],
  properties: {
    ...towerProperties('input_features', 'audio_embeds'),
    mel: { ...logMelSchema, description: 'Log-mels of powers; fusing towers have filters of htk, others of slaney.' },
    maxSeconds: { type: 'integer', minimum: 1, default: 10, description: 'What the tower hears at once.' },
    padding: { enum: ['repeatpad', 'repeat', 'pad'], default: 'repeatpad', description: 'How a shorter sound is filled.' },
    fusion: { type: 'boolean', default: false, description: 'Whether the tower fuses four views of a sound.' },
    maxWindows: { type: 'integer', minimum: 1, default: 5, description: 'The most windows that are heard of one sound.' },
  },
};

/** A fusing tower looks at the whole of no more than this. */
const FUSED_SECONDS = 120;

/** Files: `model`, a graph from log-mels [batch, 1 or 4, frames, mels] to one vector [batch, joint]. */
export const clapJointAudio: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'clap-joint-audio',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const tower = await openJointTower(source, read, [read.fusion ? 4 : 1, clapFrames(read), read.mel.mels]);
    return {
      mediaTypes: audioMediaTypes,
      // Only decoding what `encode` decodes shows that it can be.
      async check(media, context) {
        await clipsOf(media, read, { ...context, warn: () => undefined });
      },
      encode: async (media, context) => tower.embed((await clipsOf(media, read, context)).map((samples) => (read.fusion ? fusedClapMel(samples, read) : clapMel(samples, read))), context.signal),
      dispose: async () => tower.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClapAudioConfig {
  return requireConfig('clap-joint-audio', checkSchema<ClapAudioConfig>(config, given, 'config'));
}

/** Samples of what is heard of a sound, each at once. Throws `bad_media`, `aborted`. */
async function clipsOf(media: Media, { mel, maxSeconds, fusion, maxWindows }: ClapAudioConfig, context: Context): Promise<Float32Array[]> {
  if (!fusion) return readWindows(media, { frames: (maxSeconds * mel.sampleRateHz) / mel.hop, mel, maxWindows }, context.signal);
  const { samples, seconds } = await decodeAudio(media, { sampleRateHz: mel.sampleRateHz, maxSeconds: FUSED_SECONDS }, context.signal);
  if (seconds > FUSED_SECONDS) context.warn('sound_truncated', `The sound lasts ${Math.round(seconds)} s; the audio encoder hears the first ${FUSED_SECONDS}.`);
  return [samples];
}
