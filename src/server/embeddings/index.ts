// OpenAI's embeddings for words, and for media as parts: places in the joint space of a model.
// Knows no modality.

import { z } from '@hono/zod-openapi';
import type { Part } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { documented, warningsSchema } from '../documented.ts';
import { mediaFromInput, type MediaInput } from '../input-media.ts';
import { notHonoured, readBody, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type Routes } from '../routes.ts';
import { newId } from '../run-job.ts';

const tag = 'Embeddings';

const words = z.string().min(1, { message: 'expected words, got an empty text' });
const partSchema = z
  .union([
    z.looseObject({ type: z.enum(['text', 'input_text']), text: words }),
    z.looseObject({ type: z.literal('media'), id: z.string().optional(), url: z.string().optional(), data: z.string().optional() }),
    z.looseObject({ type: z.enum(['image_url', 'video_url', 'audio_url', 'input_image']), image_url: z.unknown().optional(), video_url: z.unknown().optional(), audio_url: z.unknown().optional() }),
    z.looseObject({ type: z.literal('input_audio'), input_audio: z.looseObject({ data: z.string() }) }),
  ])
  .openapi('EmbeddingPart', { description: 'Our extension: words, or a medium as in jobs or as in chat.' });
type EmbeddingPart = z.infer<typeof partSchema>;

const bodySchema = z
  .looseObject({
    input: z
      .union([words, partSchema, z.array(z.union([words, partSchema])).min(1).max(2048), z.array(z.union([z.number(), z.array(z.number())]))])
      .openapi({ description: 'A text, a part, or a list of them. Lists of tokens are refused: every model has its own.' }),
    model: z.string().nullable().optional().openapi({ description: 'A model or alias of GET /v1/models; the default one if absent.' }),
    encoding_format: z.enum(['float', 'base64']).nullable().optional().openapi({ description: 'base64 is of float32, little-endian.' }),
    dimensions: z.number().int().min(1).nullable().optional().openapi({ description: 'Only what the model has; others warn.' }),
    user: z.string().nullable().optional().openapi({ description: 'Taken and not used.' }),
  })
  .openapi('EmbeddingRequest');

const answerSchema = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(z.object({ object: z.literal('embedding'), index: z.number().int(), embedding: z.union([z.array(z.number()), z.string()]), modality: z.string() })),
    usage: z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() }).openapi({ description: 'Words, of which there is one or more in a token: nothing is counted exactly here.' }),
    warnings: warningsSchema,
  })
  .openapi('Embeddings');

export const embeddingRoutes: Routes = (parts) => {
  const app = createRoutes();
  documented(app, { method: 'post', path: '/v1/embeddings', tag, summary: 'Place words and media in the joint space', description: 'Vectors of length 1: what is alike is near, whatever its modality.', body: { schema: bodySchema, form: true }, answers: { 200: { description: 'The places, in the order of the input.', schema: answerSchema } }, errors: [404, 504] });
  app.post('/v1/embeddings', async (c) => {
    const { value, unknown } = await readBody(c, bodySchema);
    warnOfUnknown(c, unknown);
    const model = parts.engines.resolve(value.model ?? null);
    const given: readonly unknown[] = Array.isArray(value.input) ? value.input : [value.input];
    const most = Math.max(parts.settings.limits.parts, 1) * 64;
    if (given.length === 0 || given.length > most) throw new AnymodalError('bad_input', `input: got ${given.length} items, expected 1 to ${most}.`, { field: 'input' });
    if (given.some((item) => typeof item === 'number' || Array.isArray(item))) throw new AnymodalError('unsupported', 'input: got tokens, expected words or media; every model has tokens of its own.', { field: 'input' });
    const inputs: Part[] = [];
    let media = 0;
    for (const [index, item] of given.entries()) {
      const field = Array.isArray(value.input) ? `input.${index}` : 'input';
      const part = typeof item === 'string' ? null : partSchema.parse(item);
      if (part === null || 'text' in part) {
        inputs.push({ type: 'text', text: part === null ? String(item) : String(part.text) });
        continue;
      }
      media += 1;
      if (media > parts.settings.limits.parts) throw new AnymodalError('bad_input', `input: got more than ${parts.settings.limits.parts} media.`, { field: 'input' });
      inputs.push({ type: 'media', media: await mediaFromInput(parts, c.get('caller'), inputOf(part, field), field, c.req.raw.signal) });
    }
    const { embeddings, warnings } = await parts.queue.embed(model, { id: newId('embed'), inputs }, c.req.raw.signal);
    const width = embeddings[0]?.length ?? 0;
    if (value.dimensions !== undefined && value.dimensions !== null && value.dimensions !== width) notHonoured(c, parts, 'dimensions', 'dimensions_ignored', `this model has ${width}`);
    const tokens = inputs.reduce((sum, part) => sum + (part.type === 'text' ? (part.text.match(/\S+/g)?.length ?? 0) : 0), 0);
    return c.json({
      object: 'list',
      model,
      data: embeddings.map((embedding, index) => {
        const part = inputs[index];
        return { object: 'embedding', index, embedding: value.encoding_format === 'base64' ? base64(embedding) : embedding, modality: part?.type === 'media' ? part.media.modality : 'text' };
      }),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
      warnings: [...c.get('warnings'), ...warnings],
    });
  });
  return app;
};

/** A medium as jobs or as chats name it. Throws `bad_input`. */
function inputOf(part: EmbeddingPart, field: string): MediaInput {
  const value = (name: string): unknown => Reflect.get(part, name);
  if (part.type === 'input_audio') {
    const data: unknown = Reflect.get(Object(value('input_audio')), 'data');
    return typeof data === 'string' && /^data:/i.test(data) ? { dataUrl: data } : { base64: String(data) };
  }
  const [id, url, data] = ['id', 'url', 'data'].map(value);
  if (typeof id === 'string') return { id };
  if (typeof url === 'string') return { url };
  if (typeof data === 'string') return /^data:/i.test(data) ? { dataUrl: data } : { base64: data };
  const address = value('image_url') ?? value('video_url') ?? value('audio_url');
  const text: unknown = typeof address === 'object' && address !== null ? Reflect.get(address, 'url') : address;
  if (typeof text === 'string') return { url: text };
  throw new AnymodalError('bad_input', `${field}: expected a medium by id, url or data.`, { field });
}

function base64(embedding: readonly number[]): string {
  const bytes = Buffer.alloc(embedding.length * 4);
  for (const [index, number] of embedding.entries()) bytes.writeFloatLE(number, index * 4);
  return bytes.toString('base64');
}
