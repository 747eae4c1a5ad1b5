// A sentence encoder: text to one vector and one vector a word piece.
// The one reader of the graph and its tokenizer; knows nothing of joint spaces and decoders.
// Source: Reimers and Gurevych 2019 (arXiv 1908.10084), mean pooling inside the graph; exported by training/export/sentence_encoder.py.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type { ComponentSource, Disposable, Tensor } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { openGraph } from '../../src/runtime/graphs.ts';
import { floatTensor, int64Tensor, reshape, sliceRows } from '../../src/runtime/tensors.ts';

export interface Reading {
  /** [width], of length 1. */
  readonly embedding: Tensor;
  /** [n, width]: last hidden states of the word pieces, without those of the start and end tokens. */
  readonly pieces: Tensor;
  /** Word pieces of the whole text, of which `pieces` holds the first that fit; of a text far too long, those of its beginning. */
  readonly pieceCount: number;
}

/** More characters than a word piece has on average in any text: what lies behind so many for each that fits is not taken apart. */
const CHARACTERS_PER_PIECE = 64;

export interface SentenceModel extends Disposable {
  read(text: string): Promise<Reading>;
}

/**
 * Opens the files `model`, `tokenizer` and `tokenizerConfig`; the caller disposes the result.
 * @param shape width of the vectors and the longest input in tokens, start and end token included.
 * @throws AnymodalError `bundle_invalid`, `device_unavailable`.
 */
export async function openSentenceModel(source: ComponentSource, shape: { readonly width: number; readonly maxTokens: number }): Promise<SentenceModel> {
  const tokenizer = await openTokenizer(source);
  const [start, end] = tokenizer.encode('').ids;
  if (start === undefined || end === undefined) {
    throw new AnymodalError('bundle_invalid', `${source.name}: the tokenizer puts no start and end token around a text; expected one each, as BERT has. Save the tokenizer with its post-processor.`);
  }
  const { width, maxTokens } = shape;
  const session = await openGraph(source, 'model', {
    inputs: { input_ids: { type: 'int64', shape: [1, null] }, attention_mask: { type: 'int64', shape: [1, null] } },
    outputs: { tokens: { type: 'float32', shape: [1, null, width] }, embedding: { type: 'float32', shape: [1, width] } },
  });
  return {
    async read(text) {
      // What a person writes stays text, also where it spells a token such as [SEP].
      const whole = tokenizer.encode(text.slice(0, maxTokens * CHARACTERS_PER_PIECE), { add_special_tokens: false }).ids;
      const ids = [start, ...whole.slice(0, maxTokens - 2), end];
      const results = await session.run({ input_ids: int64Tensor([1, ids.length], ids), attention_mask: int64Tensor([1, ids.length], ids.map(() => 1)) });
      const states = reshape(floatTensor(results['tokens'], 'tokens'), [ids.length, width]);
      return { embedding: reshape(floatTensor(results['embedding'], 'embedding'), [width]), pieces: sliceRows(states, 1, ids.length - 1), pieceCount: whole.length };
    },
    dispose: async () => session.release(),
  };
}

async function openTokenizer(source: ComponentSource): Promise<Tokenizer> {
  const [definition, settings] = await Promise.all(['tokenizer', 'tokenizerConfig'].map(async (file) => readJson(source, file)));
  try {
    return new Tokenizer({ ...definition, added_tokens: [] }, { ...settings });
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(source.path('tokenizer'))} is no tokenizer that can be read. Save it with Hugging Face tokenizers.`, { cause: error });
  }
}

async function readJson(source: ComponentSource, file: string): Promise<object> {
  const path = source.path(file);
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} cannot be read as JSON.`, { cause: error });
  }
  throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} holds no JSON object.`);
}
