// Shapes of the image routes: OpenAI's fields, those that other servers take, and what comes back.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import { warningsSchema } from '../documented.ts';
import { makingShape } from '../output-options.ts';
import { fileSchema } from '../request-body.ts';

const sharedShape = {
  model: z.string().nullable().optional().openapi({ description: 'A model or alias of GET /v1/models; the default one if absent.' }),
  n: z.number().int().min(1).max(10).nullable().optional().openapi({ description: 'Pictures; picture i is made with seed + i.' }),
  size: z.string().max(20).nullable().optional().openapi({ description: 'auto or WIDTHxHEIGHT. A size that the decoder lacks is resampled from the nearest, with a warning.', example: '512x512' }),
  width: z.number().int().nullable().optional().openapi({ description: 'In the place of size.' }),
  height: z.number().int().nullable().optional().openapi({ description: 'In the place of size.' }),
  aspect_ratio: z.string().max(20).nullable().optional().openapi({ description: 'WIDTH:HEIGHT, where no size is given.', example: '16:9' }),
  quality: z.enum(['auto', 'low', 'medium', 'high', 'xhigh', 'max', 'standard', 'hd']).nullable().optional().openapi({ description: 'Fewer or more denoising steps, unless steps says how many.' }),
  background: z.enum(['transparent', 'opaque', 'auto']).nullable().optional(),
  output_format: z.enum(['png', 'jpeg', 'jpg', 'webp', 'gif', 'svg']).nullable().optional().openapi({ description: 'png if absent; gif and svg are refused.' }),
  output_compression: z.number().min(0).max(100).nullable().optional().openapi({ description: 'Quality of jpeg and webp.' }),
  moderation: z.enum(['auto', 'low']).nullable().optional().openapi({ description: 'Without effect: nothing is moderated here.' }),
  stream: z.boolean().nullable().optional(),
  partial_images: z.number().int().min(0).max(3).nullable().optional().openapi({ description: 'Pictures of the unfinished picture in a stream.' }),
  response_format: z.enum(['url', 'b64_json']).nullable().optional().openapi({ description: 'b64_json if absent; url gives signed addresses.' }),
  user: z.string().nullable().optional().openapi({ description: 'Taken and not used.' }),
  safety_identifier: z.string().nullable().optional().openapi({ description: 'Taken and not used.' }),
  complexity: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  frame_count: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  frame_duration_ms: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  svg: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  ...makingShape,
};
const prompt = z.string().min(1).max(32_000).refine((text) => text.trim() !== '', { message: 'expected words, got blanks' }).openapi({ description: 'What to draw.' });

export const generationSchema = z
  .looseObject({ prompt, style: z.enum(['vivid', 'natural']).nullable().optional().openapi({ description: 'Not supported; warns.' }), ...sharedShape })
  .openapi('ImageGeneration');

const pictureSchema = z
  .union([
    fileSchema,
    z.string().min(1),
    z.looseObject({ image_url: z.union([z.string(), z.looseObject({ url: z.string() })]) }),
    z.looseObject({ file_id: z.string() }),
  ])
  .openapi({ description: 'A file of a form; or a data: URL, base64, an address or the id of a medium; or { image_url } or { file_id }.' });
export type PictureInput = z.infer<typeof pictureSchema>;
const picturesSchema = z.union([pictureSchema, z.array(pictureSchema).min(1).max(16)]);

const editShape = {
  image: picturesSchema.optional().openapi({ description: 'The picture to edit; further ones are shown to the decoder where it follows pictures. In a form also image[].' }),
  images: z.array(pictureSchema).min(1).max(16).optional().openapi({ description: 'The same as image, in JSON.' }),
  mask: z.union([pictureSchema, z.array(pictureSchema).length(1)]).nullable().optional().openapi({ description: 'A picture whose transparent parts may change.' }),
  markup: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
  input_fidelity: z.enum(['high', 'low']).nullable().optional().openapi({ description: 'Not supported; warns. strength says how much may change.' }),
};
export const editSchema = z.looseObject({ prompt, ...editShape, ...sharedShape }).openapi('ImageEdit');
export const variationSchema = z.looseObject({ ...editShape, ...sharedShape }).openapi('ImageVariation');

export type ImageBody = z.infer<z.ZodObject<typeof sharedShape>>;
export type EditBody = z.infer<typeof variationSchema>;

const usageSchema = z.object({
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  total_tokens: z.number().int(),
  input_tokens_details: z.object({ text_tokens: z.number().int(), image_tokens: z.number().int() }),
});
const shown = {
  background: z.literal('opaque'),
  output_format: z.enum(['png', 'jpeg', 'webp']),
  quality: z.enum(['low', 'medium', 'high']),
  size: z.string().openapi({ example: '512x512' }),
};

export const imagesSchema = z
  .object({
    created: z.number().int().openapi({ description: 'Seconds since 1970.' }),
    data: z.array(
      z.object({
        b64_json: z.string().optional(),
        url: z.string().optional().openapi({ description: 'Signed, good for a limited time.' }),
        seed: z.number().int().openapi({ description: 'Makes the same picture again.' }),
        media_id: z.string().openapi({ description: 'Id under which /v1/media has it.' }),
      }),
    ),
    ...shown,
    usage: usageSchema,
    warnings: warningsSchema,
  })
  .openapi('Images');
export type ImagesView = z.infer<typeof imagesSchema>;

export const imageEventSchema = z
  .looseObject({
    type: z.enum(['image_generation.partial_image', 'image_generation.completed', 'image_edit.partial_image', 'image_edit.completed']),
    b64_json: z.string(),
    created_at: z.number().int(),
    ...shown,
    partial_image_index: z.number().int().optional(),
    usage: usageSchema.optional(),
    seed: z.number().int().optional(),
    warnings: warningsSchema.optional(),
  })
  .openapi('ImageEvent');
