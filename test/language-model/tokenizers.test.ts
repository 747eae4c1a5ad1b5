// Tokenizers of three kinds against transformers' on 1,000 strings, there and back.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Detokenizer } from '../../src/language-model/detokenizer.ts';
import { createTokenizer } from '../../src/language-model/tokenizer.ts';

const folder = fileURLToPath(new URL('../fixtures/language-models/tokenizers/', import.meta.url));
const read = async (path: string): Promise<Record<string, unknown>> => JSON.parse(await readFile(folder + path, 'utf8'));
const told: { strings: string[]; ids: Record<string, string>; decoded: Record<string, Record<string, string>> } = JSON.parse(await readFile(`${folder}strings.json`, 'utf8'));

/** Lists of ids, each after its length. */
function unpacked(text: string): number[][] {
  const all = new Uint16Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
  const rows: number[][] = [];
  for (let at = 0; at < all.length; at += 1 + all[at]!) rows.push([...all.subarray(at + 1, at + 1 + all[at]!)]);
  return rows;
}

it.each(Object.keys(told.ids))('%s', async (name) => {
  const tokenizer = createTokenizer(await read(`${name}/tokenizer.json`), await read(`${name}/tokenizer_config.json`), 'tokenizer.json');
  const rows = unpacked(told.ids[name] ?? '');
  expect(rows).toHaveLength(1000);
  const wrong: unknown[] = [];
  told.strings.forEach((text, i) => {
    const ids = tokenizer.encode(text);
    if (ids.join() !== rows[i]!.join()) wrong.push({ text, ids, expected: rows[i] });
  });
  expect(wrong).toEqual([]);
  const wrongBack: unknown[] = [];
  told.strings.forEach((text, i) => {
    const expected = told.decoded[name]?.[i] ?? text;
    const whole = tokenizer.decode(rows[i]!);
    const pieces = new Detokenizer(tokenizer.decode);
    const streamed = rows[i]!.map((id) => pieces.push(id)).join('');
    // At the very end it might be the beginning of a character.
    if (whole !== expected || streamed !== expected.replace(/\uFFFD+$/u, '')) wrongBack.push({ text, whole, streamed, expected });
  });
  expect(wrongBack).toEqual([]);
});

it('added tokens that are ordinary text are decoded, and control tokens apart', async () => {
  const tokenizer = createTokenizer(await read('qwen/tokenizer.json'), await read('qwen/tokenizer_config.json'), 'tokenizer.json');
  const call = tokenizer.control.get('<tool_call>')!;
  expect(tokenizer.ordinary).toEqual(new Map([[call, '<tool_call>']]));
  expect(tokenizer.decode([...tokenizer.encode('a '), call, ...tokenizer.encode('{')])).toBe('a <tool_call>{');
});
