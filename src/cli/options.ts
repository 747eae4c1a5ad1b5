// Option flags to the options of a job, by the schemas that the decoders declare.
// Knows no decoder: a flag is the name of an option in kebab-case; only `--size` and `--guidance` are short for others.
import type { EngineDescription, JsonSchema } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import type { Flag } from './flags.ts';
import { nearest } from './suggest.ts';

type Output = EngineDescription['outputs'][number];
type Properties = Readonly<Record<string, JsonSchema>>;
export type JobOptions = Record<string, Record<string, unknown>>;

/** Option flags that the help lists whatever the bundle; each works where a selected decoder declares its option. */
export const standardOptionFlags: readonly Flag[] = [
  { name: 'steps', value: 'K', help: 'denoising steps: more is slower and finer' },
  { name: 'guidance', value: 'G', help: 'guidance scale: how closely the prompt is followed' },
  { name: 'size', value: 'WxH', help: 'width and height in pixels' },
  { name: 'strength', value: 'X', help: 'how far an edited medium may move from its source, 0 to 1' },
  { name: 'scheduler', value: 'NAME', help: 'denoising scheduler' },
  { name: 'format', value: 'NAME', help: 'file format: png, webp, mp3, mp4, ...; goes to the outputs that have it' },
  { name: 'quality', value: 'Q', help: 'quality of a lossy file format' },
  { name: 'seconds', value: 'X', help: 'length of a sound' },
  { name: 'frames', value: 'N', help: 'length of a video' },
  { name: 'fps', value: 'N', help: 'frames a second of a video' },
  { name: 'preview-every', value: 'K', help: 'as --previews, after every K steps' },
];

/** One flag for each option of any output that the standard ones do not cover. */
export function flagsOfOptions(outputs: readonly Output[], taken: readonly Flag[]): Flag[] {
  const flags = new Map<string, Flag>();
  for (const output of outputs) {
    for (const [option, schema] of Object.entries(propertiesOf(output.options))) {
      const name = kebab(option);
      const help = typeof schema['description'] === 'string' ? schema['description'] : `option ${option} of ${output.name}`;
      if (!taken.some((flag) => flag.name === name)) flags.set(name, { name, value: 'VALUE', help });
    }
  }
  return [...flags.values()];
}

/**
 * The options of a job: `given` holds option flags and their values, `sets` the values of `--set OUTPUT.KEY=VALUE`.
 * Throws `bad_option` for a flag that no selected output declares and for a value outside its schema.
 */
export function jobOptions(given: readonly (readonly [flag: string, value: string])[], sets: readonly string[], selected: readonly Output[], text: JsonSchema | null): JobOptions {
  const options: JobOptions = {};
  const put = (output: string, key: string, value: unknown): void => {
    (options[output] ??= {})[key] = value;
  };
  for (const [flag, value] of given) {
    const takers = selected.flatMap((output) => {
      const parts = partsOf(flag, value, propertiesOf(output.options));
      return parts === null ? [] : [{ output, parts }];
    });
    if (takers.length === 0) throw new AnymodalError('bad_option', `--${flag}: ${undeclared(selected)}`);
    for (const { output, parts } of flag === 'format' ? takersOfFormat(value, takers) : takers) {
      for (const part of parts) put(output.name, part.key, read(part.schema, part.text, parts.length === 1 ? `--${flag}` : `--${flag} ${value}, ${part.key}`));
    }
  }
  for (const set of sets) {
    const match = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(set);
    if (match === null) throw new AnymodalError('bad_option', `--set: got "${set}", expected OUTPUT.KEY=VALUE, such as image.steps=12.`);
    const [, name = '', key = '', value = ''] = match;
    const schema = name === 'text' ? text : (selected.find((output) => output.name === name)?.options ?? null);
    if (schema === null) {
      const names = [...selected.map((output) => output.name), ...(text === null ? [] : ['text'])];
      throw new AnymodalError('bad_option', `--set: "${name}" of "${set}" is no selected output; expected one of ${names.join(', ')}.`);
    }
    const properties = propertiesOf(schema);
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) {
      const known = Object.keys(properties);
      const near = nearest(key, known);
      throw new AnymodalError('bad_option', `--set: ${name} has no option "${key}"${near === null ? '' : `; did you mean ${near}?`}${near === null ? ';' : ''} it has ${known.join(', ')}.`);
    }
    put(name, key, read(property, value, `--set ${name}.${key}`));
  }
  return options;
}

