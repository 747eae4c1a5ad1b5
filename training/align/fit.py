"""Fits an output projector to states of a frozen language model: NExT-GPT's transformer, with a linear reading of the states mixed into its tokens.

Closed-form regression finds a caption where few states are known, the transformer goes on where many are (training/log.md). Knows arrays; no model and no file.
"""
import time
from dataclasses import dataclass

import torch
from torch import nn

from ..export.text_fc import TransformerProjector

#: Widest reading whose principal directions are computed exactly.
EXACT = 2400


@dataclass
class Pairs:
    """States [n,N,d], their embeddings [N,d], conditioning [n,rows,width] that they should give, and the rows of n to learn and to check."""

    hidden: torch.Tensor
    embedded: torch.Tensor
    targets: torch.Tensor
    learn: torch.Tensor
    check: torch.Tensor


class MixedProjector(nn.Module):
    """hidden, embedded [b,N,d] to [b,rows,width]: share * linear(states) + (1 - share) * transformer(states)."""

    def __init__(self, transformer: TransformerProjector, signals: int, wide: int, rows: int, width: int, rank: int):
        super().__init__()
        self.transformer, self.rows = transformer, rows
        self.read, self.say = nn.Linear(signals * wide, rank, bias=False), nn.Linear(rank, rows * width)
        self.share = nn.Parameter(torch.tensor(0.5))

    def forward(self, hidden, embedded):
        linear = self.say(self.read((hidden + embedded).flatten(1))).unflatten(1, (self.rows, -1))
        return self.share * linear + (1 - self.share) * self.transformer(hidden, embedded)


@torch.no_grad()
def whiten(layer: nn.Linear, inputs: torch.Tensor) -> None:
    """An entrance as centred, whitened principal components of its inputs [n,d]: what differs between captions is a few hundredths of a signal state's energy, and a random
    entrance hands on the rest."""
    mean = inputs.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((inputs - mean).T))
    size = layer.out_features
    # A random layer is wider than the states' space where the model is small.
    kept = min(size, len(values))
    values, vectors = values[-kept:].clamp(min=1e-12), vectors[:, -kept:]
    weight = vectors.T / (values + 0.02 * values.median()).sqrt()[:, None]
    # Mixed by a rotation, so that no unit of what follows begins with noise alone.
    rotation = torch.linalg.qr(torch.randn(size, size))[0][:, :kept]
    layer.weight.copy_(rotation @ weight)
    layer.bias.copy_(-layer.weight @ mean)


def fit_transformer(model: TransformerProjector, pairs: Pairs, minutes: float, rate: float = 1e-3, batch: int = 64, say=print) -> None:
    """Squared error and cosine distance of the flattened conditioning, for a time; noise of the states' own deviation keeps it from learning captions by heart."""
    learn, some = pairs.learn, pairs.learn[torch.randperm(len(pairs.learn))[:6000]]
    whiten(model.fc, (pairs.hidden[some] + pairs.embedded).flatten(0, 1))
    model.model.bias.data = pairs.targets[learn].mean((0, 1))
    spread, clock, step = pairs.hidden[some].std(0), time.time(), 0
    variance = pairs.targets[learn].var()
    optimiser = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.05)
    while (spent := (time.time() - clock) / (minutes * 60)) < 1:
        for group in optimiser.param_groups:
            group['lr'] = rate * min(1, (step + 1) / 30) * (1 - spent)
        chosen = learn[torch.randint(len(learn), (batch,))]
        states = pairs.hidden[chosen] + 0.3 * spread * torch.randn(batch, *spread.shape)
        made, right = model(states, pairs.embedded.expand(batch, -1, -1)), pairs.targets[chosen]
        value = (made - right).square().mean() / variance + (1 - nn.functional.cosine_similarity(made.flatten(1), right.flatten(1))).mean()
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 200 == 0:
            say(f'step {step}: loss {value.item():.3f}')


