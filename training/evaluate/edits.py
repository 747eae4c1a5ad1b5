"""Rows about edits of real drawings that no training edited: nine kinds, each right by computation or by the judge; and the rest of the picture kept.

Half of them are of the held-out family, which no training saw; half were kept aside from the judge, and seen plain only.
Beside stand copying the source (what doing nothing scores) and, where the wanted picture can be made from the source, that picture autoencoded.
"""
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F

from training.data.colours import COLOURS, Painter
from training.image.latents import BACKGROUNDS, over, scaled

from .bench import NOUN_LIST, Bench, article, psnr
from .nouns import NOUNS
from .product import picture, save_picture
from .regions import alike, colour_name, colour_of, cut_out, extent, ground_of, object_of, pixels
from .table import Row, share

#: Things that are added, put in the place of others, and what may stand beside: everyday and easy to tell apart.
EASY = ['star', 'heart', 'apple', 'car', 'house', 'tree', 'fish', 'balloon', 'ball', 'cat', 'flower', 'book']


@dataclass
class Edit:
    """An order about a source; `right(result, source)` decides (both [3,128,128]); `target` the wanted picture where it can be made;
    `kept` is True where pixels should stay."""

    kind: str
    order: str
    source: torch.Tensor
    right: Callable[[torch.Tensor, torch.Tensor], bool]
    target: torch.Tensor | None = None
    kept: np.ndarray | None = None


def tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 127.5 - 1


def difference(a: torch.Tensor, b: torch.Tensor, mask: np.ndarray | None = None) -> float:
    """Root mean square of 0..1 at half size; over a mask where given."""
    error = F.avg_pool2d((a - b)[None], 2)[0].square().mean(0) / 4
    if mask is None:
        return float(error.mean().sqrt())
    weight = F.avg_pool2d(torch.from_numpy(mask).float()[None, None], 2)[0, 0]
    return float(((error * weight).sum() / weight.sum().clamp(min=1)).sqrt())


class Maker:
    """Draws the sources: drawings kept aside and of the held-out family in turn."""

    def __init__(self, bench: Bench):
        self.bench, self.dice = bench, np.random.RandomState(23)
        _, aside, held, self.kind = bench.split
        everyday = [[i for i in rows if self.kind[i] < len(NOUNS)] for rows in (aside, held)]
        self.pools, self.turn = [self.dice.permutation(rows).tolist() for rows in everyday], 0

    def sprite(self, fits: Callable[[np.ndarray], bool] = lambda sprite: True) -> tuple[np.ndarray, int]:
        """The next drawing that fits, uint8 [128,128,4], and its noun."""
        self.turn += 1
        pool = self.pools[self.turn % 2]
        for place, index in enumerate(pool):
            sprite = np.array(self.bench.sprites[index])
            if fits(sprite):
                pool.append(pool.pop(place))
                return sprite, self.kind[index]
        raise LookupError('no drawing fits')

    def easy(self, but: int) -> tuple[np.ndarray, int]:
        """A training drawing of an easy thing that is not the given noun."""
        name = str(self.dice.choice([n for n in EASY if NOUN_LIST.index(n) != but]))
        noun = NOUN_LIST.index(name)
        return np.array(self.bench.sprites[next(i for i in self.bench.split[0] if self.kind[i] == noun)]), noun

    def found(self, x: torch.Tensor, noun: int, before: int | None = None) -> bool:
        """Whether the noun is among the judge's first five, and before another where given."""
        order = self.bench.judge.order(x[None])[0].tolist()
        return noun in order[:5] and (before is None or order.index(noun) < order.index(before))


def recolour(maker: Maker, k: int) -> Edit:
    sprite, noun = maker.sprite(lambda s: (p := Painter(s)).paintable and p.colour is not None)
    painter = Painter(sprite)
    colour = [c for c in COLOURS if c not in (painter.colour, 'white')][maker.dice.randint(9)]
    order = ('make it {c}', 'paint the {w} {c}', 'turn it {c}, please', 'I would like it in {c}')[k % 4].format(c=colour, w=NOUN_LIST[noun])
    drawn = object_of(pixels(tensor(over(sprite))))
    return Edit('recolour', order, tensor(over(sprite)), lambda x, s: colour_of(pixels(x), object_of(pixels(x))) == colour and alike(object_of(pixels(x)), drawn) > 0.75, tensor(over(painter.paint(colour))))


