// Reads flags by a table: what exists, what takes a value, what may be repeated; the same table makes the help.
// Knows no command and no meaning of a flag.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { AnymodalError } from '../errors.ts';
import { nearest } from './suggest.ts';

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** Placeholder of the value in the help, such as `K`; absent for a switch. */
  readonly value?: string;
  readonly repeatable?: boolean;
  readonly help: string;
}

export interface ParsedFlags {
  readonly positionals: readonly string[];
  /** The value of a flag, the last one given; null where it is absent. */
  value(name: string): string | null;
  /** All values of a repeatable flag in order. */
  values(name: string): readonly string[];
  /** Whether a switch is set. */
  on(name: string): boolean;
}

/** Names after `--` or `-` in `args` that `flags` does not list. */
export function unknownFlags(args: readonly string[], flags: readonly Flag[]): string[] {
  const { tokens } = parseArgs({ args: joinValues(args, flags), options: configOf(flags), strict: false, allowPositionals: true, tokens: true });
  const known = new Set(flags.map((flag) => flag.name));
  return tokens.filter((token) => token.kind === 'option').filter((token) => !known.has(token.name)).map((token) => token.rawName);
}

/** Reads the flags of `args` that are in the table and passes over all others. */
export function parseLoosely(args: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const { values, positionals } = parseArgs({ args: joinValues(args, flags), options: configOf(flags), strict: false, allowPositionals: true });
  const list = (name: string): readonly string[] => [values[name] ?? []].flat().filter((value) => typeof value === 'string');
  return { positionals, value: (name) => list(name).at(-1) ?? null, values: list, on: (name) => values[name] === true };
}

/**
 * Reads `args` by the table `flags`.
 * Throws `bad_option` for a flag that is not in it (`hint` ends the message), that lacks its value or that takes none.
 */
export function parseFlags(args: readonly string[], flags: readonly Flag[], hint: string): ParsedFlags {
  const unknown = unknownFlags(args, flags)[0];
  if (unknown !== undefined) {
    const near = nearest(unknown, flags.map((flag) => `--${flag.name}`));
    throw new AnymodalError('bad_option', `${unknown}: there is no such flag${near === null ? '.' : `; did you mean ${near}?`} ${hint}`);
  }
  const { tokens } = parseArgs({ args: joinValues(args, flags), options: configOf(flags), strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const flag = flags.find((entry) => entry.name === token.name);
    if (flag?.value !== undefined && token.value === undefined) throw missing(token.rawName, flag.value);
    if (flag?.value === undefined && token.value !== undefined) throw new AnymodalError('bad_option', `${token.rawName}: got the value "${token.value}", but this flag takes none.`);
  }
  return parseLoosely(args, flags);
}

/** `value` of flag `name` as an integer in a range; throws `bad_option` otherwise. */
export function integerFlag(name: string, value: string, least: number, most: number): number {
  const number = /^[+-]?\d+$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most)) throw new AnymodalError('bad_option', `${name}: got "${value}", expected an integer from ${least} to ${most}.`);
  return number;
}

/** `value` of flag `name` as one of `choices`; throws `bad_option` otherwise. */
export function choiceFlag<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new AnymodalError('bad_option', `${name}: got "${value}", expected one of ${choices.join(', ')}.`);
  return choice;
}

function configOf(flags: readonly Flag[]): ParseArgsOptionsConfig {
  return Object.fromEntries(
    flags.map((flag) => [
      flag.name,
      { type: flag.value === undefined ? 'boolean' : 'string', multiple: flag.repeatable ?? false, ...(flag.short === undefined ? {} : { short: flag.short }) } as const,
    ]),
  );
}

/** Joins `--seed -1` to `--seed=-1`: a value may begin with a dash, unless it is itself a flag of the table; that throws. */
function joinValues(args: readonly string[], flags: readonly Flag[]): string[] {
  const written = new Set(flags.flatMap((flag) => [`--${flag.name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])]));
  const joined: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (word === '--') return [...joined, ...args.slice(at)];
    const flag = flags.find((entry) => entry.value !== undefined && (word === `--${entry.name}` || (entry.short !== undefined && word === `-${entry.short}`)));
    const next = args[at + 1];
    if (flag?.value === undefined || next === undefined || next === '-' || !next.startsWith('-')) joined.push(word);
    else if (written.has(next.split('=', 1)[0] ?? '')) throw missing(word, flag.value);
    else {
      joined.push(`--${flag.name}=${next}`);
      at += 1;
    }
  }
  return joined;
}

function missing(written: string, placeholder: string): AnymodalError {
  return new AnymodalError('bad_option', `${written}: a value is missing; write ${written} ${placeholder}.`);
}
