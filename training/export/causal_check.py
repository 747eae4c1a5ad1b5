"""An exported language model against the one that it was made from: logits, hidden states and greedy choices over some tokens. Knows no tokenizer."""
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from .cache import Cache

#: Tokens before the cache is used, and the steps after them.
PREFIX, STEPS = 9, 4


class Exported:
    """The two graphs of a bundle folder, fed as the program does."""

    def __init__(self, folder: Path):
        component = next(part for part in json.loads((folder / 'bundle.json').read_text())['components'].values() if part['kind'] == 'language-model')
        self.config = component['config']
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.model, self.embed = (onnxruntime.InferenceSession(str(folder / component['files'][key]['path']), options, providers=['CPUExecutionProvider']) for key in ('model', 'embed'))
        self.past = Cache(self.model)

    def feed(self, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Logits [V] after the last of `ids`, and hidden states [n, d]."""
        embeds = self.embed.run(['embeds'], {'input_ids': np.array([ids], np.int64)})[0]
        before = len(self.past)
        given = {'inputs_embeds': embeds, 'position_ids': np.arange(before, before + len(ids), dtype=np.int64), **self.past.feeds}
        logits, hidden, *slices = self.model.run(['logits', 'hidden', *self.past.names], given)
        self.past.append(slices)
        return logits[0, 0], hidden[0]


@torch.no_grad()
def compare(model, folder: Path, seed: int = 0) -> str:
    """One line of figures."""
    exported = Exported(folder)
    ids = np.random.default_rng(seed).integers(0, exported.config['vocabulary'], PREFIX + STEPS).tolist()
    told = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    rows = [exported.feed(ids[:PREFIX]), *(exported.feed([each]) for each in ids[PREFIX:])]
    logits, hidden = np.stack([row[0] for row in rows]), np.concatenate([row[1] for row in rows])
    wanted, states = told.logits[0, PREFIX - 1:].float().numpy(), told.hidden_states[-1][0].float().numpy()
    same = int((logits.argmax(-1) == wanted.argmax(-1)).sum())
    return f'logits within {np.abs(logits - wanted).max():.2e}, hidden states within {np.abs(hidden - states).max():.2e}, {same} of {len(rows)} likeliest tokens the same'
