// The shapes in which a stock instruction model may write a request for an output: tags, brackets, JSON, Markdown pictures.
// Looks at one place of a text; knows no stream, no conversation and no model.

import { balanced, isRecord, parsed, repaired } from './loose-json.ts';

/** What a model asks for in words. */
export interface CaptionRequest {
  readonly output: string;
  /** Words for the decoder; empty where the model wrote none. */
  readonly prompt: string;
  /** Ordinals (from 1) of the media that it named. */
  readonly references: readonly number[];
}

/** What stands at one place: nothing of ours, the start of something that more text decides, or pieces of so many characters. After `code` all is text up to a line with that mark. */
export type Found = 'nothing' | 'undecided' | { readonly length: number; readonly pieces: readonly (string | CaptionRequest)[]; readonly fence?: boolean; readonly code?: string };

/** Other names that models use for outputs. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  image: ['img', 'picture', 'photo', 'photograph', 'drawing', 'illustration', 'draw', 'imagen'],
  audio: ['sound', 'music', 'song', 'noise', 'soundeffect'],
  video: ['clip', 'movie', 'film', 'animation', 'gif'],
  speech: ['voice', 'say', 'speak', 'spoken', 'tts'],
};
/** Most characters of a request; one without an end by then is ended at its line. */
const LONGEST = 1500;
const wordKeys = ['prompt', 'description', 'caption', 'words', 'text', 'alt', 'title', 'query', 'input', 'content'];
const referenceKeys = ['from', 'edit', 'of', 'source', 'reference', 'references', 'ref', 'refs', 'media', 'base', 'input_image', 'image_id'];
const nameKeys = ['output', 'type', 'name', 'tool', 'action', 'function', 'modality', 'kind'];
/** Keys of what holds requests. */
const wrapperKeys = ['toolcalls', 'calls', 'actions', 'requests', 'outputs', 'functioncall', 'toolcall'];
/** Languages of blocks of code in which a request may stand; what is written in others is code. */
const plainLanguages = ['', 'json', 'xml', 'text', 'txt', 'plaintext', 'markdown', 'md', 'yaml', 'tool_call', 'tool_code', 'output'];
/** What follows the name of a tag that is spoken of. */
const spokenOf = /^(tags?|elements?|attributes?|markup|is|are|was|can|in (html|xml|svg))\b/i;
const attributeKeys = [...wordKeys, ...referenceKeys, 'id', 'n', 'src', 'number', 'class', 'width', 'height', 'size', 'style'];

/** Finds requests for `outputs` in a text; `isLast` says that no more text follows. */
export class CaptionForms {
  readonly #names = new Map<string, string>();
  readonly #longestName: number;

  constructor(outputs: readonly string[]) {
    for (const output of outputs) for (const name of synonyms[output] ?? []) this.#names.set(name, output);
    for (const output of outputs) this.#names.set(plain(output), output);
    // A tag may say what is done as well, such as `generate_image_prompt`.
    this.#longestName = Math.max(0, ...[...this.#names.keys()].map((name) => name.length)) + 18;
  }

