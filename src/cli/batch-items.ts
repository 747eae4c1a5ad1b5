// Lines of a batch file to items: what each asks for, checked whole, with every fault and its line.
// Runs nothing and writes nothing; knows no modality, output or option but those the engine describes.
import { createHash } from 'node:crypto';
import type { EngineDescription, Media, Part, Route } from '../contracts.ts';
import { checkSchema } from '../schema.ts';
import { messageOf } from './job.ts';
import { readMedia, readMediaOf } from './inputs.ts';
import type { JobOptions } from './options.ts';
import { nearest } from './suggest.ts';

export interface BatchItem {
  readonly id: string;
  /** Line of the file, from 1. */
  readonly line: number;
  readonly prompt: string | null;
  readonly media: readonly { readonly modality: string; readonly path: string }[];
  readonly outputs: readonly string[] | null;
  readonly route: Route;
  readonly seed: number;
  readonly count: number;
  readonly negative: string | null;
  readonly mask: string | null;
  readonly options: JobOptions;
}

/** An item with its files read; `digest` (SHA-256, hex) is the same where nothing that can change its result has changed. */
export interface LoadedItem {
  readonly parts: readonly Part[];
  readonly mask: Media | null;
  readonly digest: string;
}

type Fields = Readonly<Record<string, unknown>>;
type Fault = (message: string) => void;

const ownKeys = ['id', 'prompt', 'to', 'route', 'seed', 'count', 'negative', 'mask', 'options'];
const routes: readonly Route[] = ['auto', 'chat', 'direct'];
const largestCount = 64;

/** The items of a batch file and every fault as `line N: ...`; blank lines are passed over. */
export function readItems(text: string, engine: EngineDescription): { items: BatchItem[]; faults: string[] } {
  const items: BatchItem[] = [];
  const faults: string[] = [];
  const lines = new Map<string, number>();
  for (const [index, written] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    if (written.trim() === '') continue;
    const line = index + 1;
    const fault: Fault = (message) => {
      faults.push(`line ${line}: ${message}`);
    };
    const fields = parse(written);
    if (fields === null) {
      fault('is no JSON object, expected one such as {"prompt": "a red apple"}');
      continue;
    }
    const item = readItem(fields, line, engine, fault);
    // Names that differ in case alone are one file on some systems.
    const name = item.id.toLowerCase();
    const earlier = lines.get(name);
    if (earlier !== undefined) fault(`id "${item.id}" is that of line ${earlier}, expected one of its own`);
    else lines.set(name, line);
    items.push(item);
  }
  return { items, faults };
}

/** Reads the files of an item, relative to `folder`; throws `bad_media`. */
export async function loadItem(item: BatchItem, folder: string, engine: EngineDescription): Promise<LoadedItem> {
  const media: Media[] = [];
  for (const { modality, path } of item.media) media.push(await readMediaOf(modality, modality, path, folder));
  const mask = item.mask === null ? null : await readMedia(item.mask, folder);
  const { id, prompt, outputs, route, seed, count, negative, options } = item;
  const asked = { id, prompt, outputs, route, seed, count, negative, options, media: media.map((each) => [each.modality, each.id]), mask: mask?.id ?? null, bundle: [engine.bundle, engine.version] };
  const text: Part[] = prompt === null ? [] : [{ type: 'text', text: prompt }];
  return {
    parts: [...media.map((each): Part => ({ type: 'media', media: each })), ...text],
    mask,
    digest: createHash('sha256').update(JSON.stringify(sorted(asked))).digest('hex'),
  };
}

/** Faults of the files that the items name, as `line N: ...`; keeps no bytes. */
export async function faultsOfFiles(items: readonly BatchItem[], folder: string, engine: EngineDescription): Promise<string[]> {
  const faults: string[] = [];
  for (const item of items) {
    const files = [...item.media.map((each) => ({ ...item, media: [each], mask: null })), ...(item.mask === null ? [] : [{ ...item, media: [] }])];
    for (const file of files) {
      await loadItem(file, folder, engine).catch((error: unknown) => {
        faults.push(`line ${item.line}: ${messageOf(error)}`);
      });
    }
  }
  return faults;
}

