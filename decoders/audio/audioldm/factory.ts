// The factory `audioldm`: CLAP's vector of a prompt to a sound by AudioLDM: diffusion in latents of log-mels, which a HiFi-GAN makes heard.
// Text to sound and sound to sound at any length; knows no prompt and no text tower. What comes out is diffusers' AudioLDMPipeline's, to the sample.
// Source: Liu et al. 2023 (arXiv 2301.12503); vocoder: Kong et al. 2020 (arXiv 2010.05646).

import { encodeAudio } from '../../../media/index.ts';
import type { Conditioning, Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { checkSchema, requireConfig } from '../../../src/schema.ts';
import { provenanceWith } from '../../diffusion/conditioning.ts';
import { requireOptions } from '../../diffusion/settings.ts';
import { follow, reported } from '../../diffusion/trajectory.ts';
import { previewOf } from '../preview.ts';
import { isSilent } from '../samples.ts';
import { encodeGiven, readGiven, warnOfLength } from '../sources.ts';
import { openAudioLdmGraphs, transposed } from './graphs.ts';
import type { AudioLdmGraphs, Latent, Told } from './graphs.ts';
import { configSchema, optionsSchema } from './settings.ts';
import type { AudioLdmConfig, AudioLdmOptions } from './settings.ts';

const FACTORY = 'audioldm';

/** Peak of the sounds that the autoencoder was trained with (haoheliu/AudioLDM audioldm/audio/tools.py, normalize_wav). */
const TRAINED_PEAK = 0.5;

/** Files: `unet`, `vaeDecoder`, `vocoder`; as the config says `vaeEncoder`, `unconditional`; external weights under any key. */
export const audioLdm: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports: (given) => ({ in: { tokens: [1, readConfig(given).width] }, out: {} }),
  async open(source) {
    const config = readConfig(source.config);
    return createAudioLdm(config, await openAudioLdmGraphs(source, config));
  },
};

export function readConfig(given: Readonly<Record<string, unknown>>): AudioLdmConfig {
  const config = requireConfig(FACTORY, checkSchema<AudioLdmConfig>(configSchema, given, 'config'));
  if (config.mel.mels % config.factor === 0) return config;
  throw new AnymodalError('bundle_invalid', `${FACTORY}: config.mel.mels: got ${config.mel.mels}, expected a multiple of the factor ${config.factor}`);
}

/** Frames of log-mels of a sound, and its samples: as diffusers counts them, the frames filled up to whole latent cells. */
export function lengthsOf({ mel: { hop, sampleRateHz }, factor }: Pick<AudioLdmConfig, 'mel' | 'factor'>, seconds: number): { readonly frames: number; readonly samples: number } {
  const frames = Math.trunc(seconds / (hop / sampleRateHz));
  return { frames: Math.ceil(frames / factor) * factor, samples: Math.trunc(seconds * sampleRateHz) };
}

/** A decoder over open graphs, which it owns. */
export function createAudioLdm(config: AudioLdmConfig, graphs: AudioLdmGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'audio',
    options,
    references: config.edits ? ['edit'] : [],
    negative: true,
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      yield* decodeRequest(config, graphs, request, requireOptions(checkSchema<AudioLdmOptions>(options, request.options, 'audio')), context);
    },
  };
}

async function* decodeRequest(config: AudioLdmConfig, graphs: AudioLdmGraphs, request: DecodeRequest, options: AudioLdmOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { mel, factor } = config;
  const sound = await readGiven(request, config, options.seconds ?? config.maxSeconds, context);
  if (sound === null && options.strength !== config.strength) context.warn('strength_unused', 'strength has no effect without a sound to edit.');
  const seconds = options.seconds ?? (sound === null ? config.seconds : Math.max(sound.samples.length, 1) / mel.sampleRateHz);
  if (sound !== null) warnOfLength(sound.seconds, seconds, context);

  const lengths = lengthsOf(config, seconds);
  const latent: Latent = [config.latentChannels, Math.max(lengths.frames, factor) / factor, mel.mels / factor];
  const elements = latent[0] * latent[1] * latent[2];
  // The first draws of the job: reference sounds compare only if nothing is drawn before it.
  const eps = context.random.normal(elements);
  const given = sound === null ? null : await encodeGiven({ ...sound, samples: asTrained(sound.samples) }, latent[1], { mel, samplesPerPosition: mel.hop * factor }, graphs);
  const loop = follow(config, {
    ...options,
    given,
    kept: null,
    eps,
    draw: () => context.random.normal(elements),
    predict: graphs.predictor(toldBy(config, request, options, graphs.unconditional, context), latent),
    signal: context.signal,
  });
  const latents = yield* reported(loop, { previewEvery: options.previewEvery, preview: async (x_0) => previewOf(transposed(await graphs.decode(x_0, latent)), mel.floor), among: null });

  context.signal.throwIfAborted();
  const shown = await graphs.decode(latents, latent);
  context.signal.throwIfAborted();
  const samples = (await graphs.hear(shown)).subarray(0, lengths.samples);
  if (isSilent(samples)) context.warn('silent', 'almost nothing is heard of this sound; try another seed or other words.');
  const provenance = provenanceWith(request.provenance, options, settingsOf(options, samples.length / mel.sampleRateHz, sound !== null));
  yield { type: 'media', media: await encodeAudio({ samples, sampleRateHz: mel.sampleRateHz }, { format: options.format, provenance, mark: true }) };
}

/** The vectors that a request asks for. `none` is that of no prompt from the bundle. Throws `bundle_invalid` for conditioning of another width. */
function toldBy(config: AudioLdmConfig, { conditioning, negative }: DecodeRequest, { guidanceScale }: AudioLdmOptions, none: Float32Array | null, context: Context): Told {
  const guided = guidanceScale > 1;
  if (negative !== null && !guided) context.warn('negative_unused', 'a negative prompt has no effect at a guidance scale of 1 or less.');
  const prompt = vectorOf(config, conditioning, 'tokens');
  if (!guided) return { prompt, away: null, guidanceScale };
  if (negative !== null) return { prompt, away: vectorOf(config, negative, 'tokens'), guidanceScale };
  const away = conditioning['emptyTokens'] === undefined ? none : vectorOf(config, conditioning, 'emptyTokens');
  return { prompt, away: away ?? new Float32Array(config.width), guidanceScale };
}

function vectorOf({ width }: AudioLdmConfig, conditioning: Conditioning, port: string): Float32Array {
  const tensor = conditioning[port];
  if (tensor?.data.length === width && tensor.shape.at(-1) === width) return tensor.data;
  const got = tensor === undefined ? Object.keys(conditioning).join(', ') || 'nothing' : `[${tensor.shape.join(', ')}]`;
  throw new AnymodalError('bundle_invalid', `${FACTORY}: conditioning ${port}: got ${got}, expected one vector of ${width}.`);
}

/** Around zero and as loud as what the autoencoder was trained with. */
function asTrained(samples: Float32Array): Float32Array {
  const mean = samples.reduce((sum, value) => sum + value, 0) / Math.max(samples.length, 1);
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
  return peak === 0 ? samples : samples.map((value) => ((value - mean) / peak) * TRAINED_PEAK);
}

/** The settings that determine the sound. */
function settingsOf({ steps, guidanceScale, scheduler, strength, format }: AudioLdmOptions, seconds: number, edited: boolean): Provenance {
  return { steps, guidanceScale, scheduler, seconds, ...(edited && { strength }), format };
}
