"""An exported language model run as it is: a conversation's states at signal tokens, without a gradient through it.

Reads a bundle's `causal-lm` component: graphs, tokenizer, chat template. Knows no decoder and no training.
"""
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
from jinja2 import Environment
from tokenizers import Tokenizer

from ..export.cache import Cache


def component_of(folder: Path, name: str) -> tuple[dict, dict]:
    """The bundle of a folder and one of its components. Ends with the reason where there is none."""
    if not (folder / 'bundle.json').is_file():
        raise SystemExit(f'{folder}: no bundle.json; export the model to a bundle first.')
    bundle = json.loads((folder / 'bundle.json').read_text())
    if name not in bundle['components']:
        raise SystemExit(f'{folder}: no component {name!r}; it has {", ".join(bundle["components"])}.')
    return bundle, bundle['components'][name]


def opened(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


class FrozenModel:
    def __init__(self, folder: Path, threads: int = 1):
        self.folder = folder
        bundle = json.loads((folder / 'bundle.json').read_text()) if (folder / 'bundle.json').is_file() else {}
        self.name = bundle.get('languageModel')
        if not self.name:
            raise SystemExit(f'{folder}: a bundle with a language model is expected.')
        self.bundle, self.component = component_of(folder, self.name)
        if self.component['uses'] != 'causal-lm':
            raise SystemExit(f'{folder}: its language model is a {self.component["uses"]}, which gives no hidden states; export it with training.export.causal_lm.')
        self.config, files = self.component['config'], self.component['files']
        self.path = lambda key: folder / files[key]['path']
        self.model, self.embedding = opened(self.path('model'), threads), opened(self.path('embed'), 1)
        self.tokenizer = Tokenizer.from_file(str(self.path('tokenizer')))
        settings = json.loads(self.path('tokenizerConfig').read_text())
        text = settings.get('chat_template') or self.path('chatTemplate').read_text()
        # Marks of what is trained on, which transformers alone knows.
        text = re.sub(r'\{%(-?)\s*(?:end)?generation\s*(-?)%\}', r"{%\1 if true \2%}{% endif %}", text)
        self.template = Environment(trim_blocks=True, lstrip_blocks=True).from_string(text)
        self.special = {key: value if isinstance(value, str) else value['content'] for key, value in settings.items() if key.endswith('_token') and value is not None and not isinstance(value, bool)}
        self.system = self.config.get('systemPrompt')
        # What every conversation begins with is read once.
        first, second = self.ids('one thing'), self.ids('another matter')
        length = next(index for index, (a, b) in enumerate(zip(first, second)) if a != b)
        self.start, self.cache = first[:length], self.empty()
        if length:
            self.run(self.embed(self.start), self.cache)

    def ids(self, asked: str, answer: str | None = None) -> list[int]:
        """A turn of the user, and what the model has said of its answer."""
        system = [{'role': 'system', 'content': self.system}] if self.system else []
        # A template that places media reads the parts of a message.
        content = [{'type': 'text', 'text': asked}] if self.config.get('mediaPlaces') else asked
        written = self.template.render(messages=[*system, {'role': 'user', 'content': content}], add_generation_prompt=True, **self.special)
        return self.tokenizer.encode(written + (answer or ''), add_special_tokens=False).ids

    def empty(self) -> Cache:
        return Cache(self.model)

    def embed(self, ids: list[int]) -> np.ndarray:
        """[n, d]"""
        return self.embedding.run(None, {'input_ids': np.array([ids], np.int64)})[0][0]

    def run(self, embeds: np.ndarray, cache: Cache, grow: bool = True) -> np.ndarray:
        """Hidden states [n, d] of embeddings [n, d] behind the cache, which grows unless nothing comes after them."""
        old = len(cache)
        names = ['hidden', *(cache.names if grow else [])]
        found = self.model.run(names, {'inputs_embeds': embeds[None].astype(np.float32), 'position_ids': np.arange(old, old + len(embeds)), **cache.feeds})
        if grow:
            cache.append(found[1:])
        return found[0][0]

    def states(self, asked: str, answer: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden states at the signal tokens whose embeddings are `rows` [N, d], said behind `answer`; and the states before them, [n, d]."""
        ids = self.ids(asked, answer)
        known = len(self.start) if ids[:len(self.start)] == self.start and len(ids) > len(self.start) else 0
        cache = self.cache.copy() if known else self.empty()
        hidden = self.run(np.concatenate([self.embed(ids[known:]), rows]), cache, grow=False)
        return hidden[-len(rows):], hidden[:-len(rows)]
