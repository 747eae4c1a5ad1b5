// Bodies of requests, JSON or forms, as one shape checked by one zod schema: what a form says in text is read as what the schema expects.
// Knows no route and no field.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { AnymodalError } from '../errors.ts';
import type { Warning } from '../queue/contracts.ts';
import type { ServerParts } from './contracts.ts';
import { inputFault, type AppEnv } from './routes.ts';

/** Entries of a form; more are refused. */
const MOST_ENTRIES = 1000;
/** Depth of `a[b][c]`. */
const MOST_NESTED = 4;

export interface ReadBody<T> {
  readonly value: T;
  /** Names of fields that the schema does not have. */
  readonly unknown: readonly string[];
  /** Uploaded files by the name of their field, brackets at its end left out. */
  readonly files: ReadonlyMap<string, readonly File[]>;
}

/** A file of a form; in JSON nothing is one. */
export const fileSchema = z.custom<File>((value) => value instanceof File, { message: 'expected a file' }).openapi({ type: 'string', format: 'binary' });

/**
 * Reads the body of a request, JSON or form, and checks it. Names that the schema does not have are told, not refused, unless the schema is strict.
 * Throws `bad_input` with the field.
 */
export async function readBody<Shape extends z.ZodRawShape>(c: Context<AppEnv>, schema: z.ZodObject<Shape>): Promise<ReadBody<z.output<z.ZodObject<Shape>>>> {
  const type = c.req.header('content-type')?.toLowerCase() ?? '';
  const isForm = type.startsWith('multipart/form-data') || type.startsWith('application/x-www-form-urlencoded');
  const files = new Map<string, File[]>();
  const body = isForm ? fitted(await readForm(c, files), schema) : await readJson(c);
  const checked = schema.safeParse(body);
  if (!checked.success) throw inputFault(checked.error);
  const names = new Set([...Object.keys(body), ...files.keys()]);
  return { value: checked.data, unknown: [...names].filter((name) => !Object.hasOwn(schema.shape, name)), files };
}

/** What a compatible route does with something that it knows and cannot honour: a warning, or an error where the server is strict. */
export function notHonoured(c: Context<AppEnv>, { settings }: Pick<ServerParts, 'settings'>, field: string, code: string, message: string): void {
  if (settings.strict) throw new AnymodalError('unsupported', `${field}: ${message}`, { field });
  warn(c, { code, message: `${field}: ${message}` });
}

/** Warns of the fields that a compatible route does not know. */
export function warnOfUnknown(c: Context<AppEnv>, names: readonly string[]): void {
  // A name is the client's own text: only what looks like one is repeated.
  const plain = names.filter((name) => /^[\w.-]{1,64}$/.test(name));
  for (const name of plain.slice(0, 10)) warn(c, { code: 'unknown_field', message: `${name}: no such field; it is ignored` });
}

/** Adds a warning to those of the request, once. */
export function warn(c: Context<AppEnv>, { code, message }: Warning): void {
  const warnings = c.get('warnings');
  if (!warnings.some((known) => known.code === code && known.message === message)) warnings.push({ code, message });
}

async function readJson(c: Context<AppEnv>): Promise<Record<string, unknown>> {
  const text = await c.req.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new AnymodalError('bad_input', text === '' ? 'the body is empty; expected a JSON object.' : 'the body is no JSON; expected a JSON object, and content-type: application/json.', { cause: error });
  }
  if (!isRecord(body)) throw new AnymodalError('bad_input', 'the body: expected a JSON object.');
  return body;
}

/** A form as nested plain values: `a[]` and repeated names make lists, `a[b]` makes objects. */
async function readForm(c: Context<AppEnv>, files: Map<string, File[]>): Promise<Record<string, unknown>> {
  let form: FormData;
  try {
    form = await c.req.formData();
  } catch (error) {
    throw new AnymodalError('bad_input', 'the body is no form of the kind that its content-type says.', { cause: error });
  }
  const entries = [...form];
  if (entries.length > MOST_ENTRIES) throw new AnymodalError('bad_input', `the body: got ${entries.length} entries of a form, at most ${MOST_ENTRIES} are taken.`);
  const root: Record<string, unknown> = Object.create(null);
  for (const [name, value] of entries) {
    if (value instanceof File) {
      const plain = name.replace(/\[\d*\]$/, '');
      files.set(plain, [...(files.get(plain) ?? []), value]);
    }
    place(root, name, value);
  }
  return root;
}

function place(root: Record<string, unknown>, name: string, value: unknown): void {
  const head = /^[^[\]]*/.exec(name)?.[0] ?? '';
  const rest = name.slice(head.length);
  const keys = [head, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, key = '']) => key)];
  if (head === '' || keys.length > MOST_NESTED || !/^(?:\[[^[\]]*\])*$/.test(rest)) throw new AnymodalError('bad_input', 'the body: a field of the form has a name that cannot be read.');
  let at = root;
  for (const [index, key] of keys.entries()) {
    const next = keys[index + 1];
    const isList = next === undefined || next === '' || /^\d+$/.test(next);
    if (isList) {
      const known = at[key];
      if (keys.length > index + 2) throw new AnymodalError('bad_input', 'the body: a list in the form holds objects; send it as JSON.');
      // One value stands for itself unless its name says list.
      if (next === undefined && known === undefined) at[key] = value;
      else at[key] = [...(Array.isArray(known) ? known : known === undefined ? [] : [known]), value];
      return;
    }
    const known = at[key];
    const inner: Record<string, unknown> = isRecord(known) ? known : Object.create(null);
    at[key] = inner;
    at = inner;
  }
}

/** Fields of a form as their schemas expect them: text as a number, a truth value or JSON, one value as a list; nothing as absent. */
function fitted(form: Record<string, unknown>, schema: z.ZodObject): Record<string, unknown> {
  const body: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(form)) {
    const field: unknown = Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined;
    if (!(field instanceof z.ZodType)) {
      // A file that no field takes may be meant by another field, which names it.
      if (![value].flat().every((each) => each instanceof File)) body[name] = value;
      continue;
    }
    const forms = [value, ...readings(value), [value], ...readings(value).map((reading) => [reading])];
    const fits = forms.findIndex((form_) => field.safeParse(form_).success);
    if (fits >= 0) body[name] = forms[fits];
    else if (value !== '') body[name] = readings(value)[0] ?? value;
  }
  return body;
}

/** What text may mean in JSON. */
function readings(value: unknown): unknown[] {
  if (typeof value !== 'string') return [];
  try {
    return [JSON.parse(value)];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof File);
}
