// A request for pictures as a job: size, quality, format and options in the decoder's terms, warnings for what cannot be honoured.
// Knows one decoder, by its description.

import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { NewJob } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import { choicesOf, defaultOf, optionSchema, outputOf, readMaking, type OutputDescription } from '../output-options.ts';
import { notHonoured } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';
import { jobRequest } from '../run-job.ts';
import type { EditBody, ImageBody, PictureInput } from './schemas.ts';
import { askedSize, nearest, nearestSize, sizeOptions, sizeText, usualSize, type Size } from './size.ts';

export type ImageFormat = 'png' | 'jpeg' | 'webp';

/** What is to be done with the pictures that a job makes. */
export interface ImageOrder {
  readonly job: NewJob;
  readonly output: string;
  /** Of the pictures that are sent; null where the decoder's own is right. */
  readonly resampled: Size | null;
  readonly size: Size;
  readonly format: ImageFormat;
  /** Quality of a format that has one; null for the decoder's own. */
  readonly compression: number | null;
  readonly quality: 'low' | 'medium' | 'high';
  readonly partialImages: number;
}

/** Share of the usual denoising steps. */
const effort: Readonly<Record<string, number>> = { low: 0.5, high: 1.5, hd: 1.5, xhigh: 2, max: 2 };
const shownQuality: Readonly<Record<string, ImageOrder['quality']>> = { low: 'low', high: 'high', hd: 'high', xhigh: 'high', max: 'high' };

/** Reads what `body` asks for; `words` is empty for a variation. Throws `bad_option`, `bad_input`, `unsupported` with the field. */
export async function imageOrder(c: Context<AppEnv>, parts: ServerParts, body: ImageBody & { readonly style?: string | null | undefined }, words: string, shown: { readonly pictures: readonly Media[]; readonly mask: Media | null }): Promise<ImageOrder> {
  const model = parts.engines.resolve(body.model ?? null);
  const description = await parts.engines.describe(model, c.req.raw.signal);
  const output = outputOf(description, 'image');
  const count = body.n ?? 1;
  if (count > parts.settings.limits.variants) throw new AnymodalError('bad_option', `n: got ${count}, at most ${parts.settings.limits.variants} are made here.`, { field: 'n' });
  if (shown.pictures.length > 0 && !output.references.includes('edit')) throw new AnymodalError('unsupported', `image: model ${model} edits no pictures.`, { field: 'image' });
  if (shown.mask !== null && !output.references.includes('mask')) throw new AnymodalError('unsupported', `mask: model ${model} takes none.`, { field: 'mask' });

  const making = readMaking(c, parts, output, body);
  const quality = body.quality ?? 'auto';
  const options = { ...making.options, ...stepsOf(c, parts, output, quality, making.options) };
  const { made, resampled } = sizeOf(c, parts, output, body);
  Object.assign(options, sizeOptions(output, made));
  const { format, compression } = formatOf(output, body);
  // What is resampled is encoded afterwards, from a picture that lost nothing.
  if (resampled === null) Object.assign(options, formatOptions(output, format, compression));
  const partialImages = partialsOf(output, body, options);
  warnOfTheRest(c, parts, body);

  const request = jobRequest({
    messages: [{ role: 'user', parts: [...shown.pictures.map((media) => ({ type: 'media' as const, media })), ...(words === '' ? [] : [{ type: 'text' as const, text: words }])] }],
    outputs: [output.name],
    route: 'direct',
    ...making.seed,
    count,
    options: { [output.name]: options },
    negativePrompt: making.negativePrompt,
    mask: shown.mask,
    metadata: making.metadata,
  });
  const size = resampled ?? made;
  const job: NewJob = { owner: c.get('caller').owner, model, kind: 'image', detached: false, view: { size: sizeText(size), format }, request };
  return { job, output: output.name, resampled, size, format, compression, quality: shownQuality[quality] ?? 'medium', partialImages };
}

/** The pictures and the mask of an edit. Throws `bad_input` and `bad_media` with the field. */
export async function picturesOf(c: Context<AppEnv>, parts: ServerParts, { image, images, mask }: EditBody): Promise<{ readonly pictures: readonly Media[]; readonly mask: Media | null }> {
  const { signal } = c.req.raw;
  const caller = c.get('caller');
  const inputs = [image ?? [], images ?? []].flat();
  if (inputs.length === 0) throw new AnymodalError('bad_input', 'image: expected a picture to work from.', { field: 'image' });
  const pictures: Media[] = [];
  for (const [index, input] of inputs.entries()) pictures.push(await mediaFromInput(parts, caller, inputOf(input), index === 0 ? 'image' : `image.${index}`, signal, 'image'));
  const given = [mask ?? []].flat()[0];
  if (given === undefined) return { pictures, mask: null };
  return { pictures, mask: await parts.tools.maskOfAlpha(await mediaFromInput(parts, caller, inputOf(given), 'mask', signal, 'image'), signal) };
}

