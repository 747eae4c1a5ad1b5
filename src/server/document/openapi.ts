// The OpenAPI 3.1 document of everything that is mounted: made from the routes' own schemas, with what holds for each of them added.
// Knows no route.

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ServerSettings } from '../contracts.ts';
import { statusOfCode } from '../errors.ts';
import type { AppEnv } from '../routes.ts';

export type OpenApiDocument = ReturnType<OpenAPIHono<AppEnv>['getOpenAPI31Document']>;
type SchemaOfDocument = NonNullable<NonNullable<OpenApiDocument['components']>['schemas']>[string];

const errorSchema: SchemaOfDocument = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string', description: 'Where, what was got, what was expected, what to do.' },
        type: { type: 'string', enum: ['invalid_request_error', 'authentication_error', 'permission_error', 'rate_limit_error', 'server_error'] },
        param: { type: ['string', 'null'], description: 'The field at fault.' },
        code: { type: 'string', enum: Object.keys(statusOfCode) },
      },
    },
  },
};

const descriptions: Readonly<Record<string, string>> = {
  '4XX': 'The request cannot be answered as it is; `param` names the field, `code` the kind of fault.',
  '5XX': 'The server could not answer; `x-should-retry` says whether trying again helps.',
};

/** The document, but for the address of the server. */
export function openApiDocument(app: OpenAPIHono<AppEnv>, settings: ServerSettings): OpenApiDocument {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'anymodal', version: settings.version, description: 'Any mix of text, image, audio and video in, any mix out. Routes under /v1 speak OpenAI\'s shapes; /v1/jobs is the native API.' },
    security: settings.keysRequired ? [{ key: [] }, { session: [] }] : [{}, { key: [] }],
  });
  const { components = {} } = document;
  components.securitySchemes = {
    ...components.securitySchemes,
    key: { type: 'http', scheme: 'bearer', description: 'A key of `anymodal keys add`.' },
    session: { type: 'apiKey', in: 'cookie', name: 'anymodal_session', description: 'The session of the page; `POST /session` begins one.' },
  };
  components.schemas = { ...components.schemas, Error: errorSchema };
  document.components = components;
  for (const path of Object.values(document.paths ?? {})) {
    for (const method of ['get', 'put', 'post', 'delete', 'patch'] as const) {
      const operation = path[method];
      if (operation === undefined) continue;
      const responses = { ...operation.responses };
      for (const [range, description] of Object.entries(descriptions)) {
        responses[range] ??= { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
      }
      for (const response of Object.values(responses)) describeEvents(response);
      operation.responses = responses;
    }
  }
  return document;
}

/** Events of a stream are lines of text: `data` is text that holds JSON of the event's own schema. */
function describeEvents(response: object): void {
  const schema = ['content', 'text/event-stream', 'schema', 'properties'].reduce<unknown>(fieldOf, response);
  if (typeof schema !== 'object' || schema === null || !('data' in schema)) return;
  const event = { type: 'string', contentMediaType: 'application/json', contentSchema: schema.data };
  schema.data = { anyOf: [event, { type: 'string', const: '[DONE]' }], description: 'JSON of one event; in some streams [DONE] after the last.' };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
