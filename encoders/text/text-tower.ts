// A text tower with the tokenizer that a hub keeps beside it (tokenizer.json): a text to the outputs of its graph.
// The one reader of both; knows no joint space and no decoder. Ports as Optimum and transformers.js have them.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type { ComponentSource, Disposable } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { feedFor, floatsOf, inputPort } from '../../src/runtime/float16.ts';
import { openSession } from '../../src/runtime/sessions.ts';

export interface TowerShape {
  /** The output that is wanted, and its width. */
  readonly output: string;
  readonly width: number;
  /** Longest text in tokens, those around it included. */
  readonly maxTokens: number;
  /** The token that fills every text up to `maxTokens`, for towers that were trained so; null for towers that need no filling. */
  readonly pad: string | null;
}

export interface TextReading {
  /** [rows, width]: a row a token, or one for the text. */
  readonly rows: number;
  readonly data: Float32Array;
  /** Word pieces of the whole text, and how many of them were read. */
  readonly pieces: number;
  readonly read: number;
}

export interface TextTower extends Disposable {
  read(text: string): Promise<TextReading>;
}

export interface TextPieces {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Ids of a text's pieces; what a person writes stays text, also where it spells a special token. */
  readonly pieces: (text: string) => readonly number[];
  /** Throws `bundle_invalid` for a token that there is not. */
  readonly idOf: (token: string) => number;
}

/** Opens the files `model` and `tokenizer`; the caller disposes the result. Throws `bundle_invalid`, `device_unavailable`. */
export async function openTextTower(source: ComponentSource, { output, width, maxTokens, pad }: TowerShape): Promise<TextTower> {
  const tokenizer = await openPieces(source);
  const room = maxTokens - tokenizer.before.length - tokenizer.after.length;
  const filler = pad === null ? null : tokenizer.idOf(pad);
  const path = source.path('model');
  const session = await openSession(path, { device: source.device });
  try {
    const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} ${text}`);
    const port = inputPort(session, basename(path), 'input_ids');
    const mask = session.inputs.find(({ name }) => name === 'attention_mask');
    const others = session.inputs.filter(({ name }) => name !== 'input_ids' && name !== 'attention_mask').map(({ name }) => name);
    if (others.length > 0) throw fault(`has unexpected inputs ${others.join(', ')}; expected input_ids and perhaps attention_mask.`);
    const found = session.outputs.find(({ name }) => name === output);
    if (found === undefined) throw fault(`has no output ${output}; it has ${session.outputs.map(({ name }) => name).join(', ')}. Correct the config or export it again.`);
    const last = found.shape.at(-1);
    if (typeof last === 'number' && last !== width) throw fault(`gives ${output} of ${last}, expected ${width}. Correct the config.`);
    return {
      async read(text) {
        const all = tokenizer.pieces(text);
        const given = [...tokenizer.before, ...all.slice(0, room), ...tokenizer.after];
        const ids = filler === null ? given : [...given, ...Array.from({ length: maxTokens - given.length }, () => filler)];
        const feeds = {
          input_ids: feedFor(port, [1, ids.length], Float32Array.from(ids)),
          ...(mask !== undefined && { attention_mask: feedFor(mask, [1, ids.length], Float32Array.from(ids, (_, at) => (at < given.length ? 1 : 0))) }),
        };
        const { data } = floatsOf((await session.run(feeds, [output]))[output], output);
        if (data.length % width !== 0) throw fault(`gives ${data.length} numbers as ${output}, expected rows of ${width}. Correct the config.`);
        return { rows: data.length / width, data, pieces: all.length, read: Math.min(all.length, room) };
      },
      dispose: async () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Reads the file `tokenizer` of a component, a tokenizer.json. Throws `bundle_invalid`. */
export async function openPieces(source: ComponentSource): Promise<TextPieces> {
  const path = source.path('tokenizer');
  const fault = (text: string, cause?: unknown): AnymodalError => new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} ${text}`, { cause });
  let definition: unknown;
  try {
    definition = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw fault('cannot be read as JSON.', error);
  }
  if (typeof definition !== 'object' || definition === null) throw fault('holds no JSON object. Save it with Hugging Face tokenizers.');
  let tokenizer: Tokenizer;
  try {
    // The library would find added tokens anywhere in a text.
    tokenizer = new Tokenizer({ ...definition, added_tokens: [] }, {});
  } catch (error) {
    throw fault('is no tokenizer that can be read. Save it with Hugging Face tokenizers.', error);
  }
  const added = 'added_tokens' in definition && Array.isArray(definition.added_tokens) ? definition.added_tokens : [];
  const { before, after } = around(tokenizer);
  return {
    before,
    after,
    pieces: (text) => (text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids),
    idOf(token) {
      const id: unknown = tokenizer.token_to_id(token) ?? added.find((each: { content?: unknown }) => each.content === token)?.id;
      if (typeof id !== 'number') throw fault(`has no token ${JSON.stringify(token)}; correct the config.`);
      return id;
    },
  };
}

/** What the tokenizer puts before and after every text. */
function around(tokenizer: Tokenizer): { before: number[]; after: number[] } {
  const bare: readonly number[] = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const whole: readonly number[] = tokenizer.encode('a').ids;
  const first = whole.findIndex((_, at) => bare.every((id, i) => whole[at + i] === id));
  return { before: whole.slice(0, first), after: whole.slice(first + bare.length) };
}