function inputOf(input: PictureInput): MediaInput {
  if (input instanceof File) return { file: input };
  if (typeof input === 'string') {
    if (/^(data|https?):/i.test(input)) return { url: input };
    return /^[0-9a-f]{64}$/.test(input) ? { id: input } : { base64: input };
  }
  if ('file_id' in input && typeof input.file_id === 'string') return { id: input.file_id };
  const address: unknown = 'image_url' in input ? input.image_url : undefined;
  const url: unknown = typeof address === 'object' && address !== null ? Reflect.get(address, 'url') : address;
  if (typeof url !== 'string') throw new AnymodalError('bad_input', 'image: expected a file, a data: URL, base64, an address or an id.', { field: 'image' });
  return { url };
}

function stepsOf(c: Context<AppEnv>, parts: ServerParts, output: OutputDescription, quality: string, given: Readonly<Record<string, unknown>>): Record<string, number> {
  const share = effort[quality];
  if (share === undefined || given['steps'] !== undefined) return {};
  const schema = optionSchema(output, 'steps');
  if (schema === null) {
    notHonoured(c, parts, 'quality', 'quality_ignored', 'this decoder has no steps to take more or fewer of');
    return {};
  }
  return { steps: nearest(schema, Math.max(1, Math.round(defaultOf(output, 'steps', 20) * share))) };
}

function sizeOf(c: Context<AppEnv>, parts: ServerParts, output: OutputDescription, body: ImageBody): { readonly made: Size; readonly resampled: Size | null } {
  const usual = usualSize(output);
  const asked = askedSize(body, usual);
  if (asked === null) return { made: usual, resampled: null };
  const made = nearestSize(output, asked);
  if (made.width === asked.width && made.height === asked.height) return { made, resampled: null };
  const field = ['width', 'height', 'size', 'aspect_ratio'].find((name) => Reflect.get(body, name) !== undefined) ?? 'size';
  notHonoured(c, parts, field, 'size_resampled', `this decoder makes ${sizeText(made)}; it is resampled to ${sizeText(asked)}`);
  return { made, resampled: asked };
}

function formatOf(output: OutputDescription, body: ImageBody): { readonly format: ImageFormat; readonly compression: number | null } {
  const asked = body.output_format ?? 'png';
  if (asked === 'gif' || asked === 'svg') throw new AnymodalError('unsupported', `output_format: pictures are made as png, jpeg or webp, not as ${asked}.`, { field: 'output_format' });
  const quality = body.output_compression ?? null;
  const own = optionSchema(output, 'quality');
  const compression = quality === null ? null : Math.round(Math.min(own?.maximum ?? 100, Math.max(own?.minimum ?? 1, quality)));
  return { format: asked === 'jpg' ? 'jpeg' : asked, compression };
}

function formatOptions(output: OutputDescription, format: ImageFormat, compression: number | null): Record<string, unknown> {
  if (!choicesOf(output, 'format').includes(format)) return {};
  return { format, ...(compression !== null && format !== 'png' && optionSchema(output, 'quality') !== null && { quality: compression }) };
}

/** Sets how often there is a preview, so that the pictures asked for are spread over the steps. */
function partialsOf(output: OutputDescription, body: ImageBody, options: Record<string, unknown>): number {
  const asked = body.stream === true ? (body.partial_images ?? 0) : 0;
  if (asked === 0) return 0;
  if (optionSchema(output, 'previewEvery') === null) throw new AnymodalError('unsupported', 'partial_images: this decoder shows no unfinished pictures; leave it out.', { field: 'partial_images' });
  const steps = typeof options['steps'] === 'number' ? options['steps'] : defaultOf(output, 'steps', 20);
  // The first comes after two steps, the last before the end.
  options['previewEvery'] = Math.max(1, Math.floor((steps - 2) / asked));
  return asked;
}

function warnOfTheRest(c: Context<AppEnv>, parts: ServerParts, body: ImageBody & Partial<EditBody> & { readonly style?: string | null | undefined }): void {
  if (body.background === 'transparent') notHonoured(c, parts, 'background', 'background_ignored', 'pictures are made opaque');
  if (body.style !== undefined && body.style !== null) notHonoured(c, parts, 'style', 'style_ignored', 'there is one style; say in the prompt what it should look like');
  for (const field of ['complexity', 'frame_count', 'frame_duration_ms', 'svg', 'markup', 'input_fidelity'] as const) {
    if (body[field] !== undefined && body[field] !== null) notHonoured(c, parts, field, 'option_ignored', 'this server has no such option');
  }
}
