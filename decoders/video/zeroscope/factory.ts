// The factory `zeroscope`: conditioning to a video by a UNet over all frames at once (Zeroscope, ModelScope's text to video), from noise
// or from a video to change. Knows no prompt and no text tower.
// Source: Wang et al. 2023 (arXiv 2308.06571); equal to diffusers' TextToVideoSDPipeline and VideoToVideoSDPipeline.

import { checkFormat, encodeVideo } from '../../../media/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../../src/contracts.ts';
import { checkSchema } from '../../../src/schema.ts';
import { takesTiles } from '../../diffusion/autoencoder.ts';
import { provenanceWith } from '../../diffusion/conditioning.ts';
import { requireOptions } from '../../diffusion/settings.ts';
import { follow, reported } from '../../diffusion/trajectory.ts';
import { fromPlanar, toPlanar } from '../../image/pixels.ts';
import { previewOf } from '../../image/preview.ts';
import { branchesOf } from '../../image/stable-diffusion/branches.ts';
import { joinSound } from '../join.ts';
import { framesToEdit } from '../sources.ts';
import { openZeroscopeGraphs, swapAxes } from './graphs.ts';
import type { ZeroscopeGraphs } from './graphs.ts';
import { configSchema, FACTORY, optionsSchema, readConfig } from './settings.ts';
import type { ZeroscopeConfig, ZeroscopeOptions } from './settings.ts';

/** Files: `unet`, `vaeDecoder`; as the config says `vaeEncoder`, `tinyDecoder`, `unconditional`; external weights under any key. */
export const zeroscope: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports: (config) => ({ in: { tokens: [null, readConfig(config).tokenWidth] }, out: {} }),
  async open(source) {
    const config = readConfig(source.config);
    return createZeroscope(config, await openZeroscopeGraphs(source, config));
  },
};

/** A decoder over open graphs, which it owns. */
export function createZeroscope(config: ZeroscopeConfig, graphs: ZeroscopeGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'video',
    options,
    references: config.edits ? ['edit'] : [],
    negative: true,
    join: joinSound,
    async check(_references, _context, given = null) {
      if (given !== null) await checkFormat(requireOptions(checkSchema<ZeroscopeOptions>(options, given, 'video')).format);
    },
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      const checked = requireOptions(checkSchema<ZeroscopeOptions>(options, request.options, 'video'));
      await checkFormat(checked.format);
      yield* decodeRequest(config, graphs, request, checked, context);
    },
  };
}

async function* decodeRequest(config: ZeroscopeConfig, graphs: ZeroscopeGraphs, request: DecodeRequest, options: ZeroscopeOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { width, height } = options;
  const { random, signal } = context;
  const latent = [config.latentChannels, height / config.factor, width / config.factor] as const;
  const elements = latent[0] * latent[1] * latent[2];
  const tiled = takesTiles(config, options.tiles, width, height);
  const given = await readGiven(config, graphs, request, options, tiled, context);
  if (given === null && options.strength !== config.strength) context.warn('strength_unused', 'strength has no effect without a video to edit.');
  const frames = given === null ? options.frames : given.length / elements;
  // The first draw of the job. Noise for a video from nothing comes channel by channel, for a given one frame by frame, as in diffusers.
  const drawn = random.normal(frames * elements);
  const loop = follow(config, {
    ...options,
    given,
    kept: null,
    eps: given === null ? swapAxes(drawn, latent[0], frames) : drawn,
    draw: () => random.normal(frames * elements),
    predict: graphs.predictor(branchesOf({ task: 'generate', pooledWidth: null, imageGuidanceScale: 1, tokenWidth: config.tokenWidth }, request, options, graphs.unconditional, null, context), [frames, ...latent]),
    signal,
  });
  const decode = async (latents: Float32Array): Promise<Float32Array> => graphs.decodeRoughly === null ? graphs.decode(latents, latent, tiled) : graphs.decodeRoughly(latents, latent);
  const shape = { latent, factor: config.factor, ...(config.preview !== undefined && graphs.decodeRoughly === null && { preview: config.preview }) };
  // First, middle and last frame: enough to see what moves.
  const outline = (x_0: Float32Array): Float32Array[] => [...new Set([0, Math.floor(frames / 2), frames - 1])].map((frame) => x_0.subarray(frame * elements, (frame + 1) * elements));
  const latents = yield* reported(loop, { previewEvery: options.previewEvery, preview: async (x_0) => previewOf(shape, { decode }, outline(x_0)), among: null });

  // A frame at a time: on a CPU one in a batch takes as long, and memory would grow with the length.
  const pictures: Uint8Array[] = [];
  for (let frame = 0; frame < frames; frame += 1) {
    signal.throwIfAborted();
    pictures.push(new Uint8Array(fromPlanar(await graphs.decode(latents.subarray(frame * elements, (frame + 1) * elements), latent, tiled)).buffer));
  }
  const media = await encodeVideo({ width, height, frames: pictures, fps: options.fps }, { format: options.format, provenance: provenanceWith(request.provenance, options, settingsOf(options, frames, given !== null)), mark: true });
  yield { type: 'media', media };
}

/** Latents [frames, c, rows, columns] of the video to change, as many frames as there are of those asked for; null without one. */
async function readGiven(config: ZeroscopeConfig, graphs: ZeroscopeGraphs, { references }: DecodeRequest, options: ZeroscopeOptions, tiled: boolean, context: Context): Promise<Float32Array | null> {
  const [video, ...others] = references.filter(({ role }) => role === 'edit').map(({ media }) => media);
  if (video === undefined) return null;
  if (others.length > 0) context.warn('reference_ignored', `one video is edited at a time; the first of ${others.length + 1} was taken.`);
  const pictures = await framesToEdit(video, options, options, 'it has as many frames as that', context);
  const latent = [config.latentChannels, options.height / config.factor, options.width / config.factor] as const;
  const elements = latent[0] * latent[1] * latent[2];
  const given = new Float32Array(pictures.length * elements);
  for (const [index, pixels] of pictures.entries()) {
    context.signal.throwIfAborted();
    given.set(await graphs.encode(toPlanar(pixels), latent, tiled), index * elements);
  }
  return given;
}

/** The settings that determine the video. */
function settingsOf({ fps, width, height, steps, guidanceScale, scheduler, strength, tiles, format }: ZeroscopeOptions, frames: number, edited: boolean): Provenance {
  return { frames, fps, width, height, steps, guidanceScale, scheduler, ...(edited && { strength }), ...(tiles !== 'auto' && { tiles }), format };
}
