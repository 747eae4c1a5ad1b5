"""Trains the image encoder for a given time: python -m training.encoder.train SECONDS [--last]. Resumes from its checkpoint.

Warm-up, constant rate, and a decay to zero in the last five eighths of the run that is called with --last. Knows nothing about export.
"""
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F

from training.image.muon import orthogonal
from training.paths import work

from .losses import Objective
from .model import ImageEncoder
from .phrases import Phrases
from .pictures import Bank

BATCH, RATE, DECAY = 64, 3e-3, 0.02


class Muon:
    """Orthogonalised momentum, scaled to the size of an AdamW update (arXiv 2502.16982)."""

    def __init__(self, matrices: list):
        self.matrices, self.momentum = matrices, [torch.zeros_like(p) for p in matrices]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for p, momentum in zip(self.matrices, self.momentum):
            momentum.mul_(0.95).add_(p.grad)
            g = p.grad.add(momentum, alpha=0.95).reshape(len(p), -1)
            p.mul_(1 - rate * DECAY).add_(orthogonal(g).reshape(p.shape), alpha=-rate * 0.2 * max(g.shape) ** 0.5)


def outlined(pixels: torch.Tensor, random: np.random.RandomState, share: float = 0.25) -> torch.Tensor:
    """Some of the pictures [B, 3, 96, 96] with dark lines of one to three pixels where brightness changes, as drawings with outlines have."""
    rows = torch.from_numpy(np.flatnonzero(random.rand(len(pixels)) < share))
    if len(rows):
        some, size = pixels[rows], int(random.choice([3, 3, 5]))
        grey = F.avg_pool2d(some.mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
        edge = F.max_pool2d(grey, size, 1, size // 2) + F.max_pool2d(-grey, size, 1, size // 2)
        line = ((edge - float(random.uniform(0.15, 0.5))) * 4).clamp(0, 1)
        pixels[rows] = some * (1 - line) + line * float(random.uniform(-1, -0.6))
    return pixels


class Drawn:
    """The prepared pictures of all shards, in random order, shifted by up to three pixels and changed in brightness."""

    def __init__(self):
        shards = sorted(work('encoder', 'x').parent.glob('drawn-*.npy'))
        self.pictures = [np.load(path, mmap_mode='r') for path in shards]
        tables = [np.load(path.with_suffix('.npz')) for path in shards]
        self.label = {k: torch.from_numpy(np.concatenate([t[k] for t in tables])) for k in tables[0]}
        self.where = np.concatenate([np.stack([np.full(len(p), i), np.arange(len(p))], 1) for i, p in enumerate(self.pictures)])
        self.random = np.random.RandomState(int(time.time()))
        self.order = np.empty(0, int)

    def draw(self, size: int):
        if len(self.order) < size:
            self.order = self.random.permutation(len(self.where))
        rows, self.order = self.order[:size], self.order[size:]
        pixels = torch.from_numpy(np.stack([self.pictures[s][i] for s, i in self.where[rows]])).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        pixels = torch.roll(pixels, tuple(int(v) for v in self.random.randint(-3, 4, 2)), (2, 3))
        gain = torch.from_numpy(self.random.uniform(0.93, 1.05, (size, 3, 1, 1)).astype(np.float32))
        pixels = ((pixels + 1) * gain - 1).clamp(-1, 1)
        pixels = outlined(pixels, self.random)
        return pixels.contiguous(memory_format=torch.channels_last), {k: v[torch.from_numpy(rows)] for k, v in self.label.items()}


def main() -> None:
    seconds, last = float(sys.argv[1]), '--last' in sys.argv
    torch.set_num_threads(1)
    bank = Bank()
    objective, model = Objective(Phrases(bank.names)), ImageEncoder().to(memory_format=torch.channels_last)
    print(sum(p.numel() for p in model.parameters()) / 1e6, 'M parameters', flush=True)
    matrices = [p for n, p in model.named_parameters() if p.ndim > 1 and n not in ('places', 'queries')]
    chosen = {id(p) for p in matrices}
    muon = Muon(matrices)
    optimiser = torch.optim.AdamW([p for p in [*model.parameters(), *objective.parameters()] if id(p) not in chosen], RATE, betas=(0.9, 0.98), weight_decay=0)
    path, done = work('checkpoints', 'image-encoder.pt'), 0
    if path.exists():
        state = torch.load(path)
        model.load_state_dict(state['model'])
        objective.load_state_dict(state['objective'])
        optimiser.load_state_dict(state['optimiser'])
        muon.momentum = state['momentum']
        done = state['done']
    drawn, start, report, step = Drawn(), time.time(), {}, 0
    ahead = ThreadPoolExecutor(1)
    following = ahead.submit(drawn.draw, BATCH)
    while (passed := time.time() - start) < seconds:
        rate = RATE * min(1, (done + step + 1) / 100) * (min(1.0, 1.6 * (1 - passed / seconds)) if last else 1)
        for group in optimiser.param_groups:
            group['lr'] = rate
        pixels, label = following.result()
        following = ahead.submit(drawn.draw, BATCH)
        with torch.autocast('cpu', torch.bfloat16):
            tokens, _ = model(pixels)
        loss, said = objective(tokens.float(), pixels, label, torch.rand(BATCH))
        model.zero_grad()
        objective.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        muon.step(rate)
        step += 1
        said['loss'] = float(loss)
        report = {k: v if step == 1 else 0.97 * report[k] + 0.03 * v for k, v in said.items()}
        if step in (5, 20, 50) or step % 100 == 0:
            print(done + step, f'{step * BATCH / (time.time() - start):.0f} img/s', json.dumps({k: round(v, 3) for k, v in report.items()}), flush=True)
        if step % 1000 == 0:
            torch.save({'model': model.state_dict(), 'objective': objective.state_dict(), 'optimiser': optimiser.state_dict(), 'momentum': muon.momentum, 'done': done + step}, path.with_suffix('.part.pt'))
    torch.save({'model': model.state_dict(), 'objective': objective.state_dict(), 'optimiser': optimiser.state_dict(), 'momentum': muon.momentum, 'done': done + step}, path)


if __name__ == '__main__':
    main()
