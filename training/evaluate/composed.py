"""Rows about pictures of coloured things and of two things: colour on the object and not the ground, both things on the right sides."""
import json
from pathlib import Path

import numpy as np
import torch

from training.data.colours import COLOURS, Painter
from training.image.latents import draw

from .bench import NOUN_LIST, Bench, article
from .product import pictures
from .regions import colour_name, colour_of, ground_of, halves, object_of, pixels
from .table import Row, share

#: Frozen: 54 colours of things and 40 pairs of things that no text of the first data held; `in the data by now` counts those that came in since.
HELD = json.loads((Path(__file__).parent / 'held-pairs.json').read_text())
PLACED = ('{a} on the left and {b} on the right', 'on the left {a}, on the right {b}', '{a} to the left of {b}', 'left: {a}, right: {b}')


def coloured(x: torch.Tensor, wanted: list[str], found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the thing has the colour and its ground has another, and whether it is the thing as well."""
    right = []
    for picture, colour in zip(x, wanted):
        rgb = pixels(picture)
        ground = colour_name(ground_of(rgb))
        right.append(colour_of(rgb, object_of(rgb)) == colour and (ground != colour or colour == 'white'))
    return np.array(right), np.array(right) & found


def colours(bench: Bench) -> list[Row]:
    chosen = [tuple(pair) for pair in HELD['colours']][::max(1, round(1 / bench.fraction))]
    texts = [article(f'{colour} {noun}') for colour, noun in chosen]
    made = bench.product.batch('colours', [{'prompt': text, 'to': ['image'], 'route': 'direct', 'seed': 2000 + i} for i, text in enumerate(texts)])
    wanted, right = [colour for colour, _ in chosen], [NOUN_LIST.index(noun) for _, noun in chosen]

    def figures(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        thing = bench.judged(x, right, shape=True)[1]
        return thing, *coloured(x, wanted, thing)

    thing, colour, both = figures(pictures(made))
    training, _, _, kind = bench.split
    painted = []
    for name, noun in zip(wanted, right):
        options = [i for i in training if kind[i] == noun]
        paintable = [i for i in options if Painter(np.array(bench.sprites[i])).paintable] or options
        painted.append(torch.from_numpy(draw(('paint', name, bench.sprites[paintable[0]]))).permute(2, 0, 1).float() / 127.5 - 1)
    real = torch.stack(painted)
    ceiling, autoencoded, found = figures(real), figures(bench.again(real)), figures(bench.nearest_by_caption(texts))
    each = {name: [hit for hit, c in zip(both, wanted) if c == name] for name in COLOURS}
    return [Row('colour on the object and not the ground, and the object (shape, top-5)', both.mean(), 0.60, len(chosen), beside={
        'colour right': share(colour.mean()), 'object found': share(thing.mean()), 'training drawings painted so': share(ceiling[2].mean()), 'the same autoencoded': share(autoencoded[2].mean()), 'nearest training picture by caption': share(found[2].mean()),
        'by colour': ', '.join(f'{name} {sum(hits)}/{len(hits)}' for name, hits in each.items() if hits), 'in the data by now': sum(bench.known(text) for text in texts)})]


def sides(bench: Bench) -> list[Row]:
    pairs = [tuple(pair) for pair in HELD['pairs']][:bench.count(40)]
    texts = [PLACED[i % len(PLACED)].format(a=article(a), b=article(b)) for i, (a, b) in enumerate(pairs)]
    made = bench.product.batch('sides', [{'prompt': text, 'to': ['image'], 'route': 'direct', 'seed': 3000 + i} for i, text in enumerate(texts)])
    right = [(NOUN_LIST.index(a), NOUN_LIST.index(b)) for a, b in pairs]

    def figures(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Both on their sides, and both on either side."""
        parts = [halves(picture) for picture in x]
        left, other = (torch.stack([part[k] for part in parts]) for k in (0, 1))
        a, b = [pair[0] for pair in right], [pair[1] for pair in right]
        placed = bench.judged(left, a)[1] & bench.judged(other, b)[1]
        return placed, placed | (bench.judged(left, b)[1] & bench.judged(other, a)[1])

    placed, both = figures(pictures(made))
    training, _, _, kind = bench.split
    dice = np.random.RandomState(5)
    of = {noun: [i for i in training if kind[i] == noun] for pair in right for noun in pair}
    scenes = torch.stack([torch.from_numpy(draw(('scene', None, bench.sprites[sorted({int(dice.choice(of[a])), int(dice.choice(of[b]))}, key=lambda i: kind[i] == b)]))).permute(2, 0, 1).float() / 127.5 - 1 for a, b in right])
    ceiling, autoencoded, found = figures(scenes), figures(bench.again(scenes)), figures(bench.nearest_by_caption(texts))
    return [Row('two objects, both found (top-5) and on the right sides', placed.mean(), 0.40, len(pairs), beside={
        'both found on either side': share(both.mean()), 'scenes of training drawings': share(ceiling[0].mean()), 'the same autoencoded': share(autoencoded[0].mean()), 'nearest training picture by caption': share(found[0].mean())})]
