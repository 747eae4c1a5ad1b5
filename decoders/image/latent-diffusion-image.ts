// The factory `latent-diffusion-image`: conditioning tokens to a picture by diffusion in the latents of an autoencoder.
// Text to image, image to image, instruction editing and masked inpainting; knows no prompt and no projector.
// Source: Rombach et al. 2022 (arXiv 2112.10752); image to image: Meng et al. 2022 (arXiv 2108.01073).

import { encodeImage } from '../../media/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { guidanceOf, provenanceWith } from '../diffusion/conditioning.ts';
import { requireOptions } from '../diffusion/settings.ts';
import { reported } from '../diffusion/trajectory.ts';
import { drawLatents } from './draw.ts';
import { openImageGraphs } from './graphs.ts';
import type { ImageGraphs } from './graphs.ts';
import { composite, fromPlanar } from './pixels.ts';
import { previewOf } from './preview.ts';
import { configSchema, defaultStrength, optionsSchema } from './settings.ts';
import type { ImageDecoderConfig, ImageOptions } from './settings.ts';
import { checkReferences, readEditSource } from './sources.ts';

const FACTORY = 'latent-diffusion-image';

/** Files: `transformer`, `latentEncoder`, `latentDecoder`. */
export const latentDiffusionImage: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports: (config) => ({ in: { tokens: readConfig(config).tokens }, out: {} }),
  async open(source) {
    const config = readConfig(source.config);
    return createImageDecoder(config, await openImageGraphs(source, config));
  },
};

function readConfig(config: Readonly<Record<string, unknown>>): ImageDecoderConfig {
  return requireConfig(FACTORY, checkSchema<ImageDecoderConfig>(configSchema, config, 'config'));
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
      yield* decodeImageRequest(config, graphs, request, requireOptions(checkSchema<ImageOptions>(options, request.options, 'image')), context);
    },
  };
}

async function* decodeImageRequest(config: ImageDecoderConfig, graphs: ImageGraphs, request: DecodeRequest, options: ImageOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const [channels, rows, columns] = config.latent;
  const elements = channels * rows * columns;
  // The first draw of the job: reference pictures compare only if nothing is drawn before it.
  const eps = context.random.normal(elements);
  const source = await readEditSource(request.references, config, graphs, context);
  if (source === null && options.strength !== defaultStrength(config)) context.warn('strength_unused', 'strength has no effect without a picture to edit.');
  const loop = drawLatents(config, graphs, {
    ...options,
    ...guidanceOf(FACTORY, config, request, options, context),
    source: source === null ? null : { latents: source.latents, mask: source.mask?.latents ?? null },
    eps,
    draw: () => context.random.normal(elements),
    signal: context.signal,
  });
  const latents = yield* reported(loop, { previewEvery: options.previewEvery, preview: async (x_0) => previewOf(config, graphs, [x_0]), among: null });

  context.signal.throwIfAborted();
  const made = fromPlanar(await graphs.decode(latents));
  const pixels = source === null || source.mask === null ? made : composite(made, source.pixels, source.mask.pixels);
  const media = await encodeImage(
    { width: options.width, height: options.height, pixels },
    { format: options.format, quality: options.quality, provenance: provenanceWith(request.provenance, options, settingsOf(options, source !== null)), mark: true },
  );
  yield { type: 'media', media };
}

/** The settings that determine the picture. */
function settingsOf({ steps, guidanceScale, width, height, scheduler, strength, format, quality }: ImageOptions, edited: boolean): Provenance {
  return { steps, guidanceScale, scheduler, width, height, ...(edited && { strength }), format, ...(format !== 'png' && { quality }) };
}
