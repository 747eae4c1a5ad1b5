// The byte-pair encoding of CLIP from the files that come with its checkpoints: `vocab.json` and `merges.txt`.
// Knows pieces of words; nothing of weights, chunks and towers. Source: openai/CLIP clip/simple_tokenizer.py; transformers CLIPTokenizer.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type { ComponentSource } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';

/** Names of the tokens around and after a text. */
export interface SpecialTokens {
  readonly begin: string;
  readonly end: string;
  readonly pad: string;
}

export interface ClipTokenizer {
  readonly begin: number;
  readonly end: number;
  readonly pad: number;
  /** Ids of a text's pieces, without begin and end; what a person writes stays text, also where it spells a special token. */
  pieces(text: string): readonly number[];
}

const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/** Reads two files of a component. Throws `bundle_invalid` for files that are no such vocabulary, or lack a special token. */
export async function openClipTokenizer(source: ComponentSource, files: { readonly vocabulary: string; readonly merges: string }, special: SpecialTokens): Promise<ClipTokenizer> {
  const [vocabularyPath, mergesPath] = [source.path(files.vocabulary), source.path(files.merges)];
  const vocabulary = await readVocabulary(source.name, vocabularyPath);
  const lines = (await readFile(mergesPath, 'utf8')).split('\n').map((line) => line.trimEnd());
  const merges = lines.filter((line, at) => line !== '' && !(at === 0 && line.startsWith('#version'))).map((line) => line.split(' '));
  const tokenizer = tokenizerOf(source.name, basename(vocabularyPath), vocabulary, merges, special.end);
  const idOf = (token: string): number => {
    const id = vocabulary[token];
    if (id === undefined) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(vocabularyPath)} has no token ${JSON.stringify(token)}; correct the config.`);
    return id;
  };
  const pad = idOf(special.pad);
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  return {
    begin: idOf(special.begin),
    end: idOf(special.end),
    pad,
    // OpenCLIP's checkpoints pad with "!", and were sampled with every "!" of a prompt read as padding.
    pieces: (text) => (special.pad === special.end ? encode(text) : text.split(special.pad).flatMap((part, at) => (at === 0 ? encode(part) : [pad, ...encode(part)]))),
  };
}

function tokenizerOf(name: string, file: string, vocab: Record<string, number>, merges: readonly string[][], unknown: string): Tokenizer {
  const definition = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', dropout: null, unk_token: unknown, continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges },
  };
  try {
    return new Tokenizer(definition, {});
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${name}: ${file} is no byte-pair vocabulary that can be read.`, { cause: error });
  }
}

async function readVocabulary(name: string, path: string): Promise<Record<string, number>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isVocabulary(value)) return value;
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${name}: ${basename(path)} cannot be read as JSON.`, { cause: error });
  }
  throw new AnymodalError('bundle_invalid', `${name}: ${basename(path)} is no vocabulary; expected an object of tokens with their ids.`);
}

function isVocabulary(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && Object.values(value).every((id) => typeof id === 'number');
}
