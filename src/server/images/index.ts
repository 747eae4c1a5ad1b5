// OpenAI's image routes: generations, edits and variations, at once or as a stream with pictures of the unfinished picture.
// Knows no decoder.

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { documented } from '../documented.ts';
import { readBody, warnOfUnknown } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { answer } from './answer.ts';
import { imageOrder, picturesOf } from './order.ts';
import { editSchema, generationSchema, imageEventSchema, imagesSchema, variationSchema, type EditBody } from './schemas.ts';

const tag = 'Images';
const answers = { 200: { description: 'The pictures; with stream, events.', schema: imagesSchema, events: imageEventSchema } };
const errors = [404, 409, 504, 507];

export const imageRoutes: Routes = (parts) => {
  const app = createRoutes();

  documented(app, { method: 'post', path: '/v1/images/generations', tag, summary: 'Draw pictures from words', body: { schema: generationSchema, form: true }, answers, errors });
  app.post('/v1/images/generations', async (c) => {
    const { value, unknown } = await readBody(c, generationSchema);
    warnOfUnknown(c, unknown);
    return answer(c, parts, await imageOrder(c, parts, value, value.prompt, { pictures: [], mask: null }), value, 'image_generation');
  });

  const edits = async (c: Context<AppEnv>, schema: typeof editSchema | typeof variationSchema): Promise<Response> => {
    const { value, unknown } = await readBody<z.ZodRawShape>(c, schema);
    warnOfUnknown(c, unknown);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both schemas have its fields
    const body = value as EditBody & { readonly prompt?: string };
    return answer(c, parts, await imageOrder(c, parts, body, body.prompt ?? '', await picturesOf(c, parts, body)), body, 'image_edit');
  };
  documented(app, { method: 'post', path: '/v1/images/edits', tag, summary: 'Edit a picture by words', body: { schema: editSchema, form: true }, answers, errors });
  app.post('/v1/images/edits', async (c) => edits(c, editSchema));
  documented(app, { method: 'post', path: '/v1/images/variations', tag, summary: 'Draw a picture again, differently', body: { schema: variationSchema, form: true }, answers, errors });
  app.post('/v1/images/variations', async (c) => edits(c, variationSchema));
  return app;
};
