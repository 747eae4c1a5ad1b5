// Checks answers and events against OpenAI's published document, where the environment variable OPENAI_OPENAPI names it; without it nothing is checked.
// Lists of the models', sizes' and voices' of OpenAI alone are widened: what they hold is a model's own.

import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

const place = process.env['OPENAI_OPENAPI'] ?? '';

/** Schemas by name whose listed values are those of OpenAI's own models. */
const widened = new Set(['VideoSize', 'VideoSeconds']);
/** Properties by schema of the same kind. */
const widenedProperties = new Set(['size']);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

let ajv: Ajv2020 | null = null;

function loaded(): Ajv2020 {
  if (ajv !== null) return ajv;
  const document: { components: { schemas: Record<string, Json> } } = JSON.parse(readFileSync(place, 'utf8'));
  for (const [name, schema] of Object.entries(document.components.schemas)) document.components.schemas[name] = widen(schema, widened.has(name));
  ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'openai', ...document });
  return ajv;
}

/** Fails unless `value` is what the published schema `name` says. */
export function expectOpenAi(name: string, value: unknown): void {
  if (place === '') return;
  const validate = loaded().getSchema(`openai#/components/schemas/${name}`);
  if (validate === undefined) throw new Error(`no schema ${name} in ${place}`);
  const right = validate(value);
  expect({ schema: name, errors: (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`) }).toEqual({ schema: name, errors: [] });
  expect(right).toBe(true);
}

function widen(schema: Json, open: boolean): Json {
  if (Array.isArray(schema)) return schema.map((each: Json) => widen(each, open));
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(([key]) => !(open && key === 'enum'));
  return Object.fromEntries(entries.map(([key, value]) => {
    if (key !== 'properties' || typeof value !== 'object' || value === null) return [key, widen(value, open)];
    return [key, Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, widen(inner, widenedProperties.has(name))]))];
  }));
}
