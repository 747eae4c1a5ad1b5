"""Training pictures of the image encoder: sprites, recoloured ones, and batches of them placed on backgrounds. Knows no words' vectors.

A batch is made in a few tensor operations; labels are indices into phrases.COLOUR and so on, -1 where nothing is said.
"""
import json
from multiprocessing import get_context

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from training.data import nouns, sprites
from training.data.colours import COLOURS, Painter
from training.image.latents import BACKGROUNDS
from training.paths import work

from .phrases import COLOUR, STYLE
from .preprocess import SIZE

PAINTED = 5  # recoloured pictures of a paintable sprite
GROUND = torch.tensor([BACKGROUNDS.get(c, (255, 255, 255)) for c in COLOUR], dtype=torch.float32) / 127.5 - 1


def small(sprite: np.ndarray) -> np.ndarray:
    """128 to 96 pixels with premultiplied alpha; returns premultiplied uint8 [96, 96, 4]."""
    data = sprite.astype(np.float32)
    data[..., :3] *= data[..., 3:] / 255
    return np.stack([np.asarray(Image.fromarray(np.ascontiguousarray(data[..., c])).resize((SIZE, SIZE), Image.LANCZOS)) for c in range(4)], -1).round().clip(0, 255).astype(np.uint8)


def variants(job: tuple[int, np.ndarray]) -> tuple[np.ndarray, int, list[tuple[int, np.ndarray]]]:
    """One sprite: itself, its colour (-1 unknown), and recoloured versions with theirs."""
    seed, sprite = job
    painter = Painter(sprite)
    own = COLOUR.index(painter.colour) if painter.colour else -1
    painted = []
    if painter.paintable:
        chosen = np.random.RandomState(seed).permutation([c for c in range(len(COLOUR)) if c != own])[:PAINTED]
        painted = [(int(c), small(painter.paint(COLOUR[c]))) for c in chosen]
    return small(sprite), own, painted


def build_bank() -> None:
    """Writes encoder/bank.npy (premultiplied RGBA uint8 [n, 96, 96, 4]) and bank.json (sprite, name, family, colour, painted)."""
    pictures, table = np.load(work('data', 'sprites.npy'), mmap_mode='r'), json.loads(work('data', 'sprites.json').read_text())
    bank, rows = [], []
    with get_context('fork').Pool(2) as pool:
        for i, (base, own, painted) in enumerate(pool.imap(variants, ((i, np.array(p)) for i, p in enumerate(pictures)), chunksize=32)):
            for colour, picture, flag in [(own, base, False), *((c, p, True) for c, p in painted)]:
                bank.append(picture)
                rows.append({'sprite': i, 'name': table[i]['name'], 'family': table[i]['family'], 'colour': colour, 'painted': flag})
    np.save(work('encoder', 'bank.npy'), np.stack(bank))
    work('encoder', 'bank.json').write_text(json.dumps({'names': sorted({t['name'] for t in table}), 'labels': {t['name']: t['label'] for t in table}, 'rows': rows}))
    print(f'{len(bank)} pictures of {len(pictures)} sprites')


class Bank:
    """The pictures with their labels as arrays; `names` lists (slug, words) in the order of the concept index."""

    def __init__(self):
        described = json.loads(work('encoder', 'bank.json').read_text())
        self.names = [(name, nouns.words(name, described['labels'][name])) for name in described['names']]
        place = {name: i for i, (name, _) in enumerate(self.names)}
        rows = described['rows']
        self.pixels = torch.from_numpy(np.load(work('encoder', 'bank.npy'), mmap_mode='c'))
        self.concept = torch.tensor([place[r['name']] for r in rows])
        self.colour = torch.tensor([r['colour'] for r in rows])
        self.style = torch.tensor([STYLE.index(s) if (s := sprites.STYLES[r['family']]) in STYLE else -1 for r in rows])
        self.painted = torch.tensor([r['painted'] for r in rows])
        self.held_out = torch.tensor([r['family'] == sprites.HELD_OUT for r in rows])
        self.family = [r['family'] for r in rows]


