"""A classifier of drawings over the 500 frozen nouns that shares nothing with nano's networks: python -m training.evaluate.judge fits it in a minute.

Histograms of gradients (Dalal and Triggs 2005) and a coarse grid of colours at 64 px, linear discriminant analysis with shrinkage; a second one
sees no colours, for things that were painted. Plain drawings of the training families only; one drawing of each
well-drawn noun is kept aside, and so is the held-out family.
"""
import json
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from training.data import sprites
from training.paths import work

from .nouns import JUDGED, JUDGED_CLASS

SIZE, ANGLES, VARIED, SHRINKAGE = 64, 8, 6, 0.6
CANDIDATES = ('noto', 'twemoji', 'emojione', 'fx')  # families a kept-aside drawing comes from: each drew its things only once


def split() -> tuple[list[int], list[int], list[int], list[int]]:
    """Sprite indices of training, kept-aside and held-out-style drawings, and the noun of every sprite (-1 none)."""
    table = json.loads(work('data', 'sprites.json').read_text())
    kind = [JUDGED_CLASS.get(entry['name'], -1) for entry in table]
    by_noun = {}
    for i, entry in enumerate(table):
        if kind[i] >= 0 and entry['family'] != sprites.HELD_OUT:
            by_noun.setdefault(kind[i], []).append(i)
    random, aside = np.random.RandomState(17), set()
    for noun in sorted(by_noun):
        options = [i for i in by_noun[noun] if table[i]['family'] in CANDIDATES]
        if len(by_noun[noun]) >= 7 and options:
            aside.add(int(random.choice(options)))
    training = [i for rows in by_noun.values() for i in rows if i not in aside]
    held = [i for i, entry in enumerate(table) if kind[i] >= 0 and entry['family'] == sprites.HELD_OUT]
    return training, sorted(aside), held, kind


def premultiplied(pictures: np.ndarray) -> torch.Tensor:
    """uint8 [n, 128, 128, 4] to premultiplied float [n, 4, 64, 64] in 0..1."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    return F.avg_pool2d(torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1), 2)


def on_white(rgba: torch.Tensor) -> torch.Tensor:
    return (rgba[:, :3] + 1 - rgba[:, 3:]) * 2 - 1


def varied(rgba: torch.Tensor, random: np.random.RandomState) -> torch.Tensor:
    """Drawings on white, turned, scaled, moved and mirrored a little; a third of them blurred."""
    n = len(rgba)
    uniform = lambda low, high: torch.from_numpy(random.uniform(low, high, n).astype(np.float32))
    angle, scale, mirror = uniform(-0.15, 0.15), uniform(0.85, 1.1), torch.from_numpy(np.where(random.rand(n) < 0.5, -1, 1).astype(np.float32))
    theta = torch.stack([torch.stack([angle.cos() / scale * mirror, angle.sin() / scale, uniform(-0.07, 0.07)], -1),
                         torch.stack([-angle.sin() / scale * mirror, angle.cos() / scale, uniform(-0.07, 0.07)], -1)], 1)
    x = on_white(F.grid_sample(rgba, F.affine_grid(theta, list(rgba.shape), align_corners=False), align_corners=False))
    soft = torch.from_numpy(random.rand(n) < 0.33)
    x[soft] = F.interpolate(F.avg_pool2d(x[soft], 2), SIZE, mode='bilinear')
    return x


def features(x: torch.Tensor) -> torch.Tensor:
    """[n, 832] of pictures [n, 3, 64, 64] in [-1, 1]: gradients by direction in 8 x 8 and 4 x 4 cells, colours in 8 x 8."""
    grey = x.mean(1, keepdim=True)
    across, down = F.pad(grey[..., 2:] - grey[..., :-2], (1, 1)), F.pad(grey[:, :, 2:] - grey[:, :, :-2], (0, 0, 1, 1))
    strength = (across.square() + down.square() + 1e-8).sqrt()
    angle = (torch.atan2(down, across) % torch.pi) / torch.pi * ANGLES
    half = ANGLES // 2
    bins = torch.cat([strength * (1 - ((angle - k + half) % ANGLES - half).abs()).clamp(min=0) for k in range(ANGLES)], 1)
    fine, coarse = F.avg_pool2d(bins, 16, 8, padding=4), F.avg_pool2d(bins, 16)
    fine = fine / (fine.square().sum(1, keepdim=True) + 1e-3).sqrt()
    coarse = 3 * coarse.flatten(1) / (coarse.flatten(1).norm(dim=1, keepdim=True) + 1e-3)
    # Each group has a standard deviation near one over drawings.
    return torch.cat([torch.cat([fine.flatten(1), coarse], 1) / 0.25, F.adaptive_avg_pool2d(x, 8).flatten(1) / 0.55], 1)


def without_colour(x: torch.Tensor) -> torch.Tensor:
    return x.mean(1, keepdim=True).expand(-1, 3, -1, -1)


@dataclass
class Judge:
    """score = features @ weights + offset, the log-likelihood of each class up to a constant: of nouns, and of nouns by shape alone."""

    nouns: tuple[torch.Tensor, torch.Tensor]
    shapes: tuple[torch.Tensor, torch.Tensor]

    @torch.inference_mode()
    def scores(self, pixels: torch.Tensor, which: str = 'nouns') -> torch.Tensor:
        """Of pictures in [-1, 1] of any square size; the mirrored picture votes as well."""
        weights, offset = getattr(self, which)
        small = F.interpolate(pixels, SIZE, mode='area') if pixels.shape[-1] != SIZE else pixels
        small = without_colour(small) if which == 'shapes' else small
        return torch.cat([sum((features(p) @ weights + offset).log_softmax(1) for p in (part, part.flip(3))) for part in small.split(256)])

    def order(self, pixels: torch.Tensor, shape: bool = False) -> np.ndarray:
        """Nouns best first [n, nouns]; with `shape` colours do not count."""
        return self.scores(pixels, 'shapes' if shape else 'nouns').argsort(1, descending=True).numpy()


def fit(x: torch.Tensor, label: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Linear discriminant analysis: one covariance for all classes, drawn towards a multiple of the identity."""
    count = torch.bincount(label, minlength=classes).clamp(min=1)
    mean = torch.zeros(classes, x.shape[1]).index_add_(0, label, x) / count[:, None]
    rest = x - mean[label]
    spread = rest.T @ rest / len(x)
    spread = (1 - SHRINKAGE) * spread + SHRINKAGE * spread.diagonal().mean() * torch.eye(len(spread))
    weights = torch.linalg.solve(spread, mean.T)
    return weights, -0.5 * (mean.T * weights).sum(0)


