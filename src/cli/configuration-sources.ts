// What holds and where it came from: defaults, one JSON file, ANYMODAL_* variables and flags, each over the one before.
// Knows settings by their schema alone.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { defaultBundle, modelWith } from './bundles.ts';
import { configurationSchema, defaultsInRedis, settings, variableOf, type Configuration, type Setting } from './configuration.ts';
import type { ParsedFlags } from './flags.ts';
import type { Shell } from './shell.ts';
import { nearest } from './suggest.ts';

export interface Held {
  readonly name: string;
  readonly value: unknown;
  /** `default`, `default with redis`, or the file, variable or flag. */
  readonly from: string;
  readonly help: string;
}

export interface ReadConfiguration {
  readonly values: Configuration & { /** Absolute. */ readonly data: string };
  readonly held: readonly Held[];
  /** Variables that begin with ANYMODAL_ and mean nothing. */
  readonly unread: readonly string[];
}

interface Given {
  readonly value: unknown;
  readonly from: string;
}

/** Reads all sources. Throws `bad_option` for what is unknown or out of its range, with the source and the nearest name; `bad_input` for a file that cannot be read. */
export async function readConfiguration(flags: ParsedFlags, shell: Shell): Promise<ReadConfiguration> {
  const all = settings();
  const given = new Map<string, Given>();
  const { variables, configurationFolder, dataFolder } = shell.environment.server;
  const named = flags.value('config') ?? variables['ANYMODAL_CONFIG'];
  for (const [name, one] of await readFileSettings(named === undefined ? join(configurationFolder, 'config.json') : resolve(shell.folder, named), named !== undefined, all)) given.set(name, one);
  for (const setting of all) {
    const variable = variableOf(setting.path);
    const text = variables[variable];
    if (text !== undefined) given.set(nameOf(setting), { value: readText(setting, text, variable), from: variable });
  }
  // The variable of the other commands names the default model here too.
  if (shell.environment.model !== null && variables['ANYMODAL_MODELS'] === undefined) given.set('models', { value: [shell.environment.model], from: 'ANYMODAL_MODEL' });
  const models = given.get('models')?.value;
  for (const [name, one] of readFlags(flags, all, Array.isArray(models) ? models.map(String) : [])) given.set(name, one);

  if ((given.get('redis')?.value ?? null) !== null) {
    const hasStore = (given.get('media')?.value ?? null) !== null;
    for (const [name, value] of Object.entries(defaultsInRedis({ hasStore }))) if (!given.has(name)) given.set(name, { value, from: 'default with redis' });
  }

  const values = check(given);
  const data = resolve(shell.folder, values.data ?? dataFolder);
  const held = all.map((setting): Held => {
    const name = nameOf(setting);
    return { name, value: name === 'data' ? data : withoutPassword(valueAt(values, setting.path)), from: given.get(name)?.from ?? 'default', help: setting.help };
  });
  const known = new Set([...all.map(({ path }) => variableOf(path)), ...otherVariables]);
  return { values: { ...values, data }, held, unread: Object.keys(variables).filter((variable) => !known.has(variable)) };
}

/** Variables that mean something to other parts of the program. */
const otherVariables: readonly string[] = ['ANYMODAL_CONFIG', 'ANYMODAL_KEY', 'ANYMODAL_MODEL', 'ANYMODAL_HUB', 'ANYMODAL_CACHE', 'ANYMODAL_OFFLINE'];

async function readFileSettings(path: string, needed: boolean, all: readonly Setting[]): Promise<Map<string, Given>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!needed) return new Map();
    throw new AnymodalError('bad_input', `${path}: cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'}); it is the file of settings that --config or ANYMODAL_CONFIG names.`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AnymodalError('bad_input', `${path}: is no JSON (${error instanceof Error ? error.message.replaceAll(/"[^"]*"/g, '...') : 'unknown reason'}).`, { cause: error });
  }
  const found = new Map<string, Given>();
  const collect = (value: unknown, at: readonly string[]): void => {
    const name = at.join('.');
    if (all.some((setting) => nameOf(setting) === name)) found.set(name, { value, from: path });
    else if (isRecord(value) && (at.length === 0 || all.some((setting) => nameOf(setting).startsWith(`${name}.`)))) {
      for (const [key, inner] of Object.entries(value)) if (at.length > 0 || key !== '$schema') collect(inner, [...at, key]);
    } else throw at.length === 0 || all.some((setting) => nameOf(setting).startsWith(`${name}.`)) ? new AnymodalError('bad_option', `${path}: ${name === '' ? 'the file' : name}: expected an object.`) : unknownSetting(path, name, all);
  };
  collect(json, []);
  return found;
}