def transformed(kind: str, orders: list[tuple[str, Callable]]) -> Callable:
    """Turned or mirrored pictures: right where the result is nearest to the wanted one among all eight, and nearer to it than half of what it is to the source."""
    every = [lambda x, n=n, m=m: torch.rot90(x.flip(2) if m else x, n, (1, 2)) for n in range(4) for m in (False, True)]

    def make(maker: Maker, k: int) -> Edit:
        order, change = orders[k % len(orders)]
        lopsided = lambda s: min(difference(tensor(over(s)), tensor(over(s[:, ::-1]))), difference(tensor(over(s)), tensor(over(s[::-1])))) > 0.2
        sprite, _ = maker.sprite(lopsided)
        source = tensor(over(sprite))
        target = change(source)

        def right(x: torch.Tensor, s: torch.Tensor) -> bool:
            away = [difference(x, one(s)) for one in every]
            wanted = difference(x, change(s))
            return wanted <= min(away) + 1e-6 and wanted < 0.5 * difference(s, change(s))
        return Edit(kind, order, source, right, target)
    return make


flip = transformed('flip', [('flip it horizontally', lambda x: x.flip(2)), ('mirror the picture, please', lambda x: x.flip(2)), ('mirror it', lambda x: x.flip(2)), ('make it look the other way', lambda x: x.flip(2))])
rotate = transformed('rotate', [('rotate it 90 degrees to the left', lambda x: torch.rot90(x, 1, (1, 2))), ('turn it clockwise by 90 degrees', lambda x: torch.rot90(x, 3, (1, 2))), ('turn it upside down', lambda x: torch.rot90(x, 2, (1, 2)))])