def load() -> Judge:
    with np.load(work('checkpoints', 'judge-500.npz')) as file:
        return Judge(*[(torch.from_numpy(file[f'{name}-weights']), torch.from_numpy(file[f'{name}-offset'])) for name in ('nouns', 'shapes')])


def main() -> None:
    training, aside, held, kind = split()
    pictures, random = np.load(work('data', 'sprites.npy'), mmap_mode='r'), np.random.RandomState(99)
    drawings, label = premultiplied(pictures[training]), torch.tensor([kind[i] for i in training])
    versions = [torch.cat([make(part) for part in drawings.split(256)])
                for make in (on_white, lambda p: on_white(p).flip(3), *[lambda p: varied(p, random)] * VARIED)]
    fitted = {}
    for name, seen in (('nouns', lambda p: p), ('shapes', without_colour)):
        fitted[name] = fit(torch.cat([features(seen(part)) for x in versions for part in x.split(256)]), label.repeat(len(versions)), len(JUDGED))
    judge = Judge(**fitted)
    np.savez(work('checkpoints', 'judge-500.npz'), **{f'{name}-{part}': value.numpy() for name, pair in fitted.items() for part, value in zip(('weights', 'offset'), pair)})
    print(f'{len(JUDGED)} nouns, {len(training)} drawings in {len(versions)} versions')
    for name, rows in (('kept aside', aside), ('held-out style', held)):
        x, right = on_white(premultiplied(pictures[rows])), np.array([kind[i] for i in rows])[:, None]
        for shape in (False, True):
            order = judge.order(x, shape)
            print(f'{name}{", by shape" if shape else ""}: {len(rows)} drawings, top-1 {(order[:, :1] == right).any(1).mean():.3f}, top-5 {(order[:, :5] == right).any(1).mean():.3f}')


if __name__ == '__main__':
    main()