def place(pictures: torch.Tensor, scale: torch.Tensor, x: torch.Tensor, y: torch.Tensor, angle: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
    """Premultiplied RGBA float [B, 4, 96, 96] drawn at `scale` of their size around (x, y) in -1..1, turned by `angle`, mirrored."""
    cos, sin, mirror = angle.cos() / scale, angle.sin() / scale, 1 - 2 * flip.float()
    theta = torch.stack([torch.stack([cos * mirror, sin * mirror, -(cos * x + sin * y) * mirror], -1), torch.stack([-sin, cos, sin * x - cos * y], -1)], 1)
    out = torch.zeros_like(pictures)
    tiny = scale < 0.6
    for chosen, level in ((~tiny, pictures), (tiny, F.avg_pool2d(pictures, 2))):
        if chosen.any():
            grid = F.affine_grid(theta[chosen], [int(chosen.sum()), 4, SIZE, SIZE], align_corners=False)
            out[chosen] = F.grid_sample(level[chosen], grid, mode='bilinear', align_corners=False)
    return out


class Batches:
    """Draws batches: pixels [B, 3, 96, 96] in [-1, 1] and labels. Choices depend on the generator alone."""

    def __init__(self, bank: Bank, pair_names: np.ndarray, seed: int):
        self.bank, self.random, self.pair_names = bank, np.random.RandomState(seed), pair_names
        training = ~bank.held_out
        everyday = torch.tensor([name in nouns.EVERYDAY for name, _ in bank.names])
        count = torch.bincount(bank.concept[training], minlength=len(bank.names)).clamp(min=1)
        weight = training.float() * torch.where(everyday, 2.5, 1.0)[bank.concept] / count[bank.concept].float() ** 0.6
        # A painted picture is a cheap copy: all copies of one sprite together weigh as much as the sprite.
        weight = weight * torch.where(bank.painted, 1.0 / PAINTED, 1.0)
        self.cumulative = np.cumsum(weight.double().numpy() / weight.double().sum().item())
        self.of_name = {}
        for i in np.flatnonzero(training.numpy()):
            self.of_name.setdefault(int(bank.concept[i]), []).append(int(i))

    def draw(self, size: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        random, bank = self.random, self.bank
        uniform = lambda low, high, n=size: torch.from_numpy(random.uniform(low, high, n).astype(np.float32))
        first = np.searchsorted(self.cumulative, random.rand(size)).clip(max=len(self.cumulative) - 1)
        kind = random.rand(size)
        pair, count = kind < 0.12, np.where(kind < 0.12, 1, np.where(kind < 0.20, 2, np.where(kind < 0.26, 3, 1)))
        moved = (kind >= 0.26) & (kind < 0.42)
        pair_index = random.randint(0, len(self.pair_names), size)
        second = first.copy()
        for i in np.flatnonzero(pair):
            a, b = self.pair_names[pair_index[i]]
            if int(a) in self.of_name and int(b) in self.of_name:
                first[i], second[i] = random.choice(self.of_name[int(a)]), random.choice(self.of_name[int(b)])
            else:
                pair[i] = False
        first_t, second_t = torch.from_numpy(first), torch.from_numpy(second)
        pixels = bank.pixels[first_t].permute(0, 3, 1, 2).float() / 255
        pair_t, count_t, moved_t = torch.from_numpy(pair), torch.from_numpy(count), torch.from_numpy(moved)
        several = pair_t | (count_t > 1)
        # Single pictures fill the frame or nearly; moved ones are small and off the centre; groups stand side by side.
        scale = torch.where(several, uniform(0.42, 0.54), torch.where(moved_t, uniform(0.35, 0.6), uniform(0.7, 1.12)))
        scale = torch.where(count_t == 3, scale * 0.72, scale)
        side = torch.from_numpy(random.randint(0, 5, size))
        side = torch.where(moved_t, side, torch.zeros_like(side))
        room = (1 - scale * 0.88).clamp(min=0)
        jitter = torch.where(several | moved_t, 0.06, 0.08)
        x, y = uniform(-1, 1) * jitter, uniform(-1, 1) * jitter
        x = x + torch.tensor([0.0, -1, 1, 0, 0])[side] * room * 0.85
        y = y + torch.tensor([0.0, 0, 0, -1, 1])[side] * room * 0.85
        angle, flip = uniform(-0.2, 0.2), torch.from_numpy(random.rand(size) < 0.5)
        spread = torch.where(count_t == 3, 0.62, 0.5)
        x = torch.where(several, x * 0.5 - spread, x)
        canvas = place(pixels, scale, x, y, angle, flip)
        for k in (1, 2):  # the second and third of a group, the second of a pair
            members = torch.from_numpy(np.flatnonzero((count > k) | (pair & (k == 1))))
            if len(members):
                other = bank.pixels[second_t[members]].permute(0, 3, 1, 2).float() / 255
                step = torch.where(count_t[members] == 3, 0.62, 1.0) * k
                layer = place(other, scale[members] * uniform(0.92, 1.08, len(members)), x[members] + step, y[members] + uniform(-0.1, 0.1, len(members)), angle[members], flip[members])
                canvas[members] = layer + canvas[members] * (1 - layer[:, 3:])
        ground = torch.from_numpy(np.where(random.rand(size) < 0.68, COLOUR.index('white'), random.randint(0, len(COLOUR), size)))
        colour = torch.where(ground[:, None] == COLOUR.index('white'), torch.ones(size, 3), (GROUND[ground] + uniform(-0.12, 0.12, (size, 3))).clamp(-1, 1))
        back = colour[:, :, None, None].expand(-1, -1, SIZE, SIZE)
        busy = torch.from_numpy((random.rand(size) < 0.06))
        if busy.any():  # a smooth random picture: nothing is said about it
            n = int(busy.sum())
            back = back.clone()
            back[busy] = F.interpolate(torch.from_numpy(random.uniform(-1, 1, (n, 3, 3, 3)).astype(np.float32)), SIZE, mode='bilinear')
        out = (canvas[:, :3] * 2 - canvas[:, 3:]) + back * (1 - canvas[:, 3:])
        label = {'concept': bank.concept[first_t], 'second': bank.concept[second_t], 'colour': bank.colour[first_t], 'painted': bank.painted[first_t],
                 'ground': torch.where(busy, -1, ground), 'count': torch.where(pair_t, -1, count_t - 1), 'side': torch.where(several, -1, side),
                 'style': bank.style[first_t], 'pair': torch.where(pair_t, torch.from_numpy(pair_index), -1)}
        return worn(out, random), label


def worn(pixels: torch.Tensor, random: np.random.RandomState) -> torch.Tensor:
    """Changes that keep every label: outlines, brightness, blur, noise, erased patches; each on some of the pictures."""
    size = len(pixels)
    some = lambda share: torch.from_numpy(np.flatnonzero(random.rand(size) < share))
    rows = some(0.15)
    if len(rows):  # dark lines at edges, as in outlined drawings
        grey = pixels[rows].mean(1, keepdim=True)
        edge = (F.max_pool2d(grey, 3, 1, 1) + F.max_pool2d(-grey, 3, 1, 1)).clamp(0, 1) * float(random.uniform(0.6, 1.6))
        pixels[rows] = (pixels[rows] + 1) * (1 - edge.clamp(0, 1)) - 1
    rows = some(0.3)
    if len(rows):
        gain = torch.from_numpy(random.uniform(0.85, 1.12, (len(rows), 1, 1, 1)).astype(np.float32))
        pixels[rows] = ((pixels[rows] + 1) * gain - 1).clamp(-1, 1)
    rows = some(0.25)
    if len(rows):
        factor = int(random.choice([2, 3]))
        low = F.avg_pool2d(pixels[rows], factor)
        pixels[rows] = F.interpolate(low, SIZE, mode='bilinear')
    rows = some(0.2)
    if len(rows):
        strength = random.uniform(0.05, 0.25)
        coarse = F.interpolate(torch.from_numpy(random.randn(len(rows), 3, 24, 24).astype(np.float32)), SIZE, mode='bilinear')
        pixels[rows] = (pixels[rows] + strength * coarse).clamp(-1, 1)
    rows = some(0.15)
    for i in rows.tolist():
        y, x = random.randint(0, SIZE - 24, 2)
        pixels[i, :, y:y + random.randint(8, 24), x:x + random.randint(8, 24)] = 1.0
    return pixels


if __name__ == '__main__':
    build_bank()