function* readFlags(flags: ParsedFlags, all: readonly Setting[], models: readonly string[]): Generator<readonly [string, Given]> {
  const find = (name: string): Setting => {
    const setting = all.find((candidate) => nameOf(candidate) === name);
    if (setting === undefined) throw unknownSetting('--set', name, all);
    return setting;
  };
  for (const name of ['host', 'port', 'data', 'redis', 'media', 'database', 'device']) {
    const text = flags.value(name);
    if (text !== null) yield [name, { value: readText(find(name), text, `--${name}`), from: `--${name}` }];
  }
  const named = flags.values('model');
  const uses = flags.values('use');
  const [first = defaultBundle, ...others] = named.length > 0 ? named : models;
  if (named.length > 0 || uses.length > 0) yield ['models', { value: [modelWith(first, uses), ...others], from: uses.length > 0 ? '--use' : '--model' }];
  if (flags.on('preload')) yield ['preload', { value: 'all', from: '--preload' }];
  if (flags.on('strict')) yield ['strict', { value: true, from: '--strict' }];
  for (const set of flags.values('set')) {
    const [, name, text] = /^([\w.]+)=(.*)$/s.exec(set) ?? [];
    if (name === undefined || text === undefined) throw new AnymodalError('bad_option', `--set: got "${set}", expected NAME=VALUE, such as limits.queue=50.`);
    yield [name, { value: readText(find(name), text, `--set ${name}`), from: `--set ${name}` }];
  }
}

/** A text as the setting's type reads it: itself, JSON, or a list with commas. */
function readText({ schema }: Setting, text: string, where: string): unknown {
  const readings: unknown[] = [...(text === '' || text === 'null' ? [null] : []), text];
  try {
    readings.push(JSON.parse(text));
  } catch {
    // Not everything is JSON.
  }
  readings.push(text.split(',').map((word) => word.trim()));
  const pairs = text.split(',').map((word) => /^\s*([^=\s]+)=(\S+)\s*$/.exec(word));
  if (pairs.every((pair) => pair !== null)) readings.push(Object.fromEntries(pairs.map(([, key, value]) => [key, value])));
  const fitting = readings.find((reading) => schema.safeParse(reading).success);
  if (fitting !== undefined) return fitting;
  // JSON comes nearest to what was meant, so that the message is about the range and not about the type.
  const meant = readings.find((reading) => typeof reading === 'number') ?? text;
  throw new AnymodalError('bad_option', `${where}: ${schema.safeParse(meant).error?.issues[0]?.message ?? 'does not fit'}; got "${String(withoutPassword(text))}".`);
}

/** All that was given as one whole, defaults filled in. */
function check(given: ReadonlyMap<string, Given>): Configuration {
  const whole: Record<string, unknown> = {};
  for (const [name, { value }] of given) {
    const path = name.split('.');
    let at = whole;
    for (const word of path.slice(0, -1)) {
      const inner = at[word];
      const next: Record<string, unknown> = isRecord(inner) ? inner : {};
      at[word] = next;
      at = next;
    }
    at[path.at(-1) ?? ''] = value;
  }
  const checked = configurationSchema.safeParse(whole);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const path = (issue?.path ?? []).map(String);
  const source = [...given].find(([name]) => path.join('.').startsWith(name));
  throw new AnymodalError('bad_option', `${source?.[1].from ?? 'the configuration'}: ${path.join('.')}: ${issue?.message ?? 'does not fit'}.`);
}

/** The value with the password of an address hidden. */
function withoutPassword(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^(\w+:\/\/[^/:@]*:)[^@]+@/, '$1***@') : value;
}

function unknownSetting(where: string, name: string, all: readonly Setting[]): AnymodalError {
  const names = all.map(nameOf);
  const near = nearest(name, names) ?? names.find((candidate) => candidate.split('.').at(-1) === name.split('.').at(-1)) ?? null;
  return new AnymodalError('bad_option', `${where}: there is no setting "${name}"; ${near === null ? '`anymodal config` lists them' : `did you mean ${near}?`}`);
}

function nameOf({ path }: Setting): string {
  return path.join('.');
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, word) => (isRecord(at) ? at[word] : undefined), values);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