@torch.no_grad()
def ridge(x: torch.Tensor, y: torch.Tensor, rank: int, penalty: float, weight: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ridge regression of reduced rank of y [n,out] on x [n,in]: read [rank,in], say [out,rank] and the bias. `weight` [out] is what each output counts for in the choice of the rank."""
    middle, mean = x.mean(0), y.mean(0)
    weight = torch.ones_like(mean) if weight is None else weight
    x = x - middle
    square = x.T @ x
    lower = torch.linalg.cholesky(square + penalty * square.diag().mean() * torch.eye(len(square)))
    seen = torch.linalg.solve_triangular(lower, x.T @ ((y - mean) * weight), upper=False)
    basis = torch.linalg.eigh(seen @ seen.T)[1][:, -rank:] if len(seen) <= EXACT else torch.svd_lowrank(seen, q=rank, niter=4)[0]
    read = torch.linalg.solve_triangular(lower.T, basis, upper=True).T
    say = (basis.T @ seen / weight).T
    return read, say, mean - say @ (read @ middle)


def conditioned(model: nn.Module, pairs: Pairs, rows: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([model(pairs.hidden[part], pairs.embedded.expand(len(part), -1, -1)) for part in rows.split(64)])


@torch.no_grad()
def fit(pairs: Pairs, minutes: float, width: int = 192, layers: int = 2, rank: int = 224, say=print) -> nn.Module:
    """The projector whose mixture of both readings serves the first half of the captions that are kept aside best."""
    signals, wide = pairs.embedded.shape
    rows, target = pairs.targets.shape[1:]
    transformer = TransformerProjector(wide, target, rows, width, 4, 2 * width, layers)
    with torch.enable_grad():
        fit_transformer(transformer, pairs, minutes, say=say)
    x, y = (pairs.hidden[pairs.learn] + pairs.embedded).flatten(1), pairs.targets[pairs.learn].flatten(1)
    best, aside = None, pairs.check[:max(1, len(pairs.check) // 2)]
    for penalty in (0.02, 0.2):
        read, spoken, bias = ridge(x, y, min(rank, signals * wide, len(x) - 1), penalty)
        mixed = MixedProjector(transformer, signals, wide, rows, target, len(read)).eval()
        mixed.read.weight.copy_(read), mixed.say.weight.copy_(spoken), mixed.say.bias.copy_(bias)
        for share in (0.0, 0.3, 0.5, 0.7, 1.0):
            mixed.share.fill_(share)
            value = float(nn.functional.cosine_similarity(conditioned(mixed, pairs, aside).flatten(1), pairs.targets[aside].flatten(1)).mean())
            if best is None or value > best[0]:
                best = (value, penalty, share, {name: tensor.clone() for name, tensor in mixed.state_dict().items()})
    say(f'penalty {best[1]}, share of the linear reading {best[2]}')
    mixed.load_state_dict(best[3])
    return mixed


def figures(model: nn.Module, pairs: Pairs, pool: int = 1000) -> dict:
    """On the second half of the captions kept aside: cosine to the text encoder's conditioning, that of the mean of all, and how often the right one is nearest of `pool`."""
    rows = pairs.check[len(pairs.check) // 2:]
    mean = pairs.targets[pairs.learn].mean(0).flatten()
    made, right = conditioned(model, pairs, rows).flatten(1), pairs.targets[rows].flatten(1)
    others = pairs.learn[:max(0, pool - len(rows))]
    every = torch.cat([right, pairs.targets[others].flatten(1)]) - mean
    nearest = (nn.functional.normalize(made - mean, dim=-1) @ nn.functional.normalize(every, dim=-1).T).argmax(-1)
    cosine = lambda a: float(nn.functional.cosine_similarity(a, right).mean())
    return {'reportedOn': len(rows), 'cosine': round(cosine(made), 4), 'cosineOfMean': round(cosine(mean[None].expand(len(right), -1)), 4),
            'nearest': round(float((nearest == torch.arange(len(rows))).float().mean()), 4), 'pool': len(every)}
