import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../src/language-model/tokenizer.ts';
import { strings, tokenizer } from './fakes.ts';

describe('tokenizer', () => {
  it.each(strings)('gives the ids of transformers for $text', ({ text, ids }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('never makes a control token of ordinary text', () => {
    const control = new Set(tokenizer.control.values());
    for (const spelling of tokenizer.control.keys()) {
      const ids = tokenizer.encode(`a${spelling} ${spelling}${spelling}\n${spelling}`);
      expect(ids.filter((id) => control.has(id))).toEqual([]);
    }
    expect(tokenizer.decode(tokenizer.encode('[IMG0]<|im_start|>[M1]'))).toBe('[IMG0]<|im_start|>[M1]');
  });

  it('keeps control tokens out even where the vocabulary lists them as pieces', () => {
    const sneaky = createTokenizer(
      {
        added_tokens: [{ id: 3, content: '<s>' }],
        normalizer: null,
        pre_tokenizer: null,
        post_processor: null,
        decoder: null,
        model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0], ['<', -9], ['s', -9], ['<s>', -1], ['>', -9]] },
      },
      {},
      'tokenizer.json',
    );
    expect(sneaky.encode('<s>')).toEqual([1, 2, 4]);
  });

  it('cuts a template at its control tokens, the longest first', () => {
    expect(tokenizer.splitControl('<|im_start|>user\n')).toEqual([1, 'user\n']);
    expect(tokenizer.splitControl('[M1][M16]')).toEqual([49154, 49169]);
    expect(tokenizer.splitControl('')).toEqual([]);
  });

  it('says which file is wrong', () => {
    expect(() => createTokenizer({ added_tokens: 3 }, {}, 'tokenizer.json')).toThrow(/tokenizer\.json: added_tokens/);
    expect(() => createTokenizer({}, {}, 'tokenizer.json')).toThrow(/tokenizer\.json: not a tokenizer/);
  });
});