function readItem(fields: Fields, line: number, engine: EngineDescription, fault: Fault): BatchItem {
  const modalities = engine.inputs.map(({ modality }) => modality).filter((modality) => modality !== 'text' && !ownKeys.includes(modality));
  const keys = [...ownKeys, ...modalities];
  for (const key of Object.keys(fields)) if (!keys.includes(key)) fault(`"${key}" is no key${hint(key, keys)}`);
  const text = (key: string): string | null => {
    const value = fields[key] ?? null;
    if (value === null || (typeof value === 'string' && value.trim() !== '')) return typeof value === 'string' ? value.trim() : null;
    fault(`${key}: expected a text that is not empty`);
    return null;
  };
  const integer = (key: string, least: number, most: number): number | null => {
    const value = fields[key] ?? null;
    if (value === null) return null;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    fault(`${key}: expected an integer from ${least} to ${most}`);
    return null;
  };
  const id = idOf(fields['id'] ?? String(line), fault) ?? String(line);
  const media = modalities.flatMap((modality) => pathsOf(fields[modality], modality, fault).map((path) => ({ modality, path })));
  const outputs = outputsOf(fields['to'] ?? null, engine, fault);
  const route = routes.find((each) => each === (fields['route'] ?? 'auto'));
  if (route === undefined) fault(`route: expected one of ${routes.join(', ')}`);
  const [prompt, negative, mask] = [text('prompt'), text('negative'), text('mask')];
  if (prompt === null && media.length === 0) fault(`there is nothing to answer; add "prompt"${modalities.length > 0 ? ` or one of ${modalities.join(', ')}` : ''}`);
  const selected = engine.outputs.filter(({ name }) => outputs?.includes(name) ?? true);
  if (negative !== null && !selected.some((output) => output.negative)) fault('negative: no selected output takes a negative prompt; leave it out');
  if (mask !== null && !selected.some((output) => output.references.includes('mask'))) fault('mask: no selected output takes a mask; leave it out');
  else if (mask !== null && media.length === 0) fault('mask: there is nothing to edit; add the picture that the mask belongs to');
  return {
    id, line, prompt, media, outputs, route: route ?? 'auto', negative, mask,
    seed: integer('seed', 0, Number.MAX_SAFE_INTEGER - largestCount) ?? createHash('sha256').update(id).digest().readUInt32BE(0),
    count: integer('count', 1, largestCount) ?? 1,
    options: optionsOf(fields['options'] ?? {}, engine, fault),
  };
}

function idOf(value: unknown, fault: Fault): string | null {
  const id = typeof value === 'number' ? String(value) : value;
  if (typeof id === 'string' && /^[\p{L}\p{N}_]([\p{L}\p{N}_.-]{0,98}[\p{L}\p{N}_-])?$/u.test(id)) return id;
  fault('id: expected 1 to 100 letters, digits, "_", "-" or ".", because files are named after it');
  return null;
}

function pathsOf(value: unknown, modality: string, fault: Fault): string[] {
  const paths: unknown[] = [value ?? []].flat();
  const good = paths.filter((path): path is string => typeof path === 'string' && path !== '');
  if (good.length < paths.length) fault(`${modality}: expected the path of a file, or a list of paths`);
  return good;
}

function outputsOf(value: unknown, engine: EngineDescription, fault: Fault): string[] | null {
  if (value === null) return null;
  const list: unknown[] = typeof value === 'string' ? value.split(',') : [value].flat();
  const names = list.map((name) => (typeof name === 'string' ? name.trim() : ''));
  const known = [...(engine.text === null ? [] : ['text']), ...engine.outputs.map(({ name }) => name)];
  if (names.length === 0 || names.includes('')) fault('to: expected names of outputs, such as ["text", "image"] or "text,image"');
  for (const name of names) if (name !== '' && !known.includes(name)) fault(`to: bundle ${engine.bundle} makes no "${name}"${hint(name, known)}`);
  return names;
}

function optionsOf(value: unknown, engine: EngineDescription, fault: Fault): JobOptions {
  const options: JobOptions = {};
  if (!isRecord(value)) fault('options: expected an object such as {"image": {"steps": 12}}');
  else {
    const schemas = new Map([...(engine.text === null ? [] : [['text', engine.text] as const]), ...engine.outputs.map((output) => [output.name, output.options] as const)]);
    for (const [output, given] of Object.entries(value)) {
      const schema = schemas.get(output);
      if (schema === undefined) fault(`options: "${output}" is no output${hint(output, [...schemas.keys()])}`);
      else if (!isRecord(given)) fault(`options.${output}: expected an object such as {"steps": 12}`);
      else {
        const properties = isRecord(schema['properties']) ? Object.keys(schema['properties']) : [];
        const unknown = Object.keys(given).filter((key) => !properties.includes(key));
        for (const key of unknown) fault(`options.${output}: "${key}" is no option${hint(key, properties)}`);
        const known = Object.fromEntries(Object.entries(given).filter(([key]) => properties.includes(key)));
        for (const message of checkSchema(schema, known, `options.${output}`).faults) fault(message);
        options[output] = known;
      }
    }
  }
  return options;
}

function hint(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === null ? `, expected one of ${known.join(', ')}` : `; did you mean ${near}?`;
}

function parse(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** `value` with the keys of every object in order, so that the order in which they were written makes no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.keys(value).toSorted().map((key) => [key, sorted(value[key])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
