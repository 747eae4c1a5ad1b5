"""An input projector that says words: encoder tokens to rows of the language model's own table, so that to name a medium is to copy (training/language/concepts.py).

What words a medium has is read linearly, by ridge regression in closed form, or by an mlp; the most likely stand in the order that captions have them in. Knows arrays; no model, no file.
"""
import time

import torch
from torch import nn

from .fit import ridge, whiten

#: Numbers of a medium that are read as they are; of more, the mean and the largest of the tokens are.
FLAT = 4096


class WordProjector(nn.Module):
    """tokens [n,d] to embeds [m,d_model]. `table` [rows,d_model]: the filler first; `start` and `pieces` [words,most] are places in it, 0 where there is none."""

    def __init__(self, table, start, pieces, place, says: int, rows: int, mean, deviation, reader: nn.Module, gain, threshold: float):
        super().__init__()
        self.reader, self.says, self.rows = reader, says, rows
        for name, value in (('table', table), ('start', start), ('pieces', pieces), ('place', place), ('mean', mean), ('deviation', deviation), ('gain', gain), ('threshold', torch.tensor(threshold))):
            self.register_buffer(name, value)

    def scores(self, tokens):
        """[b,n,d] to [b,words]"""
        return self.gain * self.reader((features(tokens) - self.mean) / self.deviation)

    def chosen(self, scores):
        """Indices [b,says] of words in the order in which they are said, and which of them are: the most likely, and others above the threshold."""
        top, words = scores.topk(self.says, -1)
        said = torch.cat([torch.ones_like(top[:, :1], dtype=torch.bool), top[:, 1:] > self.threshold], 1)
        order = torch.where(said, self.place[words], torch.full_like(top, 2.0)).sort(-1).indices
        return words.gather(1, order), said.gather(1, order)

    def forward(self, tokens):
        words, said = self.chosen(self.scores(tokens[None]))
        places = torch.where(said[0][:, None], self.pieces[words[0]], torch.zeros_like(self.pieces[words[0]])).flatten()
        # Pieces move up to close gaps; behind them comes one filler, then they come again while there is room for all of them.
        order = (torch.arange(places.shape[0]) + places.shape[0] * (places == 0)).float().sort().indices
        body = torch.cat([places[order], torch.zeros_like(places[:1])])
        room, turn = self.rows - self.start.shape[0], (places > 0).sum() + 1
        index = torch.arange(room)
        again = body[torch.remainder(index, turn)]
        whole = torch.maximum(torch.div(room, turn, rounding_mode='floor') * turn, turn)
        return self.table[torch.cat([self.start, torch.where(index < whole, again, torch.zeros_like(again))])]


def features(tokens):
    """[b,n,d] to [b,f]"""
    if tokens.shape[1] * tokens.shape[2] <= FLAT:
        return tokens.flatten(1)
    return torch.cat([tokens.mean(1), tokens.max(1).values], -1)


def linear_reader(x, y, penalty: float) -> nn.Module:
    """Ridge regression of the words [n,words] on features [n,f], of reduced rank where that is less."""
    read, say, bias = ridge(x, y, min(256, x.shape[1], y.shape[1], len(x) - 1), penalty)
    reader = nn.Sequential(nn.Linear(x.shape[1], len(read), bias=False), nn.Linear(len(read), y.shape[1]))
    with torch.no_grad():
        reader[0].weight.copy_(read), reader[1].weight.copy_(say), reader[1].bias.copy_(bias)
    return reader


def mlp_reader(x, y, minutes: float, width: int = 512, batch: int = 128, rate: float = 2e-3, most: int = 4000) -> nn.Module:
    """Two layers with GELU between, by cross-entropy of each word, with noise on the features; gives probabilities."""
    reader = nn.Sequential(nn.Linear(x.shape[1], width), nn.GELU(), nn.Linear(width, y.shape[1]), nn.Sigmoid())
    whiten(reader[0], x[torch.randperm(len(x))[:6000]])
    with torch.no_grad():
        share = y.mean(0).clamp(1e-5, 0.99)
        reader[2].weight *= 0.1
        reader[2].bias.copy_((share / (1 - share)).log())
    optimiser, clock, step = torch.optim.AdamW(reader.parameters(), rate, weight_decay=0.05), time.time(), 0
    while (spent := max((time.time() - clock) / (minutes * 60), step / most)) < 1:
        optimiser.param_groups[0]['lr'] = rate * min(1, (step + 1) / 30) * (1 - spent)
        rows = torch.randint(len(x), (batch,))
        logits = reader[:3](x[rows] + 0.3 * torch.randn(batch, x.shape[1]))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, y[rows], reduction='sum') / batch
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    return reader


def balance(scores, right, threshold: float, rarity) -> float:
    """F1 of the words above a threshold, the most likely one always among them; a word counts as it is rare."""
    said = scores > threshold
    said[torch.arange(len(said)), scores.argmax(1)] = True
    return float(2 * (said * right * rarity).sum() / ((said + right) * rarity).sum().clamp(min=1))


def fit_words(kind: str, tokens, right, learn, aside, minutes: float, **parts) -> WordProjector:
    """The projector whose words agree best with captions that were kept aside: over penalties (linear), how much rare words are favoured, and thresholds."""
    x = features(tokens)
    mean, deviation = x[learn].mean(0), x[learn].std(0) + 1e-4 * float(x[learn].std()) + 1e-8
    seen, share, best = (x - mean) / deviation, right[learn].mean(0).clamp(min=1e-5), None
    with torch.enable_grad():
        readers = [mlp_reader(seen[learn], right[learn], minutes)] if kind == 'mlp' else [linear_reader(seen[learn], right[learn], penalty) for penalty in (0.03, 0.3, 3.0, 30.0)]
    rarity = -share.log() + 0.1
    with torch.no_grad():
        for reader in readers:
            plain = reader(seen[aside])
            for favour in (0.0, 0.25, 0.5, 0.75):
                scores = plain * (share.median() / share) ** favour
                for threshold in (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
                    value = balance(scores, right[aside], threshold, rarity)
                    if best is None or value > best[0]:
                        best = (value, reader, threshold, favour)
    return WordProjector(mean=mean, deviation=deviation, reader=best[1], threshold=best[2], gain=(share.median() / share) ** best[3], **parts).eval()
