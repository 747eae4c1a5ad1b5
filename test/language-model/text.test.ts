import { describe, expect, it } from 'vitest';
import { Detokenizer } from '../../src/language-model/detokenizer.ts';
import { StopSequences } from '../../src/language-model/stop-sequences.ts';
import { strings, tokenizer } from './fakes.ts';

describe('Detokenizer', () => {
  it.each(strings.filter(({ text }) => !text.includes('\uFFFD')))('gives $text in whole characters', ({ text, ids }) => {
    const detokenizer = new Detokenizer(tokenizer.decode);
    const pieces = ids.map((id) => detokenizer.push(id));
    expect(pieces.join('')).toBe(text);
    for (const piece of pieces) {
      expect(piece).not.toContain('\uFFFD');
      expect(piece).not.toMatch(/\p{Cs}/u);
    }
  });

  it('goes on after bytes that make no character, and forgets them at the end', () => {
    const bytes = tokenizer.encode('🐉');
    const detokenizer = new Detokenizer(tokenizer.decode);
    expect(bytes.slice(0, 2).map((id) => detokenizer.push(id))).toEqual(['', '']);
    expect(detokenizer.push(tokenizer.encode('a')[0]!)).toBe('\uFFFDa');
    expect(detokenizer.push(bytes[0]!)).toBe('');
    detokenizer.flush();
    expect(tokenizer.encode('bc').map((id) => detokenizer.push(id)).join('')).toBe('bc');
  });

  it('does not complete a character that was forgotten', () => {
    const [first, ...rest] = tokenizer.encode('🐉');
    const detokenizer = new Detokenizer(tokenizer.decode);
    detokenizer.push(tokenizer.encode('a')[0]!);
    detokenizer.push(first!);
    detokenizer.flush();
    const text = [...rest, ...tokenizer.encode('bc')].map((id) => detokenizer.push(id)).join('');
    expect(text).toMatch(/^\uFFFD*bc$/u);
  });

  it('shows a replacement character that the text really has, once more text has come', () => {
    const detokenizer = new Detokenizer(tokenizer.decode);
    expect([...tokenizer.encode('\uFFFD'), ...tokenizer.encode('a')].map((id) => detokenizer.push(id)).join('')).toBe('\uFFFDa');
  });

  it('keeps the spaces between words of a decoder that strips the first', () => {
    const words = ['', '▁Hello', '▁world', ',', '▁you'];
    const decode = (ids: readonly number[]): string => ids.map((id) => words[id]!).join('').replaceAll('▁', ' ').replace(/^ /u, '');
    const detokenizer = new Detokenizer(decode);
    expect([1, 2, 3, 4].map((id) => detokenizer.push(id))).toEqual(['Hello', ' world', ',', ' you']);
  });
});

/** What is given of `texts`, and whether a stop sequence came. */
function all(stops: string[], texts: string[]): [string, boolean] {
  const sequences = new StopSequences(stops);
  let given = '';
  for (const text of texts) {
    const result = sequences.push(text);
    given += result.text;
    if (result.stopped) return [given, true];
  }
  return [given + sequences.flush(), false];
}

describe('StopSequences', () => {
  it.each([
    [['END'], ['abcEND def'], ['abc', true]],
    [['END'], ['ab', 'cE', 'N', 'D'], ['abc', true]],
    [['END'], ['abE', 'Nx'], ['abENx', false]],
    [['END'], ['abEN'], ['abEN', false]],
    [['aab'], ['aaab'], ['a', true]],
    [['###', '\n\n'], ['x\n', '\ny ###'], ['x', true]],
    [['bc', 'abcd'], ['ab', 'c'], ['a', true]],
    [[], ['abc'], ['abc', false]],
  ] as [string[], string[], [string, boolean]][])('%j in %j', (stops, texts, expected) => {
    expect(all(stops, texts)).toEqual(expected);
  });

  it('holds back no more than could be a start', () => {
    const sequences = new StopSequences(['\nUser:']);
    expect(sequences.push('Hi.\nUs').text).toBe('Hi.');
    expect(sequences.push('a').text).toBe('\nUsa');
  });
});
