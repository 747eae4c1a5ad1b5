// Routes as the OpenAPI document describes them, where the route reads its body itself: the same zod schemas, once.
// Knows no route.

import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { inputFault, type AppEnv } from './routes.ts';

/** Body of every error. */
export const errorSchema = z
  .object({
    error: z.object({
      message: z.string().openapi({ description: 'Where, what was got, what was expected, what to do.' }),
      type: z.string().openapi({ description: 'Class of the error, as OpenAI names it.' }),
      param: z.string().nullable().openapi({ description: 'Field of the request that is at fault.' }),
      code: z.string().openapi({ description: 'Stable code; docs/api.md lists them.' }),
    }),
  })
  .openapi('Error');

export const warningsSchema = z
  .array(z.object({ code: z.string(), message: z.string() }))
  .openapi({ description: 'What was not honoured, and what was done instead.' });

interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Media types of an answer that is no JSON. */
  readonly bytes?: readonly string[];
  /** Events of a stream. */
  readonly events?: z.ZodType;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Documented {
  readonly method: 'get' | 'post' | 'delete' | 'patch' | 'put';
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: { readonly schema: z.ZodType; readonly form?: boolean; readonly json?: boolean; readonly bytes?: boolean; readonly optional?: boolean };
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of errors that it answers with, beside those that every route has. */
  readonly errors?: readonly number[];
}

const errorNames: Readonly<Record<number, string>> = {
  400: 'The request makes no sense, or asks for what cannot be done.',
  401: 'No key, or an unknown one.',
  403: 'The key may not do this.',
  404: 'Not there, or not the caller\'s.',
  409: 'Another state, or another request under the same key.',
  413: 'More bytes than are taken.',
  416: 'A range that is not in the medium.',
  429: 'Too much waits; try again later.',
  500: 'A fault of the server.',
  503: 'Not now; try again later.',
  504: 'A limit of time was exceeded.',
  507: 'Nothing more can be kept.',
};

/** Puts a route into the OpenAPI document of an app. */
export function documented(app: OpenAPIHono<AppEnv>, route: Documented): void {
  const { body, params, query, headers } = route;
  const content = {
    ...(body !== undefined && body.json !== false && { 'application/json': { schema: body.schema } }),
    ...(body?.form === true && { 'multipart/form-data': { schema: body.schema } }),
    ...(body?.bytes === true && { 'application/octet-stream': { schema: { type: 'string' as const, format: 'binary' } } }),
  };
  const errors = [400, 401, 403, ...(route.body === undefined ? [] : [413]), 429, 500, 503, ...(route.errors ?? [])];
  app.openAPIRegistry.registerPath({
    method: route.method,
    path: route.path,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    request: {
      ...(params !== undefined && { params }),
      ...(query !== undefined && { query }),
      ...(headers !== undefined && { headers }),
      ...(body !== undefined && { body: { content, required: body.optional !== true } }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...Object.fromEntries([...new Set(errors)].toSorted((a, b) => a - b).map((status) => [status, { description: errorNames[status] ?? 'An error.', content: { 'application/json': { schema: errorSchema } } }])),
    },
  });
}

/** The query of a request, checked. Throws `bad_input` with the field. */
export function readQuery<Shape extends z.ZodRawShape>(c: Context<AppEnv>, schema: z.ZodObject<Shape>): z.output<z.ZodObject<Shape>> {
  const checked = schema.safeParse(c.req.query());
  if (!checked.success) throw inputFault(checked.error);
  return checked.data;
}

/** Cursor, length and order of a page of a list. */
export const pageShape = {
  after: z.string().max(200).optional().openapi({ description: 'Id of the last item of the page before.' }),
  limit: z.coerce.number().int().min(0).max(100).default(20).openapi({ type: 'integer', minimum: 0, maximum: 100, default: 20, description: 'Most items of the page.' }),
  order: z.enum(['asc', 'desc']).default('desc').openapi({ description: 'By time; newest first by default.' }),
};

function answerOf({ description, schema, bytes, events, headers }: Answer): { description: string; content?: Record<string, { schema: z.ZodType | { type: 'string'; format: string } }>; headers?: Record<string, { description: string; schema: { type: 'string' } }> } {
  const content = {
    ...(schema !== undefined && { 'application/json': { schema } }),
    // The document says of `data` that it is text with JSON in it.
    ...(events !== undefined && { 'text/event-stream': { schema: z.object({ id: z.string().optional(), event: z.string().optional(), data: events }) } }),
    ...Object.fromEntries((bytes ?? []).map((type) => [type, { schema: { type: 'string' as const, format: 'binary' } }])),
  };
  return {
    description,
    ...(Object.keys(content).length > 0 && { content }),
    ...(headers !== undefined && { headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' as const } }])) }),
  };
}
