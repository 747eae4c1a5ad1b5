// Checks plain data against a JSON Schema and says what is wrong in words a person can act on.
// Knows no bundle, no option and no modality; alone imports the validator.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { JsonSchema } from './contracts.ts';
import { AnymodalError } from './errors.ts';

/** What a check found: the value with defaults filled in, or every fault as one line. */
export type Checked<T> = { readonly value: T; readonly faults: readonly [] } | { readonly value: null; readonly faults: readonly string[] };

/**
 * Compares `value` with `schema` (draft 2020-12); a fault says where it is, what was got and what was expected.
 * The value given is not changed.
 *
 * @param where prefix of each line, such as `image`
 */
export function checkSchema<T = unknown>(schema: JsonSchema, value: unknown, where: string): Checked<T> {
  const validate = validatorOf(schema).compile<T>(schema);
  const copy: unknown = structuredClone(value);
  if (validate(copy)) return { value: copy, faults: [] };
  const lines = (validate.errors ?? []).filter((error) => error.keyword !== 'if').map((error) => describe(error, where));
  return { value: null, faults: [...new Set(lines)] };
}

/** A validator for each schema, which compiles it once: that takes as long as a step of a denoiser, and every job is checked against several. Schemas never change. */
const validators = new WeakMap<JsonSchema, Ajv2020>();

function validatorOf(schema: JsonSchema): Ajv2020 {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  // The schemas are our own constants: they are not checked against the standard's own schema.
  const validator = new Ajv2020({ allErrors: true, useDefaults: true, strict: false, verbose: true, meta: false, validateSchema: false });
  validators.set(schema, validator);
  return validator;
}

/** A component's config with defaults filled in. Throws `bundle_invalid` with every fault; `factory` is for the message. */
export function requireConfig<T>(factory: string, checked: Checked<T>): T {
  if (checked.value !== null) return checked.value;
  throw new AnymodalError('bundle_invalid', `${factory}: ${checked.faults.join('; ')}`);
}

function describe(error: ErrorObject, where: string): string {
  const place = `${where}${pathOf(error.instancePath)}`;
  const parent: Record<string, unknown> = error.parentSchema ?? {};
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys(parent['properties'] ?? {});
      const unknown = String(error.params['additionalProperty']);
      return `${place}.${unknown}: unknown; ${known.length > 0 ? `known are ${known.join(', ')}` : 'nothing can be set here'}`;
    }
    case 'required':
      return `${place}.${String(error.params['missingProperty'])}: missing`;
    default:
      return `${place}: got ${show(error.data)}, expected ${expectation(parent) ?? error.message ?? 'something else'}`;
  }
}

/** The JSON pointer `/files/model` as `.files.model`. */
function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => `.${key.replaceAll('~1', '/').replaceAll('~0', '~')}`)
    .join('');
}

function expectation(schema: Record<string, unknown>): string | null {
  if (Array.isArray(schema['enum'])) return `one of ${schema['enum'].map((item) => JSON.stringify(item)).join(', ')}`;
  if (schema['const'] !== undefined) return JSON.stringify(schema['const']);
  const { type } = schema;
  const types = Array.isArray(type) ? type.join(' or ') : type;
  if (typeof types !== 'string') return null;
  const limit = (keyword: string): string | null => (schema[keyword] === undefined ? null : JSON.stringify(schema[keyword]));
  const [minimum, maximum] = [limit('minimum'), limit('maximum')];
  const parts = [/^[aeiou]/.test(types) ? `an ${types}` : `a ${types}`];
  if (minimum !== null && maximum !== null) parts.push(`from ${minimum} to ${maximum}`);
  else if (minimum !== null) parts.push(`of ${minimum} or more`);
  else if (maximum !== null) parts.push(`of ${maximum} or less`);
  if (limit('exclusiveMinimum') !== null) parts.push(`above ${limit('exclusiveMinimum')}`);
  if (limit('multipleOf') !== null) parts.push(`that is a multiple of ${limit('multipleOf')}`);
  if (limit('pattern') !== null) parts.push(`like ${limit('pattern')}`);
  if (limit('minLength') === '1') parts.push('that is not empty');
  if (limit('minItems') !== null) parts.push(`with ${limit('minItems')} or more items`);
  return parts.join(' ');
}

/** A short form of a value that cannot carry a user's text into a message. */
function show(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return /^[\w./:+-]{0,64}$/.test(value) ? JSON.stringify(value) : `a string of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return value === undefined ? 'nothing' : `an ${typeof value}`;
}
