// Thoughts before an answer, whole and in pieces.
import { describe, expect, it } from 'vitest';
import { Thoughts } from '../../src/language-model/thoughts.ts';

function read(pieces: readonly string[]): string {
  const thoughts = new Thoughts();
  return pieces.map((piece) => thoughts.push(piece)).join('') + thoughts.flush();
}

describe('an answer', () => {
  it.each([
    ['<think>\nThe user wants a cat.\n</think>\n\nHere it is.', 'Here it is.'],
    ['\n<thinking>hm</thinking>Yes', 'Yes'],
    ['<think></think>ok <think>not a thought</think>', 'ok <think>not a thought</think>'],
    ['Plain text.', 'Plain text.'],
    ['<image>a cat</image>', '<image>a cat</image>'],
    ['<th', '<th'],
    ['<think>never ends', ''],
    ['', ''],
  ])('%s', (text, answer) => {
    expect(read([text])).toBe(answer);
    expect(read(Array.from(text)).trimStart()).toBe(answer);
  });

  it('is given out as soon as it is none', () => {
    const thoughts = new Thoughts();
    expect(thoughts.push('<i')).toBe('<i');
    expect(thoughts.isOpen).toBe(false);
  });
});
