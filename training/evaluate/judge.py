"""A classifier of drawings over the frozen nouns that no generator and no encoder was trained with: python -m training.evaluate.judge SECONDS.

Plain residual network with group normalisation on 64 px, plain drawings of the training families only; one drawing of each
well-drawn noun is kept aside, and so is the held-out family.
"""
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from training.data import sprites
from training.encoder.train import Muon
from training.paths import work

from .nouns import CLASS, NOUNS

SIZE, BATCH, RATE = 64, 64, 1.5e-3
CANDIDATES = ('noto', 'twemoji', 'emojione', 'fx')  # families a kept-aside drawing comes from: each drew its things only once


class Block(nn.Module):
    def __init__(self, wide: int, out: int, stride: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(wide, out, 3, stride, 1), nn.Conv2d(out, out, 3, 1, 1)
        self.norm1, self.norm2 = nn.GroupNorm(8, out), nn.GroupNorm(8, out)
        self.short = nn.Conv2d(wide, out, 1, stride) if stride > 1 or wide != out else nn.Identity()

    def forward(self, x):
        return F.relu(self.short(x) + self.norm2(self.second(F.relu(self.norm1(self.first(x))))))


class Judge(nn.Module):
    """pixels [B, 3, 64, 64] in [-1, 1] to logits [B, nouns]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 48, 4, 4), nn.ReLU(), Block(48, 64, 1), Block(64, 128, 2), Block(128, 128, 1), Block(128, 256, 2))
        self.head = nn.Linear(512, len(NOUNS))

    def forward(self, pixels):
        x = self.layers(pixels)
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1).float())


def split() -> tuple[list[int], list[int], list[int], list[int]]:
    """Sprite indices of training, kept-aside and held-out-style drawings, and the noun of every sprite (-1 none)."""
    table = json.loads(work('data', 'sprites.json').read_text())
    kind = [CLASS.get(entry['name'], -1) for entry in table]
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
    """Drawings on white, turned, scaled, moved, mirrored; some lighter or darker, blurred, or soiled with noise."""
    n = len(rgba)
    uniform = lambda low, high: torch.from_numpy(random.uniform(low, high, n).astype(np.float32))
    angle, scale, mirror = uniform(-0.3, 0.3), uniform(0.75, 1.15), torch.from_numpy(np.where(random.rand(n) < 0.5, -1, 1).astype(np.float32))
    stretch = uniform(0.88, 1.14)
    theta = torch.stack([torch.stack([angle.cos() / scale * mirror * stretch, angle.sin() / scale, uniform(-0.15, 0.15)], -1),
                         torch.stack([-angle.sin() / scale * mirror, angle.cos() / scale, uniform(-0.15, 0.15)], -1)], 1)
    x = on_white(F.grid_sample(rgba, F.affine_grid(theta, list(rgba.shape), align_corners=False), align_corners=False))
    x = ((x + 1) * uniform(0.85, 1.1)[:, None, None, None] - 1).clamp(-1, 1)
    blurred = torch.from_numpy(random.rand(n) < 0.3)
    x[blurred] = F.interpolate(F.avg_pool2d(x[blurred], 2), SIZE, mode='bilinear')
    noisy = torch.from_numpy(random.rand(n) < 0.2)
    return torch.where(noisy[:, None, None, None], (x + 0.1 * torch.randn_like(x)).clamp(-1, 1), x)


@torch.inference_mode()
def verdicts(model: Judge, pixels: torch.Tensor) -> np.ndarray:
    """Class order, best first [n, nouns], of pictures in [-1, 1] of any square size; mirrored ones vote as well."""
    small = F.interpolate(pixels, SIZE, mode='area') if pixels.shape[-1] != SIZE else pixels
    logits = torch.cat([model(part).softmax(1) + model(part.flip(3)).softmax(1) for part in small.split(64)])
    return logits.argsort(1, descending=True).numpy()


def load() -> Judge:
    model = Judge()
    model.load_state_dict(torch.load(work('checkpoints', 'judge.pt')))
    return model.eval()


def main() -> None:
    seconds = float(sys.argv[1])
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', 2)))
    torch.manual_seed(99)
    training, aside, held, kind = split()
    pictures = np.load(work('data', 'sprites.npy'), mmap_mode='r')
    drawings, label = premultiplied(pictures[training]), torch.tensor([kind[i] for i in training])
    model = Judge().to(memory_format=torch.channels_last)
    print(f'{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(training)} drawings, {len(aside)} kept aside, {len(held)} of the held-out style', flush=True)
    if work('checkpoints', 'judge.pt').exists():  # goes on from where an earlier run ended
        model.load_state_dict(torch.load(work('checkpoints', 'judge.pt')))
    muon = Muon([p for p in model.parameters() if p.ndim > 1])
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.ndim == 1], RATE)
    random, start, step, mean = np.random.RandomState(int(time.time())), time.time(), 0, 0.0
    weight = 1 / np.bincount(label.numpy(), minlength=len(NOUNS)).clip(1)[label.numpy()] ** 0.5
    while (passed := time.time() - start) < seconds:
        for group in optimiser.param_groups:
            group['lr'] = RATE * min(1, (step + 1) / 100) * min(1, 1.6 * (1 - passed / seconds))
        rows = torch.from_numpy(random.choice(len(drawings), BATCH, p=weight / weight.sum()))
        x = varied(drawings[rows], random).contiguous(memory_format=torch.channels_last)
        with torch.autocast('cpu', torch.bfloat16):
            logits = model(x)
        loss = F.cross_entropy(logits.float(), label[rows], label_smoothing=0.1)
        model.zero_grad()
        loss.backward()
        optimiser.step()
        muon.step(optimiser.param_groups[0]['lr'])
        step += 1
        mean = float(loss.detach()) if step == 1 else 0.97 * mean + 0.03 * float(loss.detach())
        if step == 20 or step % 200 == 0:
            print(step, f'{step * BATCH / (time.time() - start):.0f} img/s, loss {mean:.3f}', flush=True)
    torch.save(model.state_dict(), work('checkpoints', 'judge.pt'))
    model.eval()
    for name, rows in (('kept aside', aside), ('held-out style', held)):
        order, right = verdicts(model, on_white(premultiplied(pictures[rows]))), np.array([kind[i] for i in rows])[:, None]
        print(f'{name}: {len(rows)} drawings, top-1 {(order[:, :1] == right).any(1).mean():.3f}, top-5 {(order[:, :5] == right).any(1).mean():.3f}')


if __name__ == '__main__':
    main()
