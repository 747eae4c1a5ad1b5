// OpenAI's published schemas as checks, where the document is at hand: OPENAI_OPENAPI is its path. Without it nothing is checked.
// Knows no route.

import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const path = process.env['OPENAI_OPENAPI'];
/** Whether schemas are checked in this run. */
export const hasSchemas = path !== undefined && path !== '';

let ajv: Ajv2020 | null = null;
const known = new Map<string, ValidateFunction>();

function validator(name: string): ValidateFunction {
  const compiled = known.get(name);
  if (compiled !== undefined) return compiled;
  if (ajv === null) {
    const document = withNull(JSON.parse(readFileSync(path ?? '', 'utf8')));
    ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
    if (typeof document === 'object' && document !== null) ajv.addSchema(document, 'openai');
  }
  const made = ajv.compile({ $ref: `openai#/components/schemas/${name}` });
  known.set(name, made);
  return made;
}

/** `nullable`, which OpenAPI 3.1 left behind, as JSON Schema says it. */
function withNull(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withNull);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(([name]) => name !== 'nullable');
  const plain = Object.fromEntries(entries.map(([name, value]) => [name, withNull(value)]));
  return Reflect.get(schema, 'nullable') === true ? { anyOf: [plain, { type: 'null' }] } : plain;
}

/** What of `value` is not as OpenAI's schema says; empty where all is, or where there is no schema. */
export function faultsBySchema(name: string, value: unknown): string[] {
  if (!hasSchemas) return [];
  const validate = validator(name);
  if (validate(value)) return [];
  return (validate.errors ?? []).slice(0, 5).map((error) => `${name}${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
}
