"""A decoder's own text encoder: captions to the conditioning that the decoder reads, by the graph in its bundle.

The factories that the program has for it (`encoders/text`), as far as captions need them: no weighted words, no long prompts. Knows no language model.
"""
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .frozen import component_of, opened


class TextEncoder:
    """`tokens` of captions, float32 [n, rows, width]; a row behind the end of its text is zero where the encoder leaves it so."""

    def __init__(self, folder: Path, output: str | None, threads: int = 1):
        bundle = json.loads((folder / 'bundle.json').read_text()) if (folder / 'bundle.json').is_file() else {'outputs': {}}
        outputs = {name: each for name, each in bundle['outputs'].items() if 'prompt' in each['sources']}
        self.output = output or next(iter(outputs), None)
        if self.output not in outputs:
            raise SystemExit(f'{folder}: no output {self.output!r} that is made from a prompt; there are {", ".join(outputs) or "none"}.')
        self.wiring = outputs[self.output]
        _, component = component_of(folder, self.wiring['sources']['prompt'])
        self.config, self.path = component['config'], lambda key: folder / component['files'][key]['path']
        readers = {'sentence-tokens': self.sentence, 'clip-prompt': self.clip, 'clap-prompt': self.clap}
        if component['uses'] not in readers:
            raise SystemExit(f'{folder}: its text encoder is a {component["uses"]}; there are {", ".join(readers)}.')
        self.read, self.session = readers[component['uses']], opened(self.path('model'), threads)
        self.ports = {port.name: port.type for port in self.session.get_inputs()}

    def __call__(self, captions: list[str]) -> np.ndarray:
        return np.stack([self.read(caption) for caption in captions]).astype(np.float32)

    def feed(self, ids: list[int]) -> dict:
        kind = lambda name: np.int32 if self.ports[name] == 'tensor(int32)' else np.int64
        values = {'input_ids': ids, 'attention_mask': [1] * len(ids), 'token_type_ids': [0] * len(ids)}
        return {name: np.array([values[name]], kind(name)) for name in self.ports}

    def sentence(self, caption: str) -> np.ndarray:
        rows, width = self.config['tokens']
        if not hasattr(self, 'tokenizer'):
            self.tokenizer = Tokenizer.from_file(str(self.path('tokenizer')))
        ids = self.tokenizer.encode(caption).ids[:self.config.get('maxTokens', 128)]
        found = dict(zip([port.name for port in self.session.get_outputs()], self.session.run(None, self.feed(ids))))
        made = np.zeros((rows, width), np.float32)
        made[0] = found['embedding'][0] * width ** 0.5
        pieces = found['tokens'][0, 1:-1][:rows - 1]
        made[1:1 + len(pieces)] = pieces * self.config['tokenScale']
        return made

    def clip(self, caption: str) -> np.ndarray:
        from transformers import CLIPTokenizerFast
        tower = self.config['towers'][0]
        if len(self.config['towers']) > 1:
            raise SystemExit('a text encoder of two towers has a pooled vector beside its tokens, which no projector here makes.')
        if not hasattr(self, 'tokenizer'):
            pad = tower.get('pad', '<|endoftext|>')
            self.tokenizer = CLIPTokenizerFast(str(self.path('vocabulary')), str(self.path('merges')), pad_token=pad)
        ids = self.tokenizer(caption, padding='max_length', truncation=True, max_length=tower.get('length', 77)).input_ids
        return self.session.run([tower.get('states', 'last_hidden_state')], self.feed(ids) if 'attention_mask' not in self.ports else {'input_ids': self.feed(ids)['input_ids']})[0][0]

    def clap(self, caption: str) -> np.ndarray:
        if not hasattr(self, 'tokenizer'):
            self.tokenizer = Tokenizer.from_file(str(self.path('tokenizer')))
        ids = self.tokenizer.encode(caption).ids[:self.config.get('maxTokens', 512)]
        vector = self.session.run([self.config.get('output', 'text_embeds')], self.feed(ids))[0]
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