/** Whether `output` declares an option that a file format can be given by, and has `format` among its values. */
export function acceptsFormat(output: Output, format: string): boolean {
  const schema = propertiesOf(output.options)['format'];
  return schema !== undefined && checkSchema(schema, format, 'format').value !== null;
}

/** Outputs of several modalities share no formats, so that one is for those that have it; throws `bad_option` where none does. */
function takersOfFormat<T extends { readonly output: Output }>(format: string, takers: readonly T[]): readonly T[] {
  const able = takers.filter(({ output }) => acceptsFormat(output, format));
  // One output alone says itself what it expects.
  if (able.length > 0 || takers.length === 1) return able.length > 0 ? able : takers;
  const lists = takers.map(({ output }) => {
    const choices: unknown = propertiesOf(output.options)['format']?.['enum'];
    return `${output.name} has ${Array.isArray(choices) ? choices.map(String).join(', ') : 'others'}`;
  });
  throw new AnymodalError('bad_option', `--format: got "${format}", which no selected output makes; ${lists.join('; ')}.`);
}

interface OptionPart {
  readonly key: string;
  readonly text: string;
  readonly schema: JsonSchema;
}

/** What a flag sets among `properties`, or null where it sets nothing there. */
function partsOf(flag: string, value: string, properties: Properties): OptionPart[] | null {
  const named = Object.keys(properties).find((key) => kebab(key) === flag || (flag === 'guidance' && kebab(key) === 'guidance-scale'));
  const own = named === undefined ? undefined : properties[named];
  if (named !== undefined && own !== undefined) return [{ key: named, text: value, schema: own }];
  const { width, height } = properties;
  if (flag !== 'size' || width === undefined || height === undefined) return null;
  const match = /^(\d+)[x×](\d+)$/i.exec(value);
  if (match === null) throw new AnymodalError('bad_option', `--size: got "${value}", expected WIDTHxHEIGHT, such as 128x128.`);
  return [
    { key: 'width', text: match[1] ?? '', schema: width },
    { key: 'height', text: match[2] ?? '', schema: height },
  ];
}

/** The value that `text` stands for under a schema; throws `bad_option` where it is outside. */
function read(schema: JsonSchema, text: string, where: string): unknown {
  const value = valueOf(schema, text);
  const checked = checkSchema(schema, value, where);
  if (checked.faults.length > 0) throw new AnymodalError('bad_option', `${checked.faults.join('\n')}${fallback(schema)}.`);
  return checked.value;
}

/** Text as the schema's type reads it; text that does not fit stays text, and the schema refuses it. */
function valueOf(schema: JsonSchema, text: string): unknown {
  const types = [schema['type'] ?? []].flat();
  const choices: readonly unknown[] = Array.isArray(schema['enum']) ? schema['enum'] : [];
  const numeric = types.includes('integer') || types.includes('number') || choices.some((choice) => typeof choice === 'number');
  if (numeric && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.includes('null') && text === 'null') return null;
  if (types.includes('array')) return text.split(',');
  return text;
}

function fallback(schema: JsonSchema): string {
  const value = schema['default'];
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' ? ` (default ${JSON.stringify(value)})` : '';
}

function undeclared(selected: readonly Output[]): string {
  if (selected.length === 0) return 'no output is selected that could use it; add one with --to.';
  const lists = selected.map((output) => `${output.name} has ${Object.keys(propertiesOf(output.options)).map((key) => `--${kebab(key)}`).join(', ') || 'no options'}`);
  return `no selected output declares this option; ${lists.join('; ')}.`;
}

function propertiesOf(schema: JsonSchema): Properties {
  const properties = schema['properties'];
  return isRecord(properties) ? Object.fromEntries(Object.entries(properties).filter((entry): entry is [string, JsonSchema] => isRecord(entry[1]))) : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
