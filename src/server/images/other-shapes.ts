// Pictures in the shapes of other servers: those of AUTOMATIC1111's web interface, which Open WebUI speaks, and OpenRouter's.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { documented } from '../documented.ts';
import { mediaFromInput } from '../input-media.ts';
import { choicesOf, outputOf } from '../output-options.ts';
import { notHonoured, readBody, warn, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { collectReply, startAttached } from '../run-job.ts';
import { answer, base64, picturesIn, seconds } from './answer.ts';
import { imageOrder, picturesOf } from './order.ts';
import { generationSchema, imageEventSchema } from './schemas.ts';

const errors = [404, 409, 504, 507];
const number = z.number().nullable().optional();
const text = z.string().nullable().optional();

const shared = {
  prompt: z.string().min(1).max(32_000),
  negative_prompt: text,
  seed: z.number().int().min(-1).max(Number.MAX_SAFE_INTEGER).nullable().optional().openapi({ description: '-1 is random.' }),
  steps: number,
  cfg_scale: number,
  width: z.number().int().nullable().optional(),
  height: z.number().int().nullable().optional(),
  sampler_name: text,
  sampler_index: text,
  scheduler: text,
  batch_size: z.number().int().min(1).max(100).nullable().optional(),
  n_iter: z.number().int().min(1).max(100).nullable().optional(),
  override_settings: z.looseObject({ sd_model_checkpoint: text }).nullable().optional(),
};
const drawSchema = z.looseObject(shared).openapi('TextToImage');
const redrawSchema = z
  .looseObject({ ...shared, init_images: z.array(z.string().min(1)).min(1).max(16), mask: text.openapi({ description: 'White may change, black stays.' }), denoising_strength: number })
  .openapi('ImageToImage');
const drawnSchema = z.object({ images: z.array(z.string()).openapi({ description: 'png in base64.' }), parameters: z.looseObject({}), info: z.string().openapi({ description: 'JSON.' }) }).openapi('DrawnImages');
const optionsSchema = z.looseObject({ sd_model_checkpoint: text }).openapi('WebInterfaceOptions');

const routerSchema = generationSchema
  .extend({
    input_references: z.array(z.looseObject({ image_url: z.union([z.string(), z.looseObject({ url: z.string() })]) })).max(16).nullable().optional().openapi({ description: 'Pictures to edit.' }),
    resolution: text.openapi({ description: 'Not supported; warns. size says it in pixels.' }),
    session_id: text.openapi({ description: 'Taken and not used.' }),
  })
  .openapi('RouterImageRequest');
const routedSchema = z
  .object({
    created: z.number().int(),
    data: z.array(z.object({ b64_json: z.string(), media_type: z.string(), seed: z.number().int() })),
    usage: z.object({ prompt_tokens: z.number().int(), completion_tokens: z.number().int(), total_tokens: z.number().int() }),
  })
  .openapi('RouterImages');

export const otherImageRoutes: Routes = (parts) => {
  const app = createRoutes();
  /** Model that each caller has chosen by `options`, for as long as the server runs. */
  const chosen = new Map<string, string>();
  const modelOf = (c: Context<AppEnv>): string => chosen.get(c.get('caller').owner) ?? parts.engines.resolve(null);

  const tag = 'Web interface (A1111)';
  documented(app, { method: 'get', path: '/sdapi/v1/options', tag, summary: 'Look at the options', answers: { 200: { description: 'The model of this caller.', schema: optionsSchema } } });
  app.get('/sdapi/v1/options', (c) => c.json({ sd_model_checkpoint: modelOf(c) }));
  documented(app, { method: 'post', path: '/sdapi/v1/options', tag, summary: 'Choose a model', body: { schema: optionsSchema }, answers: { 200: { description: 'It is chosen for this caller.', schema: z.null() } }, errors: [404] });
  app.post('/sdapi/v1/options', async (c) => {
    const { sd_model_checkpoint: name = null } = (await readBody(c, optionsSchema)).value;
    if (name !== null) chosen.set(c.get('caller').owner, parts.engines.resolve(name));
    return c.json(null);
  });
  documented(app, { method: 'get', path: '/sdapi/v1/sd-models', tag, summary: 'List models', answers: { 200: { description: 'The models.', schema: z.array(z.looseObject({ title: z.string(), model_name: z.string() })) } } });
  app.get('/sdapi/v1/sd-models', (c) => c.json(parts.engines.models().map(({ id }) => ({ title: id, model_name: id, hash: null, sha256: null, filename: id, config: null }))));
  documented(app, { method: 'get', path: '/sdapi/v1/samplers', tag, summary: 'List samplers', answers: { 200: { description: 'Schedulers of the model.', schema: z.array(z.looseObject({ name: z.string() })) } } });
  app.get('/sdapi/v1/samplers', async (c) => {
    const output = outputOf(await parts.engines.describe(modelOf(c), c.req.raw.signal), 'image');
    return c.json(choicesOf(output, 'scheduler').map((name) => ({ name, aliases: [], options: {} })));
  });

  const draw = async (c: Context<AppEnv>, body: z.infer<typeof drawSchema>, strength: number | null, shown: { readonly pictures: readonly Media[]; readonly mask: Media | null }): Promise<Response> => {
    const { signal } = c.req.raw;
    const { prompt, seed = null, sampler_name: sampler = null, override_settings: settings = null } = body;
    const order = await imageOrder(
      c,
      parts,
      {
        model: settings?.sd_model_checkpoint ?? modelOf(c),
        n: (body.batch_size ?? 1) * (body.n_iter ?? 1),
        width: body.width,
        height: body.height,
        seed: seed === -1 ? null : seed,
        steps: body.steps,
        cfg_scale: body.cfg_scale,
        negative_prompt: body.negative_prompt,
        sampler: sampler ?? body.sampler_index,
        strength,
      },
      prompt,
      shown,
    );
    const { record, events } = await startAttached(parts, order.job, signal);
    c.header('x-anymodal-job', record.id);
    const reply = await collectReply(events);
    for (const warning of reply.warnings) warn(c, warning);
    const pictures = await picturesIn(parts, order, reply, signal);
    const { width, height } = order.size;
    const info = { prompt, negative_prompt: body.negative_prompt ?? '', seed: record.request.seed, all_seeds: pictures.map((picture) => picture.seed), width, height, sd_model_name: record.model, warnings: c.get('warnings') };
    return c.json({ images: pictures.map(({ media }) => base64(media)), parameters: { prompt, width, height }, info: JSON.stringify(info) });
  };
  documented(app, { method: 'post', path: '/sdapi/v1/txt2img', tag, summary: 'Draw pictures from words', body: { schema: drawSchema }, answers: { 200: { description: 'The pictures.', schema: drawnSchema } }, errors });
  app.post('/sdapi/v1/txt2img', async (c) => draw(c, (await readBody(c, drawSchema)).value, null, { pictures: [], mask: null }));
  documented(app, { method: 'post', path: '/sdapi/v1/img2img', tag, summary: 'Edit pictures by words', body: { schema: redrawSchema }, answers: { 200: { description: 'The pictures.', schema: drawnSchema } }, errors });
  app.post('/sdapi/v1/img2img', async (c) => {
    const { value } = await readBody(c, redrawSchema);
    const { pictures } = await picturesOf(c, parts, { images: value.init_images });
    const { mask = null } = value;
    // Unlike OpenAI's, this mask is white where the picture may change, as ours is.
    const white = mask === null ? null : await mediaFromInput(parts, c.get('caller'), /^data:/i.test(mask) ? { dataUrl: mask } : { base64: mask }, 'mask', c.req.raw.signal, 'image');
    return draw(c, value, value.denoising_strength ?? null, { pictures, mask: white });
  });

  documented(app, { method: 'post', path: '/v1/images', tag: 'Images', summary: 'Draw or edit pictures, as OpenRouter has it', body: { schema: routerSchema }, answers: { 200: { description: 'The pictures; with stream, events.', schema: routedSchema, events: imageEventSchema } }, errors });
  app.post('/v1/images', async (c) => {
    const { value, unknown } = await readBody(c, routerSchema);
    warnOfUnknown(c, unknown);
    const { input_references: references = null, resolution = null } = value;
    if (resolution !== null) notHonoured(c, parts, 'resolution', 'option_ignored', 'say the size in pixels');
    const shown = references === null || references.length === 0 ? { pictures: [], mask: null } : await picturesOf(c, parts, { images: references });
    const order = await imageOrder(c, parts, value, value.prompt, shown);
    if (value.stream === true) return answer(c, parts, order, value, 'image_generation');
    const { record, events } = await startAttached(parts, order.job, c.req.raw.signal);
    c.header('x-anymodal-job', record.id);
    const reply = await collectReply(events);
    for (const warning of reply.warnings) warn(c, warning);
    const { inputTokens, outputTokens } = reply.usage;
    const pictures = await picturesIn(parts, order, reply, c.req.raw.signal);
    return c.json({
      created: seconds(record.createdAt),
      data: pictures.map(({ media, seed }) => ({ b64_json: base64(media), media_type: media.mediaType, seed })),
      usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
    });
  });
  return app;
};