def resize(maker: Maker, k: int) -> Edit:
    sprite, _ = maker.sprite()
    large, small = tensor(over(sprite)), tensor(over(scaled(sprite, 64, (64, 64))))
    source, target = (large, small) if k % 2 else (small, large)
    order = (('make it bigger', 'make it smaller'), ('enlarge it, please', 'it should be smaller'))[k // 2 % 2][k % 2]

    def side(x: torch.Tensor) -> float:
        box = extent(object_of(pixels(x)))
        return 0.0 if box is None else float(max(box[1] - box[0], box[3] - box[2]))

    def right(x: torch.Tensor, s: torch.Tensor) -> bool:
        ratio = side(x) / max(side(s), 1)
        return (ratio < 0.8 if k % 2 else ratio > 1.25) and difference(cut_out(x), cut_out(target)) < 0.22
    return Edit('resize', order, source, right, target)


def background(maker: Maker, k: int) -> Edit:
    sprite, _ = maker.sprite()
    colour = sorted(BACKGROUNDS)[maker.dice.randint(len(BACKGROUNDS))]
    order = ('put it on {ac} background', 'make the background {c}', 'change what is behind it to {c}')[k % 3].format(c=colour, ac=article(colour))
    inside = np.array(sprite[..., 3] > 200)
    source = tensor(over(sprite))
    return Edit('background', order, source, lambda x, s: colour_name(ground_of(pixels(x))) == colour and difference(x, s, inside) < 0.15, tensor(over(sprite, BACKGROUNDS[colour])), inside)


def beside(one: np.ndarray, other: np.ndarray | None, swapped: bool) -> torch.Tensor:
    """One thing at half size on the left, and the other on the right; sides swapped where wanted."""
    places = ((96, 64), (32, 64)) if swapped else ((32, 64), (96, 64))
    picture_ = over(scaled(one, 62, places[0]))
    return tensor(picture_ if other is None else np.minimum(picture_, over(scaled(other, 62, places[1]))))


def half(right: bool) -> np.ndarray:
    mask = np.zeros((128, 128), bool)
    mask[:, 64:] = right
    mask[:, :64] = not right
    return mask


def add(maker: Maker, k: int) -> Edit:
    (one, noun), swapped = maker.sprite(), bool(k % 2)
    other, wanted = maker.easy(noun)
    side, fresh = ('left' if swapped else 'right'), half(not swapped)
    order = ('add {a} on the {s}', 'put {a} next to it, on the {s}', 'add {a} to the {s} of it')[k % 3].format(a=article(NOUN_LIST[wanted]), s=side)
    right = lambda x, s: maker.found(cut_out(x, object_of(pixels(x)) & fresh), wanted) and difference(x, s, ~fresh) < 0.15
    return Edit('add', order, beside(one, None, swapped), right, beside(one, other, swapped), ~fresh)


def remove(maker: Maker, k: int) -> Edit:
    (one, noun), swapped = maker.sprite(), bool(k % 2)
    other, gone = maker.easy(noun)
    order = ('remove the {w}', 'take the {w} away', 'erase the {w}, please')[k % 3].format(w=NOUN_LIST[gone])
    empty = half(not swapped)

    def right(x: torch.Tensor, s: torch.Tensor) -> bool:
        left_over, was = (object_of(pixels(v)) & empty for v in (x, s))
        return left_over.sum() < 0.15 * was.sum() and difference(x, s, ~empty) < 0.15
    return Edit('remove', order, beside(one, other, swapped), right, beside(one, None, swapped), ~empty)


def replace(maker: Maker, k: int) -> Edit:
    one, noun = maker.sprite()
    other, wanted = maker.easy(noun)
    order = ('replace the {w} with {b}', 'turn the {w} into {b}', 'change it into {b}')[k % 3].format(w=NOUN_LIST[noun], b=article(NOUN_LIST[wanted]))
    return Edit('replace', order, tensor(over(one)), lambda x, s: difference(x, s) > 0.1 and maker.found(x, wanted, noun), tensor(over(other)))


def flatness(x: torch.Tensor) -> float:
    """Share of the thing's pixels whose neighbours have the same colour: near one for flat drawings, low for shaded ones."""
    rgb = pixels(x).astype(np.float32)
    drawn = object_of(pixels(x))
    change = np.maximum(np.abs(np.diff(rgb, axis=0, append=rgb[-1:])).max(-1), np.abs(np.diff(rgb, axis=1, append=rgb[:, -1:])).max(-1))
    return float((change < 2)[drawn].mean()) if drawn.any() else 1.0


def style(maker: Maker, k: int) -> Edit:
    """To black and white (computed), to flat and to three dimensions (by how many pixels are shaded); the shape stays."""
    source, _ = maker.sprite(lambda s: Painter(s).colour not in ('grey', 'black', 'white', None))
    x, drawn = tensor(over(source)), object_of(pixels(tensor(over(source))))
    grey = np.repeat(over(source).astype(np.float32).dot([0.299, 0.587, 0.114])[..., None], 3, -1).round().astype(np.uint8)
    shape = lambda y: alike(object_of(pixels(y)), drawn) > 0.6
    pale = lambda y: float((y.amax(0) - y.amin(0))[torch.from_numpy(drawn)].mean()) / 2
    before = flatness(maker.bench.again(x[None])[0])
    if k % 2 == 0:
        return Edit('style', ('make it black and white', 'take the colours out', 'as a greyscale picture')[k // 2 % 3], x, lambda y, s: pale(y) < 0.06 and shape(y), tensor(grey))
    flat = k % 4 == 1
    return Edit('style', 'in flat style' if flat else 'make it 3D', x, lambda y, s: shape(y) and (flatness(y) > before + 0.08 if flat else flatness(y) < before - 0.08))


KINDS = (recolour, flip, rotate, resize, background, add, remove, replace, style)


def rows(bench: Bench) -> list[Row]:
    maker, count = Maker(bench), bench.count(12)
    edits = [make(maker, k) for make in KINDS for k in range(count)]
    folder = bench.product.folder / 'edits-sources'
    jobs = [{'prompt': e.order, 'image': str(save_picture(e.source, folder / f'{i:03}.png')), 'to': ['image'], 'route': 'direct', 'seed': 4000 + i} for i, e in enumerate(edits)]
    made = [picture(entry.first('image')) for entry in bench.product.batch('edits', jobs)]
    again = bench.again(torch.stack([e.source for e in edits]))
    targets = [i for i, e in enumerate(edits) if e.target is not None]
    wanted = dict(zip(targets, bench.again(torch.stack([edits[i].target for i in targets]))))
    hits, copies = [e.right(x, e.source) for e, x in zip(edits, made)], [e.right(x, e.source) for e, x in zip(edits, again)]
    ceilings = {i: edits[i].right(wanted[i], edits[i].source) for i in targets}
    kinds = list(dict.fromkeys(e.kind for e in edits))
    of = lambda values: {kind: float(np.mean([v for e, v in zip(edits, values) if e.kind == kind])) for kind in kinds}
    each, copied = of(hits), of(copies)
    best = {kind: float(np.mean([hit for i, hit in ceilings.items() if edits[i].kind == kind] or [np.nan])) for kind in kinds}
    shown = lambda values: ', '.join(f'{kind} {100 * value:.0f}' for kind, value in values.items())
    lost = {}
    for kind in ('add', 'remove', 'background'):
        chosen = [i for i, e in enumerate(edits) if e.kind == kind]
        mask = torch.from_numpy(np.stack([edits[i].kept for i in chosen])).float()
        source, result, plain = (torch.stack([v[i] for i in chosen]) for v in ([e.source for e in edits], made, again))
        lost[kind] = (psnr(source, plain, mask) - psnr(source, result, mask)).mean().item(), psnr(source, plain, mask).mean().item()
    worst = min(each, key=each.get)
    return [Row('edits right, mean of nine kinds', float(np.mean(list(each.values()))), 0.75, len(edits), beside={'each': shown(each), 'source copied': shown(copied), 'wanted picture autoencoded': shown(best)}),
            Row('edits right, weakest kind', each[worst], 0.55, count, beside={'kind': worst, 'kinds at 55 % and more': sum(v >= 0.55 for v in each.values())}),
            Row('rest of the picture kept in local edits, below the autoencoder', float(np.mean([v for v, _ in lost.values()])), 3, 3 * count, 'dB', True,
                {**{kind: ('dB', value) for kind, (value, _) in lost.items()}, 'autoencoder on the same pixels': ('dB', float(np.mean([v for _, v in lost.values()]))), 'with a mask': 'pixels outside are the source\'s own'})]
