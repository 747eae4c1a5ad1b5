// The factory `latent-diffusion-image`: conditioning tokens to a picture by diffusion in the latents of an autoencoder.
// Text to image, image to image, instruction editing and masked inpainting; knows no prompt and no projector.
// Source: Rombach et al. 2022 (arXiv 2112.10752); image to image: Meng et al. 2022 (arXiv 2108.01073).

import { encodeImage } from '../../media/index.ts';
import type { Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { guidanceOf, provenanceWith } from '../diffusion/conditioning.ts';
import { requireOptions } from '../diffusion/settings.ts';
import { reported } from '../diffusion/trajectory.ts';
import { openArrangement } from './arrangement.ts';
import type { ArrangementReader } from './arrangement.ts';
import { openLikeness } from './candidates.ts';
import type { Likeness } from './candidates.ts';
import { drawBest, stepsOfBest } from './draw.ts';
import type { DrawingSource } from './draw.ts';
import { openImageGraphs } from './graphs.ts';
import type { ImageGraphs } from './graphs.ts';
import { composite, fromPlanar, toPlanar, withDetail } from './pixels.ts';
import { planOf } from './plan.ts';
import { previewOf } from './preview.ts';
import { configSchema, defaultStrength, optionsSchema } from './settings.ts';
import type { ImageDecoderConfig, ImageOptions } from './settings.ts';
import { checkReferences, readEditSource } from './sources.ts';
import type { EditSource } from './sources.ts';

const FACTORY = 'latent-diffusion-image';

/** Graphs beside those that draw; null where the configuration has none. */
interface Helpers {
  readonly likeness: Likeness | null;
  readonly arrangement: ArrangementReader | null;
}

/** Files: `transformer`, `latentEncoder`, `latentDecoder`; `encoder` for candidates and `arrangement` where the configuration has them. */
export const latentDiffusionImage: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports: (config) => ({ in: { tokens: readConfig(config).tokens }, out: {} }),
  async open(source) {
    const config = readConfig(source.config);
    const opened: { release(): Promise<void> }[] = [];
    const keep = <T extends { release(): Promise<void> }>(each: T): T => (opened.push(each), each);
    try {
      const graphs = keep(await openImageGraphs(source, config));
      const likeness = config.candidates === undefined ? null : keep(await openLikeness(source, config.candidates, config.tokens[1]));
      const arrangement = config.arrangement === true ? keep(await openArrangement(source, config.tokens)) : null;
      return createImageDecoder(config, graphs, { likeness, arrangement });
    } catch (error) {
      await Promise.all(opened.map(async (each) => each.release()));
      throw error;
    }
  },
};

function readConfig(config: Readonly<Record<string, unknown>>): ImageDecoderConfig {
  return requireConfig(FACTORY, checkSchema<ImageDecoderConfig>(configSchema, config, 'config'));
}

/** A decoder over open graphs, which it owns. */
export function createImageDecoder(config: ImageDecoderConfig, graphs: ImageGraphs, helpers: Helpers = { likeness: null, arrangement: null }): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'image',
    options,
    references: ['edit', 'mask'],
    negative: true,
    check: checkReferences,
    dispose: async () => void (await Promise.all([graphs, helpers.likeness, helpers.arrangement].map(async (each) => each?.release()))),
    async *decode(request, context) {
      yield* decodeImageRequest(config, graphs, helpers, request, requireOptions(checkSchema<ImageOptions>(options, request.options, 'image')), context);
    },
  };
}

async function* decodeImageRequest(config: ImageDecoderConfig, graphs: ImageGraphs, helpers: Helpers, request: DecodeRequest, options: ImageOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const [channels, rows, columns] = config.latent;
  const elements = channels * rows * columns;
  // The first draw of the job: reference pictures compare only if nothing is drawn before it.
  const eps = context.random.normal(elements);
  const source = await readEditSource(request.references, config, graphs, context);
  if (source === null && options.strength !== defaultStrength(config)) context.warn('strength_unused', 'strength has no effect without a picture to edit.');
  const guidance = guidanceOf(FACTORY, config, request, options, context);
  const size = { width: columns * config.factor, height: rows * config.factor };
  const arrangement = helpers.arrangement === null || (source !== null && (source.mask !== null || options.strength !== 1)) ? null : await helpers.arrangement.read(guidance.tokens);
  const plan = planOf(arrangement, guidance.tokens, source, size);
  const candidates = options.candidates ?? 1;
  if (plan.source !== null && config.candidates !== undefined && candidates !== config.candidates.count) context.warn('candidates_unused', 'candidates has no effect on an edit of the whole picture.');

  const from: DrawingSource | null = plan.source === null ? null : { latents: plan.source.latents, mask: plan.source.mask?.latents ?? null };
  const each = stepsOfBest(config, { ...options, source: from, candidates });
  const made: Float32Array[] = [];
  for (const [index, tokens] of plan.tokens.entries()) {
    const loop = drawBest(config, graphs, helpers.likeness, { ...options, ...guidance, tokens, source: from, candidates, index, eps, random: context.random, signal: context.signal });
    const among = { done: index * each, steps: plan.tokens.length * each };
    const latents = yield* reported(loop, { previewEvery: options.previewEvery, preview: async (x_0) => previewOf(config, graphs, [x_0]), among });
    context.signal.throwIfAborted();
    made.push(await graphs.decode(latents));
  }
  const pixels = plan.join(await Promise.all(made.map(async (planar) => finished(planar, plan.source, config, graphs, size))));
  const media = await encodeImage(
    { width: options.width, height: options.height, pixels },
    { format: options.format, quality: options.quality, provenance: provenanceWith(request.provenance, options, settingsOf(options, source !== null)), mark: true },
  );
  yield { type: 'media', media };
}

/** Pixels of what was drawn: outside a mask those of the source; what a copying transformer left alone has the source's detail. */
async function finished(made: Float32Array, source: EditSource | null, config: ImageDecoderConfig, graphs: ImageGraphs, { width, height }: { readonly width: number; readonly height: number }): Promise<Uint8ClampedArray> {
  if (source === null) return fromPlanar(made);
  if (source.mask !== null) return composite(fromPlanar(made), source.pixels, source.mask.pixels);
  if ((config.ports?.copied ?? null) === null) return fromPlanar(made);
  return fromPlanar(withDetail(made, toPlanar(source.pixels), await graphs.decode(source.latents), width, height));
}

/** The settings that determine the picture. */
function settingsOf({ steps, guidanceScale, width, height, scheduler, strength, format, quality, candidates }: ImageOptions, edited: boolean): Provenance {
  return { steps, guidanceScale, scheduler, width, height, ...(edited && { strength }), ...(candidates !== undefined && { candidates }), format, ...(format !== 'png' && { quality }) };
}
