// The models that the server offers: OpenAI's list, with what each reads and makes beside it.
// Knows no modality and loads no model to list them.

import { z } from '@hono/zod-openapi';
import type { EngineDescription } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { ModelState } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { documented } from '../documented.ts';
import { createRoutes, type Routes } from '../routes.ts';

const tag = 'Models';

const listedShape = {
  id: z.string(),
  object: z.literal('model'),
  created: z.number().int().openapi({ description: 'For clients of OpenAI; 0, since a bundle has no time.' }),
  owned_by: z.string(),
  aliases: z.array(z.string()).openapi({ description: 'Other names that `model` in a request may be.' }),
  title: z.string(),
  state: z.enum(['unloaded', 'loading', 'ready', 'failed']).openapi({ description: 'An unloaded one is loaded when it is asked for.' }),
  error: z.string().nullable().openapi({ description: 'Why it could not be loaded.' }),
  licence: z.string().openapi({ description: 'SPDX; the strictest of what it is composed of.' }),
  bytes: z.number().openapi({ description: 'Memory that it is counted with while loaded.' }),
  architecture: z.object({ input_modalities: z.array(z.string()), output_modalities: z.array(z.string()) }).openapi({ description: 'As OpenRouter lists it.' }),
};
const listedSchema = z.object(listedShape).openapi('Model');
const listSchema = z.object({ object: z.literal('list'), data: z.array(listedSchema) }).openapi('ModelList');

const optionsSchema = z.record(z.string(), z.unknown()).openapi({ description: 'JSON Schema of the options.' });
const wholeSchema = z
  .object({
    ...listedShape,
    version: z.string(),
    device: z.string(),
    inputs: z.array(z.object({ modality: z.string(), mediaTypes: z.array(z.string()), joint: z.boolean().openapi({ description: 'Has a place in the joint space: embeddings, search and mixes.' }), chat: z.boolean().openapi({ description: 'The language model reads it.' }) })),
    outputs: z.array(z.object({ name: z.string(), modality: z.string(), options: optionsSchema, references: z.array(z.string()), negative: z.boolean() })),
    limits: z.array(z.string()).openapi({ description: 'What it cannot do, in plain sentences.' }),
    card: z.string().nullable().openapi({ description: 'Its model card in Markdown; null where the bundle has none.' }),
    text: optionsSchema.nullable().openapi({ description: 'Options of the language model; null where there is none.' }),
  })
  .openapi('WholeModel');

export const modelRoutes: Routes = (parts) => {
  const app = createRoutes();

  documented(app, { method: 'get', path: '/v1/models', tag, summary: 'List models', description: 'The default one first; it is what a request without a model gets, on every route.', answers: { 200: { description: 'All models.', schema: listSchema } } });
  app.get('/v1/models', (c) => c.json({ object: 'list', data: parts.engines.models().map((model) => listed(model)) }));

  documented(app, {
    method: 'get',
    path: '/v1/models/{id}',
    tag,
    summary: 'Look at a model',
    description: 'What it reads and makes, with limits and options. Loads it if need be.',
    params: z.object({ id: z.string().openapi({ description: 'Id or alias.' }) }),
    answers: { 200: { description: 'The model.', schema: wholeSchema } },
    errors: [404],
  });
  app.get('/v1/models/:id{.+}', async (c) => {
    const model = stateOf(parts, c.req.param('id'));
    const description = await parts.engines.describe(model.id, c.req.raw.signal);
    return c.json({ ...listed({ ...model, state: 'ready' }), ...detailsOf(description) });
  });

  return app;
};

function stateOf({ engines }: ServerParts, name: string): ModelState {
  const known = engines.models();
  const model = known.find(({ id, aliases }) => id === name || aliases.includes(name));
  if (model === undefined) throw new AnymodalError('not_found', `model "${name}": not offered here; there are ${known.map(({ id }) => id).join(', ')}.`, { field: 'id' });
  return model;
}

function listed({ id, aliases, title, state, error, licence, bytes, inputs, outputs }: ModelState): z.infer<typeof listedSchema> {
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'anymodal',
    aliases: [...aliases],
    title,
    state,
    error,
    licence,
    bytes,
    architecture: { input_modalities: [...inputs], output_modalities: [...outputs] },
  };
}

function detailsOf({ version, device, inputs, outputs, text, limits = [], notes = [], card }: EngineDescription): object {
  return {
    version,
    device,
    inputs: inputs.map(({ modality, mediaTypes, joint, chat }) => ({ modality, mediaTypes, joint, chat })),
    outputs: outputs.map(({ name, modality, options, references, negative }) => ({ name, modality, options, references, negative })),
    limits: [...limits, ...notes],
    card: card ?? null,
    text,
  };
}
