// The factory `stable-diffusion`: conditioning to a picture by Stable Diffusion 1.5, 2.1, Turbo, XL, inpainting or InstructPix2Pix.
// Text to image, image to image, masks and instructions at any size; knows no prompt and no text tower.
// Source: Rombach et al. 2022 (arXiv 2112.10752); SDXL: Podell et al. 2023 (arXiv 2307.01952); instructions: Brooks et al. 2023 (arXiv 2211.09800).

import { encodeImage } from '../../../media/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { checkSchema, requireConfig } from '../../../src/schema.ts';
import { takesTiles } from '../../diffusion/autoencoder.ts';
import { provenanceWith } from '../../diffusion/conditioning.ts';
import { requireOptions } from '../../diffusion/settings.ts';
import { follow, reported } from '../../diffusion/trajectory.ts';
import type { Trajectory } from '../../diffusion/trajectory.ts';
import { composite, fromPlanar, toPlanar } from '../pixels.ts';
import { previewOf } from '../preview.ts';
import { checkReferences, readEditSource } from '../sources.ts';
import type { EditSource } from '../sources.ts';
import { branchesOf } from './branches.ts';
import { noisedFeature } from './feature.ts';
import { openStableDiffusionGraphs } from './graphs.ts';
import type { StableDiffusionGraphs } from './graphs.ts';
import { configSchema, defaultStrength, optionsSchema } from './settings.ts';
import type { StableDiffusionConfig, StableDiffusionOptions } from './settings.ts';

const FACTORY = 'stable-diffusion';

/** Files: `unet`, `vaeDecoder`; as the config says `vaeEncoder`, `tinyDecoder`, `unconditional`; external weights under any key. */
export const stableDiffusion: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports(given) {
    const { tokenWidth, pooledWidth, featureWidth } = readConfig(given);
    // An unCLIP model takes a prompt, a feature, or both.
    if (featureWidth !== null) return { in: {}, out: {} };
    return { in: { tokens: [null, tokenWidth], ...(pooledWidth !== null && { pooled: [pooledWidth] }) }, out: {} };
  },
  async open(source) {
    const config = readConfig(source.config);
    return createStableDiffusion(config, await openStableDiffusionGraphs(source, config));
  },
};

export function readConfig(config: Readonly<Record<string, unknown>>): StableDiffusionConfig {
  return requireConfig(FACTORY, checkSchema<StableDiffusionConfig>(configSchema, config, 'config'));
}

/** A decoder over open graphs, which it owns. */
export function createStableDiffusion(config: StableDiffusionConfig, graphs: StableDiffusionGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'image',
    options,
    references: config.edits ? ['edit', 'mask'] : [],
    negative: true,
    check: checkReferences,
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      yield* decodeRequest(config, graphs, request, requireOptions(checkSchema<StableDiffusionOptions>(options, request.options, 'image')), context);
    },
  };
}

async function* decodeRequest(config: StableDiffusionConfig, graphs: StableDiffusionGraphs, request: DecodeRequest, options: StableDiffusionOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { width, height } = options;
  const latent = [config.latentChannels, height / config.factor, width / config.factor] as const;
  const elements = latent[0] * latent[1] * latent[2];
  const tiled = takesTiles(config, options.tiles, width, height);
  // The first draws of the job: reference pictures compare only if nothing is drawn before it.
  const labels = labelsOf(config, graphs, request, options, context);
  const eps = context.random.normal(elements);
  const encode = async (planar: Float32Array): Promise<Float32Array> => graphs.encode(planar, latent, tiled);
  const source = await readEditSource(request.references, { latent, factor: config.factor }, { encode }, context);
  if (source === null && config.task === 'instruct') throw withoutPicture();
  if (source === null && options.strength !== defaultStrength(config)) context.warn('strength_unused', 'strength has no effect without a picture to edit.');
  const loop = follow(config, {
    ...options,
    given: source?.latents ?? null,
    kept: keptOf(config, source),
    eps,
    draw: () => context.random.normal(elements),
    predict: graphs.predictor({
      branches: branchesOf(config, request, options, graphs.unconditional, labels, context),
      latent,
      beside: await besideOf(config, source, encode, latent),
      pixels: { width, height },
    }),
    signal: context.signal,
  });
  const decode = async (latents: Float32Array): Promise<Float32Array> => graphs.decodeRoughly === null ? graphs.decode(latents, latent, tiled) : graphs.decodeRoughly(latents, latent);
  const shape = { latent, factor: config.factor, ...(config.preview !== undefined && graphs.decodeRoughly === null && { preview: config.preview }) };
  const latents = yield* reported(loop, { previewEvery: options.previewEvery, preview: async (x_0) => previewOf(shape, { decode }, [x_0]), among: null });

  context.signal.throwIfAborted();
  const made = fromPlanar(await graphs.decode(latents, latent, tiled));
  const pixels = source === null || source.mask === null ? made : composite(made, source.pixels, source.mask.pixels);
  const media = await encodeImage(
    { width, height, pixels },
    { format: options.format, quality: options.quality, provenance: provenanceWith(request.provenance, options, settingsOf(options, source !== null)), mark: true },
  );
  yield { type: 'media', media };
}

