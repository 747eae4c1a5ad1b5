"""Writes smollm2.json: awkward strings with their ids by transformers, and a tokenizer cut down to the merges they use.

usage: python make_smollm2_fixture.py TOKENIZER_FOLDER. The cut is exact: a step of byte-pair encoding always takes the merge of
the lowest rank, and every merge that the full tokenizer takes for these strings is kept in its order.
"""
import json
import sys
from pathlib import Path

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

STRINGS = [
    'Hello', ' Hello', 'Hello ', '  two  spaces  ', '\n', '\n\n', '\n \n', '\t\ttabs', 'a\r\nb', 'trailing\n', '\nleading',
    'What is the capital of France?', 'draw a red apple', 'make it green', "don't, it's, we'll, I'd, you're, we've, I'm", 'HELLO World', 'CamelCaseWord',
    'snake_case_word', 'kebab-case', 'https://example.org/a?b=c&d=%20', 'a@b.c', '1234567890', '3.14159', '1,000,000', ' 2024', '  7', '-5', '1e-10', '0x1F',
    'café', 'cafe\u0301', 'naïve façade', 'Größe', 'Ελληνικά', 'Привет', 'שלום', 'مرحبا', 'हिन्दी', 'ไทย', '日本語', '中文字符', '한국어',
    '🐉', '👩‍👩‍👧‍👦', '🇩🇪', '👍🏽', 'a🐉b', '…“quotes”—dash', '\u00a0nbsp', '\u200bzero width', '\ufeffbom', '\u0000nul', '\ufffd', '𝒳', '½ ² ™',
    '<b>&amp;</b>', '{"json": [1, 2]}', '$x^2$', '`code`', '!!!???', '((()))', '[M', '[IMG', '<|', '|>', '', 'x' * 40,
]
PROMPTS = ['system\nYou are anymodal. You answer with text and pictures.', 'user\ndraw a red apple', 'assistant\n', 'user\nmake it green', 'Here is a red apple. ', 'Now it is green. ']


def taken(word, ranks):
    """The merges that byte-pair encoding takes for one word."""
    parts, used = list(word), []
    while True:
        pairs = [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]
        if not pairs:
            return parts, used
        rank, i = min(pairs)
        used.append(rank)
        parts[i:i + 2] = [parts[i] + parts[i + 1]]


def main(folder):
    full = AutoTokenizer.from_pretrained(folder)
    definition = json.loads(Path(folder, 'tokenizer.json').read_text())
    model = definition['model']
    merges = [tuple(m if isinstance(m, list) else m.split(' ')) for m in model['merges']]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False)
    kept, tokens = set(), set(pre_tokenizers.ByteLevel.alphabet())
    for text in STRINGS + PROMPTS:
        for word, _ in bytes_of.pre_tokenize_str(text):
            _, used = taken(word, ranks)
            kept.update(used)
    for rank in kept:
        tokens.update([*merges[rank], ''.join(merges[rank])])
    model['vocab'] = {token: id for token, id in sorted(model['vocab'].items(), key=lambda item: item[1]) if token in tokens}
    model['merges'] = [list(merges[rank]) for rank in sorted(kept)]
    strings = [{'text': text, 'ids': full.encode(text, add_special_tokens=False)} for text in STRINGS]
    out = {'about': 'SmolLM2-135M-Instruct (Apache-2.0) with added tokens; written by make_smollm2_fixture.py', 'tokenizer': definition,
           'settings': json.loads(Path(folder, 'tokenizer_config.json').read_text()), 'chatTemplate': Path(folder, 'chat_template.jinja').read_text(), 'strings': strings}
    Path(__file__).with_name('smollm2.json').write_text(json.dumps(out, ensure_ascii=True, separators=(',', ':')) + '\n')


main(sys.argv[1])
