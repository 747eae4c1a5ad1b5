// The factory `latent-diffusion-audio`: conditioning tokens to a sound by diffusion in latents of its log-mels, which a vocoder makes heard.
// Text to sound, sound to sound, and sound in step with the frames of a video; knows no prompt and no projector.
// Source: Liu et al. 2023 (arXiv 2301.12503); attending to what is made together: Tang et al. 2023 (arXiv 2305.11846).

import { checkFormat, encodeAudio } from '../../media/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Ports, Provenance } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { guidanceOf, provenanceWith } from '../diffusion/conditioning.ts';
import { requireOptions } from '../diffusion/settings.ts';
import { openAudioGraphs } from './graphs.ts';
import type { AudioGraphs } from './graphs.ts';
import { makeLatents } from './latents.ts';
import { previewOf } from './preview.ts';
import { finishSamples, isSilent } from './samples.ts';
import { configSchema, optionsSchema } from './settings.ts';
import type { AudioDecoderConfig, AudioOptions } from './settings.ts';
import { encodeGiven, readGiven, secondsOf, seenOf, warnOfLength } from './sources.ts';

const FACTORY = 'latent-diffusion-audio';

/** How often a sound is drawn that comes out silent, each time from other noise. */
const ATTEMPTS = 3;

/** Files: `transformer`, `vocoder`, `melEncoder`; `environment` with `motion` in the config, `melDecoder` with `melDecoder`. */
export const latentDiffusionAudio: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports(given) {
    const { tokens, motion } = readConfig(given);
    const companion: Ports = motion === undefined ? {} : { 'companion/frames': [null, motion.frame], 'companion/times': [null] };
    return { in: { tokens, ...companion }, out: {} };
  },
  async open(source) {
    const config = readConfig(source.config);
    return createAudioDecoder(config, await openAudioGraphs(source, config));
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): AudioDecoderConfig {
  const config = requireConfig(FACTORY, checkSchema<AudioDecoderConfig>(configSchema, given, 'config'));
  const { latent, overlap, samplesPerPosition, mel } = config;
  const faults = [
    ...(overlap < latent[0] ? [] : [`config.overlap: got ${overlap}, expected less than the ${latent[0]} positions of a window`]),
    ...(samplesPerPosition % mel.hop === 0 ? [] : [`config.samplesPerPosition: got ${samplesPerPosition}, expected a multiple of the hop ${mel.hop}`]),
  ];
  if (faults.length > 0) throw new AnymodalError('bundle_invalid', `${FACTORY}: ${faults.join('; ')}`);
  return config;
}

/** A decoder over open graphs, which it owns. */
export function createAudioDecoder(config: AudioDecoderConfig, graphs: AudioGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'audio',
    options,
    references: ['edit'],
    negative: true,
    async check(_references, _context, given = null) {
      if (given !== null) await checkFormat(requireOptions(checkSchema<AudioOptions>(options, given, 'audio')).format);
    },
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      const checked = requireOptions(checkSchema<AudioOptions>(options, request.options, 'audio'));
      await checkFormat(checked.format);
      yield* decodeAudioRequest(config, graphs, request, checked, context);
    },
  };
}

async function* decodeAudioRequest(config: AudioDecoderConfig, graphs: AudioGraphs, request: DecodeRequest, options: AudioOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { samplesPerPosition, mel: { sampleRateHz } } = config;
  const seen = seenOf(config, request.companions);
  // What goes with a video lasts as long: a sound that ends before or after it would not be in step.
  const asked = seen === null ? options.seconds : secondsOf(seen, config);
  if (seen !== null && options.seconds !== null) context.warn('seconds_unused', 'seconds has no effect on a sound that goes with a video; it lasts as long.');
  const sound = await readGiven(request, config, asked ?? config.maxSeconds, context);
  if (sound === null && options.strength !== config.strength) context.warn('strength_unused', 'strength has no effect without a sound to edit.');
  const seconds = asked ?? (sound === null ? config.seconds : sound.samples.length / sampleRateHz);
  if (sound !== null) warnOfLength(sound.seconds, seconds, context);

  const count = Math.max(1, Math.round(seconds * sampleRateHz));
  const positions = Math.ceil(count / samplesPerPosition);
  const given = sound === null ? null : await encodeGiven(sound, positions, config, graphs);
  const guidance = guidanceOf(FACTORY, config, request, options, context);
  let samples: Float32Array = new Float32Array(count);
  // Noise can lead to silence where the words say little, and so can a video in which nothing happens: the last attempt goes by the words
  // alone. Of a given sound silence may be right.
  const attempts = sound === null ? ATTEMPTS : 1;
  for (let attempt = 0; attempt === 0 || (attempt < attempts && isSilent(samples)); attempt += 1) {
    const latents = yield* makeLatents(
      config,
      graphs,
      { guidance, options, count: positions, given, seen: attempt < ATTEMPTS - 1 ? seen : null, preview: async (x_0) => previewOf(await graphs.show(x_0), config.mel.floor) },
      attempt === 0 ? context : { ...context, random: context.random.fork(`attempt/${attempt}`) },
    );
    context.signal.throwIfAborted();
    // All positions at once: a vocoder that hears a seam from both sides leaves none.
    samples = finishSamples(await graphs.decode(latents), count, sampleRateHz);
  }
  if (isSilent(samples)) context.warn('silent', 'almost nothing is heard of this sound; try another seed or other words.');
  const provenance = provenanceWith(request.provenance, options, settingsOf(options, count / sampleRateHz, sound !== null));
  yield { type: 'media', media: await encodeAudio({ samples, sampleRateHz }, { format: options.format, provenance, mark: true }) };
}

/** The settings that determine the sound. */
function settingsOf({ steps, guidanceScale, scheduler, strength, format }: AudioOptions, seconds: number, edited: boolean): Provenance {
  return { steps, guidanceScale, scheduler, seconds, ...(edited && { strength }), format };
}