/** What an unCLIP model is told of a picture, zeros where no embedding is given; null for another model. */
function labelsOf(config: StableDiffusionConfig, graphs: StableDiffusionGraphs, { conditioning }: DecodeRequest, options: StableDiffusionOptions, context: Context): Float32Array | null {
  const { featureWidth: width } = config;
  if (width === null || graphs.statistics === null) return null;
  const feature = conditioning['feature'];
  if (feature === undefined) {
    context.warn('feature_missing', 'this model makes pictures from the embedding of a picture; from words alone it makes worse ones.');
    return new Float32Array(2 * width);
  }
  if (feature.data.length !== width) throw new AnymodalError('bundle_invalid', `${FACTORY}: conditioning feature: got [${feature.shape.join(', ')}], expected [${width}].`);
  return noisedFeature(feature.data, graphs.statistics, config.featureNoise, options.noiseLevel ?? 0, context.random.normal(width));
}

/** Channels that the UNet is shown behind the sample: the picture, or a mask (1 is made anew) and the picture without what it covers. */
async function besideOf(config: StableDiffusionConfig, source: EditSource | null, encode: (planar: Float32Array) => Promise<Float32Array>, [channels, rows, columns]: readonly [number, number, number]): Promise<Float32Array> {
  const [area, elements] = [rows * columns, channels * rows * columns];
  if (config.task === 'generate') return new Float32Array();
  // InstructPix2Pix was trained with the autoencoder's own scale.
  if (config.task === 'instruct') return source === null ? new Float32Array(elements) : source.latents.map((value) => value / config.scalingFactor);
  const covered = source?.mask?.pixels ?? null;
  const planar = source === null ? new Float32Array(3 * area * config.factor ** 2) : toPlanar(source.pixels);
  const pixels = planar.length / 3;
  const beside = new Float32Array(area + elements);
  beside.set(source?.mask?.latents ?? new Float32Array(area).fill(1));
  beside.set(await encode(planar.map((value, i) => (covered === null || covered[i % pixels]! >= 0.5 ? 0 : value))), area);
  return beside;
}

/** The untouched region of a masked edit, which stays; a UNet that is shown the mask keeps it by itself. */
function keptOf(config: StableDiffusionConfig, source: EditSource | null): Trajectory['kept'] {
  if (source === null || source.mask === null || config.task === 'inpaint') return null;
  const { latents: mask } = source.mask;
  return { x_0: source.latents, at: (index) => mask[index % mask.length] !== 1 };
}

/** The settings that determine the picture. */
function settingsOf({ steps, guidanceScale, imageGuidanceScale, noiseLevel, width, height, scheduler, strength, tiles, format, quality }: StableDiffusionOptions, edited: boolean): Provenance {
  return { steps, guidanceScale, ...(imageGuidanceScale !== undefined && { imageGuidanceScale }), ...(noiseLevel !== undefined && { noiseLevel }), scheduler, width, height, ...(edited && { strength }), ...(tiles !== 'auto' && { tiles }), format, ...(format !== 'png' && { quality }) };
}

function withoutPicture(): AnymodalError {
  return new AnymodalError('bad_input', 'this model edits a picture by an instruction; give the picture too.');
}
