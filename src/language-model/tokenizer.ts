// Text to token ids and back, with control tokens kept apart: what a user writes never becomes one.
// Knows no conversation and no graph; alone imports the tokenizer library.

import { Tokenizer } from '@huggingface/tokenizers';
import { AnymodalError } from '../errors.ts';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

export interface TextTokenizer {
  /** Every added token by its spelling: turn marks, signal tokens, reference tokens, ... */
  readonly control: ReadonlyMap<string, number>;
  /** Those of them that are text like any other where a model writes them, such as `<tool_call>`. */
  readonly ordinary: ReadonlyMap<number, string>;
  /** Ids of ordinary text; the spelling of a control token inside it becomes ordinary pieces. */
  readonly encode: (text: string) => number[];
  /** Text of ordinary tokens; bytes that make no character become U+FFFD. */
  readonly decode: (ids: readonly number[]) => string;
  /** Text of a chat template, cut at the control tokens it spells; those are ids in the result. */
  readonly splitControl: (text: string) => (string | number)[];
}

/**
 * @param definition content of tokenizer.json (Hugging Face tokenizers, version 1.0)
 * @param settings content of tokenizer_config.json
 * @param where file name for messages
 * Throws `bundle_invalid`.
 */
export function createTokenizer(definition: unknown, settings: object, where: string): TextTokenizer {
  if (typeof definition !== 'object' || definition === null) throw new AnymodalError('bundle_invalid', `${where}: not a tokenizer: got no JSON object. Save it with Hugging Face tokenizers.`);
  const added = addedTokens(definition, where);
  const control = new Map(added.map((token) => [token.content, token.id]));
  const controlIds = new Set(control.values());
  const ordinary = new Map(added.flatMap(({ id, content, special }) => (special === false ? [[id, content]] : [])));
  // The library finds added tokens anywhere in a text. Without them it can only make ordinary pieces.
  const plain = open({ ...definition, added_tokens: [] }, settings, where);
  const encodeWhole = (text: string): number[] => (text === '' ? [] : plain.encode(text, { add_special_tokens: false }).ids);
  const spellings = [...control.keys()].toSorted((a, b) => b.length - a.length).map((spelling) => spelling.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const anyControl = new RegExp(`(${spellings.join('|')})`, 'u');

  const decodePlain = (ids: readonly number[]): string => (ids.length === 0 ? '' : plain.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }));
  const decode = (ids: readonly number[]): string => {
    const last = ids.findLastIndex((id) => ordinary.has(id));
    return last < 0 ? decodePlain(ids) : decode(ids.slice(0, last)) + (ordinary.get(ids[last]!) ?? '') + decodePlain(ids.slice(last + 1));
  };

  return {
    control,
    ordinary,
    encode(text) {
      const ids = encodeWhole(text);
      if (!ids.some((id) => controlIds.has(id))) return ids;
      // A vocabulary that lists its control tokens among the pieces can still produce one; single characters cannot.
      return Array.from(text).flatMap((character) => encodeWhole(character)).filter((id) => !controlIds.has(id));
    },
    decode,
    splitControl: (text) =>
      (spellings.length === 0 ? [text] : text.split(anyControl)).filter((piece) => piece !== '').map((piece) => control.get(piece) ?? piece),
  };
}

function open(definition: object, settings: object, where: string): Tokenizer {
  try {
    return new Tokenizer(definition, settings);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AnymodalError('bundle_invalid', `${where}: not a tokenizer that can be read: ${reason}. Save it with Hugging Face tokenizers.`, { cause: error });
  }
}

function addedTokens(definition: object, where: string): readonly AddedToken[] {
  const added: unknown = 'added_tokens' in definition ? definition.added_tokens : [];
  if (Array.isArray(added) && added.every(isAddedToken)) return added;
  throw new AnymodalError('bundle_invalid', `${where}: added_tokens is no list of { id, content }. Save it with Hugging Face tokenizers.`);
}

function isAddedToken(token: unknown): token is AddedToken {
  if (typeof token !== 'object' || token === null || !('id' in token) || !('content' in token)) return false;
  return typeof token.id === 'number' && typeof token.content === 'string' && token.content !== '';
}
