"""What tuning on dialogues minimises and what it is measured by: cross-entropy of the answers, the conditioning at their signals, states of the exported graph.

Knows rows of `conversations`, a decoder of `weights` and a frozen model; writes nothing.
"""
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

from . import captions, fit
from .conversations import NO_LOSS, VECTOR, Row
from .frozen import FrozenModel, component_of, opened
from .media import tokens_of
from .text_encoders import TextEncoder
from .tune import CONDITIONING
from .weights import Tunable


class Embedded:
    """Embeddings [n,d] of the media of dialogues, each read once, as the bundle's encoder and input projector make them."""

    def __init__(self, model: FrozenModel, rows: list[Row]):
        self.known = {}
        for modality in sorted({medium.modality for row in rows for medium in row.media}):
            paths = list(dict.fromkeys(medium.path for row in rows for medium in row.media if medium.modality == modality))
            projector = model.bundle['inputs'][modality]['projector']
            tokens = tokens_of(model.folder, modality, paths)
            if projector:
                _, component = component_of(model.folder, projector)
                session = opened(model.folder / component['files']['model']['path'], 1)
                tokens = [session.run(None, {'tokens': each})[0] for each in tokens]
            self.known |= {(modality, path): each for path, each in zip(paths, tokens)}

    def of(self, row: Row) -> list[np.ndarray]:
        return [self.known[medium.modality, medium.path] for medium in row.media]


class Loss:
    """Cross-entropy of what is to be learnt, and how far the conditioning at the signals is from that of their captions."""

    def __init__(self, tunable: Tunable, groups: dict[str, list[int]], media: Embedded, device: str):
        self.model, self.groups, self.media, self.device = tunable.decoder, groups, media, device
        never = torch.zeros(tunable.vocabulary + tunable.added, device=device)
        never[[*tunable.unsaid, *(token for group in groups.values() for token in group[1:])]] = -torch.inf
        self.never, self.projectors, self.targets = never, nn.ModuleDict(), {}

    def states(self, batch: list[Row]) -> torch.Tensor:
        ids = torch.zeros(len(batch), max(len(row.ids) for row in batch), dtype=torch.long)
        for index, row in enumerate(batch):
            ids[index, :len(row.ids)] = torch.tensor(row.ids)
        x = self.model.embed(ids.clamp(min=0).to(self.device))
        blocks = [block for row in batch for block in self.media.of(row)]
        if blocks:
            x = x.masked_scatter((ids == VECTOR)[..., None].to(self.device), torch.from_numpy(np.concatenate(blocks)).to(self.device))
        return self.model.states(x)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return self.model.logits(states) + self.never

    def targets_of(self, batch: list[Row]) -> torch.Tensor:
        length = max(len(row.ids) for row in batch)
        return torch.tensor([row.targets + [NO_LOSS] * (length - len(row.ids)) for row in batch])

    def signals(self, batch: list[Row], output: str, states: torch.Tensor) -> tuple[torch.Tensor, list[str]]:
        """States at the signals of an output [n,N,d], and their captions."""
        length = len(self.groups[output])
        found = [(states[index, place:place + length], made.caption) for index, row in enumerate(batch) for place, made in row.signals if made.output == output]
        return (torch.stack([state for state, _ in found]) if found else states[:0, :length]), [caption for _, caption in found]

    def embedded(self, output: str) -> torch.Tensor:
        return self.model.embed(torch.tensor(self.groups[output], device=self.device))

    def __call__(self, batch: list[Row]) -> tuple[torch.Tensor, dict[str, float]]:
        states, targets = self.states(batch), self.targets_of(batch).to(self.device)
        places = targets != NO_LOSS
        said = F.cross_entropy(self.logits(states[places]), targets[places])
        figures, value = {'said': said.item() * int(places.sum()), 'words': int(places.sum())}, said
        for output, projector in self.projectors.items():
            hidden, meant = self.signals(batch, output, states)
            if meant:
                right, known = self.targets[output].of(meant).to(self.device), self.targets[output]
                made = projector(hidden, self.embedded(output).expand(len(meant), -1, -1))
                far = (made - right).square().mean() / known.variance + (1 - F.cosine_similarity(made.flatten(1), right.flatten(1))).mean()
                value = value + CONDITIONING * far
                figures['far'], figures['signals'] = figures.get('far', 0) + far.item() * len(meant), figures.get('signals', 0) + len(meant)
        return value, figures