  /** The first character from `start` on at which something may begin; the length of the text where there is none. */
  next(text: string, start: number): number {
    const at = text.slice(start).search(/[<[{!`~*_"']/);
    return at < 0 ? text.length : start + at;
  }

  /** What begins at the start of `text`. */
  at(text: string, isLast: boolean): Found {
    const fence = /^(```|~~~)[ \t]*([\w+#-]*)[ \t]*\n?\s*/.exec(text);
    if (fence !== null) return this.#fenced(text, fence[0], fence[1] ?? '', fence[2] ?? '', isLast);
    if (('```'.startsWith(text) || '~~~'.startsWith(text)) && !isLast) return 'undecided';
    const quotes = /^[`*_"']{1,3}/.exec(text)?.[0] ?? '';
    const inside = text.slice(quotes.length);
    if (inside === '') return isLast || quotes.length > 2 ? 'nothing' : 'undecided';
    const end = Array.from(quotes).toReversed().join('');
    // The name of a tag between quotes is spoken of.
    const spoken = quotes === '' ? undefined : /^[<[]\s*\/?\s*[A-Za-z][\w-]*\s*[>\]]/.exec(inside)?.[0];
    if (spoken !== undefined && inside.startsWith(end, spoken.length)) return { length: quotes.length + spoken.length + end.length, pieces: [quotes + spoken + end] };
    if (spoken !== undefined && !isLast && end.startsWith(inside.slice(spoken.length))) return 'undecided';
    const found = this.#bare(inside, isLast);
    if (quotes === '' || typeof found === 'string') return found;
    const after = inside.slice(found.length);
    if (!isLast && after.length < end.length && end.startsWith(after)) return 'undecided';
    return { ...found, length: quotes.length + found.length + (after.startsWith(end) ? end.length : 0) };
  }

  /** A block of code that begins with a request; another one is text, to its end where it is of a language in which requests do not stand. */
  #fenced(text: string, opening: string, mark: string, language: string, isLast: boolean): Found {
    const inside = text.slice(opening.length);
    if (inside === '') return isLast ? 'nothing' : 'undecided';
    if (!plainLanguages.includes(language.toLowerCase())) return { length: opening.length, pieces: [opening], code: mark };
    const found = this.#bare(inside, isLast);
    return typeof found === 'string' ? found : { ...found, length: opening.length + found.length, fence: true };
  }

  #bare(text: string, isLast: boolean): Found {
    if (text.startsWith('{') || /^\[\s*\{/.test(text)) return this.#json(text, isLast);
    if (text === '[' || text === '!' || text === '<') return isLast ? 'nothing' : 'undecided';
    if (text.startsWith('![')) return this.#picture(text, isLast);
    if (text.startsWith('<tool_call>')) return this.#call(text, isLast);
    if ('<tool_call>'.startsWith(text) && !isLast) return 'undecided';
    return text.startsWith('<') || text.startsWith('[') ? this.#tag(text, isLast) : 'nothing';
  }

  /** `<image>words</image>`, `<image from="1">words</image>`, `<image: words>`, `<image prompt="words"/>`, and the same in brackets. */
  #tag(text: string, isLast: boolean): Found {
    const [open, close] = text.startsWith('<') ? ['<', '>'] : ['[', ']'];
    const head = /^[<[]\s*(\/?)\s*([A-Za-z][\w-]*)/.exec(text);
    const word = head?.[2] ?? '';
    const all = head?.[0] ?? '';
    if (head === null) return !isLast && /^[<[]\s{0,2}\/?\s{0,2}$/.test(text) ? 'undecided' : 'nothing';
    if (all.length === text.length) return this.#mayBecomeName(word) && !isLast ? 'undecided' : this.#isCut(open, word) ? { length: text.length, pieces: [] } : 'nothing';
    const output = this.#outputOf(word);
    if (output === null) return 'nothing';
    const rest = text.slice(all.length);
    if (head[1] === '/') {
      const end = /^\s*[>\]]/.exec(rest);
      return end === null ? (isLast || rest.trim() !== '' ? 'nothing' : 'undecided') : { length: all.length + end[0].length, pieces: [] };
    }
    if (/^\s*[:=]/.test(rest)) return colon(output, all.length, rest, close, isLast);
    if (open === '[' && /^\s*#?\d/.test(rest)) return marker(text, word, isLast);
    const attributes = /^((?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>\]"'/]+))*)\s*(\/?)[>\]]/.exec(rest);
    if (attributes === null) {
      if (rest.length >= LONGEST || !mayBecomeAttributes(rest)) return 'nothing';
      return isLast ? { length: text.length, pieces: [] } : 'undecided';
    }
    const given = attributesOf(attributes[1] ?? '');
    if (given === null) return 'nothing';
    const start = all.length + attributes[0].length;
    const body = attributes[2] === '/' ? { words: '', length: 0 } : this.#body(text.slice(start), isLast, given.words !== '');
    if (body === null) return 'undecided';
    if (body.spokenOf) return 'nothing';
    if (body.repeats && given.words === '') return { length: start, pieces: [] };
    const inWords = referencesIn(body.words === '' ? given.words : body.words);
    return { length: start + body.length, pieces: [{ output, prompt: inWords.words, references: unique([...given.references, ...inWords.references]) }] };
  }

  /** Words up to the closing tag, or to the end of the line where none comes; null where more text decides. */
  #body(text: string, isLast: boolean, mayBeEmpty: boolean): { readonly words: string; readonly length: number; readonly spokenOf?: boolean; readonly repeats?: boolean } | null {
    const tags = [...text.matchAll(/([<[])\s*(\/?)\s*([A-Za-z][\w-]*)[^<>[\]]*[>\]]/g)].filter((match) => this.#outputOf(match[3] ?? '') !== null && (match[1] === '<' || !/\d\s*\]$/.test(match[0])));
    const first = tags[0];
    if (first?.[2] === '/') return { words: cleaned(text.slice(0, first.index)), length: first.index + first[0].length };
    if (first === undefined && !isLast && text.length < LONGEST) return null;
    const until = text.slice(0, first?.index ?? LONGEST);
    if (first !== undefined && text.slice(0, first.index).trim() === '') return { words: '', length: 0, repeats: true };
    if (mayBeEmpty) return { words: '', length: 0 };
    if (spokenOf.test(text.trimStart())) return { words: '', length: 0, spokenOf: true };
    const line = /^\s*[^\n]*/.exec(until)?.[0] ?? '';
    return { words: cleaned(line.replace(/<\/?[\w-]*$/, '')), length: line.length };
  }

  /** `{"image": "words"}`, `{"output": "image", "prompt": "words"}`, a call of a function, or a list of these. */
  #json(text: string, isLast: boolean): Found {
    const key = /^\[?\s*\{\s*(?:["']([^"']*)(["']?))?/.exec(text);
    const word = plain(key?.[1] ?? '');
    const known = [...nameKeys, ...wordKeys, ...referenceKeys, ...wrapperKeys, 'arguments', 'parameters'];
    if ((key?.[2] ?? '') !== '' ? !known.includes(word) && this.#outputOf(word) === null : key?.[1] !== undefined && !known.some((each) => each.startsWith(word)) && !this.#mayBecomeName(word)) return 'nothing';
    if (key?.[1] === undefined && /^\[?\s*\{\s*[^\s"']/.test(text)) return 'nothing';
    const length = balanced(text);
    if (length === null && !isLast && text.length < LONGEST) return 'undecided';
    const value = length === null ? repaired(text) : parsed(text.slice(0, length));
    const pieces = value === undefined ? null : this.#valuePieces(value);
    return pieces === null ? 'nothing' : { length: length ?? text.length, pieces };
  }

  #call(text: string, isLast: boolean): Found {
    const inside = /^<tool_call>\s*/.exec(text)?.[0].length ?? 0;
    if (inside === text.length) return isLast ? 'nothing' : 'undecided';
    const found = text[inside] === '{' ? this.#json(text.slice(inside), isLast) : 'nothing';
    if (typeof found === 'string') return found;
    const after = text.slice(inside + found.length);
    const end = /^\s*<\/tool_call>/.exec(after);
    if (end === null && !isLast && '</tool_call>'.startsWith(after.trim())) return 'undecided';
    return { ...found, length: inside + found.length + (end?.[0].length ?? 0) };
  }

  /** `![words](anything)`, with which models that know Markdown show pictures. */
  #picture(text: string, isLast: boolean): Found {
    const output = this.#outputOf('image');
    if (output === null) return 'nothing';
    const found = /^!\[([^\]\n]*)\]\(([^)\n]*)\)/.exec(text);
    if (found !== null) return { length: found[0].length, pieces: [{ output, prompt: cleaned(found[1] ?? ''), references: [] }] };
    return !isLast && /^!\[[^\]\n]*(\](\([^)\n]*)?)?$/.test(text) && text.length < LONGEST ? 'undecided' : 'nothing';
  }

  #valuePieces(value: unknown): (string | CaptionRequest)[] | null {
    if (Array.isArray(value)) {
      const each = value.map((item) => this.#valuePieces(item));
      return each.length === 0 || each.includes(null) ? null : each.flatMap((pieces) => pieces ?? []);
    }
    if (!isRecord(value)) return null;
    const wrapped = Object.keys(value).find((key) => wrapperKeys.includes(plain(key)) && typeof value[key] === 'object');
    if (wrapped !== undefined) return this.#valuePieces(value[wrapped]);
    const called = isRecord(value['function']) ? value['function'] : value;
    const inner = called['arguments'] ?? called['parameters'];
    const given = typeof inner === 'string' ? (parsed(inner) ?? { prompt: inner }) : inner;
    const fields = { ...value, ...called, ...(isRecord(given) && given) };
    const named = nameKeys.map((key) => fields[key]).find((name) => typeof name === 'string' && this.#outputOf(name) !== null);
    if (typeof named === 'string') {
      const request = requestOf(this.#outputOf(named) ?? named, fields);
      // An entry of other data may be of such a kind too.
      const isData = request.prompt === '' && request.references.length === 0 && Object.keys(fields).some((key) => ![...nameKeys, 'arguments', 'parameters', 'id'].includes(key));
      return isData ? null : [request];
    }
    const pieces: (string | CaptionRequest)[] = [];
    for (const [key, field] of Object.entries(fields)) {
      const output = this.#outputOf(key);
      if (output !== null && typeof field === 'string') pieces.push(requestOf(output, { prompt: field }));
      else if (output !== null && isRecord(field)) pieces.push(requestOf(output, field));
      else if (wordKeys.includes(key) && typeof field === 'string') pieces.push(field);
    }
    return pieces.some((piece) => typeof piece !== 'string') ? pieces : null;
  }

  #outputOf(word: string): string | null {
    const name = plain(word);
    const bare = name.replace(/^(generate|create|make|draw|new|edit|produce)(?=.)/, '').replace(/(?<=.)(prompt|generation|request|generator|description|caption)$/, '');
    return this.#names.get(name) ?? this.#names.get(bare) ?? null;
  }

  /** Whether a reply ended within the name of a request's tag. */
  #isCut(open: string, word: string): boolean {
    return open === '<' && word.length > 2 && [...this.#names.keys()].some((known) => known.startsWith(plain(word)));
  }

  #mayBecomeName(word: string): boolean {
    const name = plain(word);
    return name.length < this.#longestName && (this.#outputOf(name) !== null || [...this.#names.keys(), 'generate', 'create', 'make', 'draw', 'new', 'edit', 'produce'].some((known) => known.startsWith(name) || name.startsWith(known)));
  }
}

function requestOf(output: string, fields: Readonly<Record<string, unknown>>): CaptionRequest {
  const words = wordKeys.map((key) => fields[key]).find((value) => typeof value === 'string');
  const inWords = referencesIn(cleaned(typeof words === 'string' ? words : ''));
  const named = referenceKeys.flatMap((key) => numbersOf(fields[key]));
  return { output, prompt: inWords.words, references: unique([...named, ...inWords.references]) };
}

/** `<image: words>` or `[image: words]`. */
function colon(output: string, before: number, rest: string, close: string, isLast: boolean): Found {
  const end = rest.indexOf(close);
  const line = /^[^\n]*/.exec(rest)?.[0] ?? '';
  if (end < 0 && !isLast && line.length === rest.length && rest.length < LONGEST) return 'undecided';
  const length = end < 0 || end > line.length ? line.length : end + 1;
  const { words, references } = referencesIn(cleaned(rest.slice(0, length).replace(/^\s*[:=]/, '').replace(/[>\]]$/, '')));
  return { length: before + length, pieces: [{ output, prompt: words, references }] };
}

/** `[image 1]`, the name of a medium of the conversation, is said without its brackets. */
function marker(text: string, word: string, isLast: boolean): Found {
  const found = /^\[\s*[\w-]+\s*#?(\d+)\s*\]/.exec(text);
  if (found !== null) return { length: found[0].length, pieces: [`${word.toLowerCase()} ${found[1]}`] };
  return !isLast && /^\[\s*[\w-]+\s*#?\d*\s*$/.test(text) ? 'undecided' : 'nothing';
}

/** What attributes say; null where they are those of another language, such as a page's `<video src="...">`. */
function attributesOf(text: string): { readonly words: string; readonly references: readonly number[] } | null {
  const given = [...text.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))/g)].map(([, key = '', a, b, c]) => [key.toLowerCase(), a ?? b ?? c ?? ''] as const);
  const words = given.find(([key]) => wordKeys.includes(key))?.[1] ?? '';
  if (given.some(([key]) => !attributeKeys.includes(key)) || (words === '' && given.some(([key]) => key === 'src'))) return null;
  return { words: cleaned(words), references: given.flatMap(([key, value]) => (referenceKeys.includes(key) ? numbersOf(value) : [])) };
}

function mayBecomeAttributes(rest: string): boolean {
  return /^\s*(\/?|\s[\w-]+\s*(=\s*("[^"]*|'[^']*|[^\s>\]"']*)?)?|(\s+[\w-]+\s*=\s*("[^"]*"|'[^']*'|[^\s>\]"'/]+))*\s*([\w-]*\s*(=\s*("[^"]*|'[^']*|[^\s>\]"']*)?)?|\/?))$/.test(rest);
}

/** `[image 2]` among the words is a reference and no part of them. */
function referencesIn(text: string): { readonly words: string; readonly references: readonly number[] } {
  const references: number[] = [];
  const words = text.replace(/\s*\[\s*(?:[A-Za-z]+\s*)?#?(\d{1,2})\s*\]\s*/g, (_, number: string) => {
    references.push(Number(number));
    return ' ';
  });
  return { words: cleaned(words), references: unique(references) };
}

/** Words in one line, without the quotes, labels and markup that stood around them. */
function cleaned(text: string): string {
  let words = text.replaceAll(/<[^<>]*>/g, ' ').replaceAll(/\s+/g, ' ').trim();
  for (let before = ''; before !== words; ) {
    before = words;
    words = words.replace(/^(prompt|description|caption|words)\s*[:=]\s*/i, '').replace(/^(["'`*_“‘])(.*)(["'`*_”’])$/u, '$2').replace(/^`+|`+$/g, '').trim();
  }
  return words;
}

function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return Number.isInteger(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(numbersOf);
  return typeof value === 'string' ? [...value.matchAll(/\d{1,3}/g)].map(([digits]) => Number(digits)) : [];
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[\s_-]/g, '');
}

function unique(values: readonly number[]): number[] {
  return [...new Set(values)];
}
