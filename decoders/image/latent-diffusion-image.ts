// The factory `latent-diffusion-image`: conditioning tokens to a picture by diffusion in the latents of an autoencoder.
// Text to image, image to image, instruction editing and masked inpainting; knows no prompt and no projector.
// Source: Rombach et al. 2022 (arXiv 2112.10752); image to image: Meng et al. 2022 (arXiv 2108.01073).

import { encodeImage } from '../../media/index.ts';
import type { Conditioning, Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Media, Provenance } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { drawLatents } from './draw.ts';
import { openImageGraphs } from './graphs.ts';
import type { ImageGraphs } from './graphs.ts';
import { composite, fromPlanar, halve, linearPreview } from './pixels.ts';
import { configSchema, defaultStrength, optionsSchema } from './settings.ts';
import type { ImageDecoderConfig, ImageOptions } from './settings.ts';
import { checkReferences, readEditSource } from './sources.ts';

/** Files: `transformer`, `latentEncoder`, `latentDecoder`. */
export const latentDiffusionImage: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'latent-diffusion-image',
  config: configSchema,
  ports: (config) => ({ in: { tokens: readConfig(config).tokens }, out: {} }),
  async open(source) {
    const config = readConfig(source.config);
    return createImageDecoder(config, await openImageGraphs(source, config));
  },
};

function readConfig(config: Readonly<Record<string, unknown>>): ImageDecoderConfig {
  return requireConfig('latent-diffusion-image', checkSchema<ImageDecoderConfig>(configSchema, config, 'config'));
}

/** A decoder over open graphs, which it owns. */
export function createImageDecoder(config: ImageDecoderConfig, graphs: ImageGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'image',
    options,
    references: ['edit', 'mask'],
    negative: true,
    check: checkReferences,
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      const checked = checkSchema<ImageOptions>(options, request.options, 'image');
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      yield* decodeImageRequest(config, graphs, request, checked.value, context);
    },
  };
}

async function* decodeImageRequest(config: ImageDecoderConfig, graphs: ImageGraphs, request: DecodeRequest, options: ImageOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const [channels, rows, columns] = config.latent;
  const elements = channels * rows * columns;
  const { guidanceScale, steps, strength } = options;
  // The first draw of the job: reference pictures compare only if nothing is drawn before it.
  const eps = context.random.normal(elements);
  const source = await readEditSource(request.references, config, graphs, context);
  if (source === null && strength !== defaultStrength(config)) context.warn('strength_unused', 'strength has no effect without a picture to edit.');
  if (request.negative !== null && guidanceScale === 1) context.warn('negative_unused', 'a negative prompt has no effect at a guidance scale of 1.');

  const loop = drawLatents(config, graphs, {
    tokens: tokensOf(config, request.conditioning),
    nullTokens: request.negative === null ? new Float32Array(config.tokens[0] * config.tokens[1]) : tokensOf(config, request.negative),
    guidanceScale,
    scheduler: options.scheduler,
    steps,
    source: source === null ? null : { latents: source.latents, mask: source.mask?.latents ?? null },
    strength,
    eps,
    draw: () => context.random.normal(elements),
    signal: context.signal,
  });
  let turn = await loop.next();
  for (; turn.done !== true; turn = await loop.next()) {
    const { step, steps: all, x_0 } = turn.value;
    yield { type: 'progress', step, steps: all };
    if (options.previewEvery > 0 && step % options.previewEvery === 0 && step < all) yield { type: 'preview', step, media: await preview(config, graphs, x_0) };
  }

  context.signal.throwIfAborted();
  const made = fromPlanar(await graphs.decode(turn.value));
  const pixels = source === null || source.mask === null ? made : composite(made, source.pixels, source.mask.pixels);
  const media = await encodeImage(
    { width: options.width, height: options.height, pixels },
    { format: options.format, quality: options.quality, provenance: provenanceOf(request.provenance, options, source !== null), mark: true },
  );
  yield { type: 'media', media };
}

/** Conditioning tokens [n, d], with or without a leading batch axis of 1. Throws `bundle_invalid` for another size. */
function tokensOf(config: ImageDecoderConfig, conditioning: Conditioning): Float32Array {
  const [count, width] = config.tokens;
  const tokens = conditioning['tokens'];
  if (tokens?.data.length === count * width && tokens.shape.at(-1) === width) return tokens.data;
  const got = tokens === undefined ? Object.keys(conditioning).join(', ') || 'nothing' : `[${tokens.shape.join(', ')}]`;
  throw new AnymodalError('bundle_invalid', `latent-diffusion-image: conditioning tokens: got ${got}, expected [${count}, ${width}].`);
}

/** The predicted clean picture, small: by the linear map of the configuration, else half the size of the decoder's. */
async function preview(config: ImageDecoderConfig, graphs: ImageGraphs, x_0: Float32Array): Promise<Media> {
  const [, rows, columns] = config.latent;
  const encoding = { provenance: null, mark: true } as const;
  if (config.preview !== undefined) return encodeImage({ width: columns, height: rows, pixels: linearPreview(x_0, config.preview) }, { ...encoding, format: 'png' });
  const [width, height] = [columns * config.factor, rows * config.factor];
  const pixels = fromPlanar(await graphs.decode(x_0));
  return encodeImage({ width: width / 2, height: height / 2, pixels: halve(pixels, width, height) }, { ...encoding, format: 'jpeg', quality: 80 });
}

/** The request's provenance with the settings that determine the picture, and without those that do not. */
function provenanceOf(provenance: Provenance | null, options: ImageOptions, edited: boolean): Provenance | null {
  if (provenance === null) return null;
  const { steps, guidanceScale, width, height, scheduler, strength, format, quality } = options;
  const others = Object.entries(provenance).filter(([key]) => !Object.hasOwn(options, key));
  return {
    ...Object.fromEntries(others),
    steps,
    guidanceScale,
    scheduler,
    width,
    height,
    ...(edited && { strength }),
    format,
    ...(format !== 'png' && { quality }),
  };
}