class Conditioning:
    """What a decoder's text encoder makes of captions, each read once."""

    def __init__(self, encoder: TextEncoder, texts: list[str]):
        self.encoder, self.place, self.made = encoder, {}, None
        texts = list(dict.fromkeys(texts))
        self.place, self.made = {text: index for index, text in enumerate(texts)}, torch.from_numpy(encoder(texts))
        self.variance = float(self.made.var())

    def of(self, texts: list[str]) -> torch.Tensor:
        return self.made[[self.place[text] for text in texts]]


def told(sums: dict) -> str:
    return f"loss {sums['said'] / max(1, sums['words']):.3f}" + (f" signals {sums['far'] / sums['signals']:.3f}" if sums.get('signals') else '')


@torch.no_grad()
def figures(loss: Loss, rows: list[Row]) -> dict:
    """On dialogues kept aside: cross-entropy a token; `signalComes`, how often a signal is the likeliest where one stands, and `elsewhere`, where words or an end stand."""
    firsts, said, right, comes, elsewhere = [group[0] for group in loss.groups.values()], [], [], [], []
    for row in rows:
        targets = torch.tensor(row.targets)
        places = targets != NO_LOSS
        logits, wanted = loss.logits(loss.states([row])[0][places]).cpu(), targets[places]
        best = logits.argmax(-1)
        said.append(F.cross_entropy(logits, wanted, reduction='none'))
        right.append(best == wanted)
        asked = torch.isin(wanted, torch.tensor(firsts))
        comes.append((best == wanted)[asked])
        elsewhere.append(torch.isin(best, torch.tensor(firsts))[~asked])
    mean = lambda parts: round(float(torch.cat(parts).float().mean()), 4) if sum(map(len, parts)) else None
    return {'loss': mean(said), 'nextTokenRight': mean(right), 'signalComes': mean(comes), 'elsewhere': mean(elsewhere)}


class Exported(nn.Module):
    """An output projector as it stands in a bundle."""

    def __init__(self, path: Path):
        super().__init__()
        self.session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])

    def forward(self, hidden, embedded):
        return torch.from_numpy(np.concatenate([self.session.run(None, {'hidden': a[None].numpy(), 'embedded': b[None].numpy()})[0] for a, b in zip(hidden, embedded)]))


def read_states(model: FrozenModel, media: Embedded, rows: list[Row], output: str, group: list[int]) -> tuple[np.ndarray, list[str]]:
    """States of the exported graph at the signals of an output, rounding included [n,N,d], and their captions."""
    found, meant = [], []
    for row in rows:
        if any(made.output == output for _, made in row.signals):
            x, blocks = model.embed([max(0, token) for token in row.ids]).astype(np.float32), media.of(row)
            if blocks:
                x[np.array(row.ids) == VECTOR] = np.concatenate(blocks)
            hidden = model.run(x, model.empty(), grow=False)
            for place, made in row.signals:
                if made.output == output:
                    found.append(hidden[place:place + len(group)])
                    meant.append(made.caption)
    return np.stack(found).astype(np.float32), meant


def pairs_of(model: FrozenModel, media: Embedded, learn: list[Row], held: list[Row], output: str, group: list[int], extra: list[str], encoder: TextEncoder, seed: int) -> tuple[fit.Pairs, list[str]]:
    """States and conditioning for `fit`: signals of dialogues to learn, captions besides them, and signals kept aside, whose captions no learnt one has."""
    rows = model.embed(group).astype(np.float32)
    states, meant = read_states(model, media, learn, output, group)
    aside, aside_meant = read_states(model, media, held, output, group) if any(made.output == output for row in held for _, made in row.signals) else (states[:0], [])
    if extra:
        more = np.stack([model.states(item.asked, item.answer, rows)[0] for item in captions.asked(extra, seed)]).astype(np.float32)
        states, meant = np.concatenate([states, more]), meant + extra
    hidden, texts = torch.from_numpy(np.concatenate([states, aside])), meant + aside_meant
    unseen = set(aside_meant)
    learnt = torch.tensor([index for index, text in enumerate(texts) if index < len(states) and text not in unseen])
    return fit.Pairs(hidden, torch.from_numpy(rows), Conditioning(encoder, texts).of(texts), learnt, torch.arange(len(states), len(texts))), texts
