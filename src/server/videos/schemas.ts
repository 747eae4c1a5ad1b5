// Shapes of the video routes as OpenAI had them, which other servers keep alive, with the fields that those take.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import { makingShape } from '../output-options.ts';
import { fileSchema } from '../request-body.ts';

const prompt = z.string().min(1).max(32_000).refine((text) => text.trim() !== '', { message: 'expected words, got blanks' }).openapi({ description: 'What happens in the video.' });
const number = z.number().nullable().optional();
const seconds = z.union([z.number(), z.string().regex(/^\d{1,4}(\.\d+)?$/, { message: 'expected a number' })]).nullable().optional();
const model = z.string().nullable().optional().openapi({ description: 'A model or alias of GET /v1/models; the default one if absent.' });

const referenceSchema = z
  .union([fileSchema, z.string().min(1), z.looseObject({ image_url: z.union([z.string(), z.looseObject({ url: z.string() })]) }), z.looseObject({ file_id: z.string() })])
  .openapi({ description: 'A file of a form; or a data: URL, base64, an address or the id of a medium; or { image_url } or { file_id }.' });

const makeShape = {
  model,
  seconds: seconds.openapi({ description: 'Length; the decoder\'s own if absent, the nearest that it makes with a warning.', example: '4' }),
  duration: seconds.openapi({ description: 'The same as seconds.' }),
  num_frames: number.openapi({ description: 'Length in frames.' }),
  fps: number.openapi({ description: 'Frames a second.' }),
  size: z.string().max(20).nullable().optional().openapi({ description: 'auto or WIDTHxHEIGHT; the nearest that the decoder makes, with a warning.', example: '256x256' }),
  width: number,
  height: number,
  aspect_ratio: z.string().max(20).nullable().optional(),
  generate_audio: z.boolean().nullable().optional().openapi({ description: 'Whether the video gets a sound that goes with it.' }),
  generate_sound: z.boolean().nullable().optional().openapi({ description: 'The same as generate_audio.' }),
  output_format: z.string().max(20).nullable().optional().openapi({ description: 'mp4 if absent; what else there is, GET /v1/models lists.' }),
  user: z.string().nullable().optional().openapi({ description: 'Taken and not used.' }),
  ...makingShape,
};

export const createSchema = z
  .looseObject({ prompt, input_reference: referenceSchema.nullable().optional().openapi({ description: 'A picture that is the first frame, or a video to change.' }), ...makeShape })
  .openapi('VideoCreation');
export const remixSchema = z.looseObject({ prompt, ...makeShape }).openapi('VideoRemix');
export const editSchema = z
  .looseObject({ prompt, video: z.union([fileSchema, z.string().min(1), z.looseObject({ id: z.string() })]).openapi({ description: 'A file of a form, a data: URL, or { id } of a finished video.' }), ...makeShape })
  .openapi('VideoEdit');
export type VideoBody = z.infer<z.ZodObject<typeof makeShape>> & { readonly prompt: string };
export type VideoReference = z.infer<typeof referenceSchema>;

export const videoSchema = z
  .object({
    id: z.string(),
    object: z.literal('video'),
    model: z.string(),
    status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
    progress: z.number().int().min(0).max(100),
    created_at: z.number().int().openapi({ description: 'Seconds since 1970.' }),
    completed_at: z.number().int().nullable(),
    expires_at: z.number().int().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    prompt: z.string().nullable(),
    remixed_from_video_id: z.string().nullable(),
    seconds: z.string(),
    size: z.string(),
    seed: z.number().int().openapi({ description: 'Makes the same video again.' }),
    queue_position: z.number().int().nullable().openapi({ description: 'Jobs that start before it.' }),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .openapi('Video');
export type VideoView = z.infer<typeof videoSchema>;

export const videoListSchema = z.object({ object: z.literal('list'), data: z.array(videoSchema), first_id: z.string().nullable(), last_id: z.string().nullable(), has_more: z.boolean() }).openapi('VideoList');

/** What a job of these routes keeps beside its request. */
export const viewSchema = z.object({
  prompt: z.string(),
  seconds: z.string(),
  size: z.string(),
  remixedFrom: z.string().nullable(),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
});
