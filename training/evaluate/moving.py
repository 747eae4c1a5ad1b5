"""Rows about videos: the thing and its motion recognised, directions, flicker of the ground; real clips of drawings kept apart beside.

Kinds of motion are judged by `motions.py`, things by the judge of pictures on the thing cut out of a few frames.
"""
import io

import numpy as np
import torch
from PIL import Image

from training.data.motions import DIRECTIONS

from .bench import NOUN_LIST, Bench, article
from .motions import GROUP, Judge, curves, flicker, heading
from .product import frames
from .regions import cut_out
from .table import Row, share

#: (kind, words of the motion, things); everyday things, half of the pairs strange to the data of clips. Frozen.
MOTIONS = [
    ('bounce', 'bouncing', 'ball apple frog'), ('beat', 'beating', 'heart star balloon'), ('flash', 'flashing', 'sun star house'), ('spin', 'spinning', 'star flower cookie'), ('grow', 'growing', 'tree balloon mushroom'),
    ('shrink', 'getting smaller', 'house fish apple'), ('shake', 'shaking', 'bell tree cat'), ('swing', 'swinging', 'bell banana key'), ('fall', 'falling down', 'leaf apple snowflake'), ('jump', 'jumping', 'cat frog rabbit'),
    ('roll', 'rolling to the right', 'ball donut orange'), ('wobble', 'wobbling', 'penguin cake bottle'), ('float', 'floating in the air', 'balloon ghost cloud'), ('fade', 'fading away', 'ghost moon car'), ('move', 'moving to the left', 'car fish boat'),
]
WAYS = {'right': ('to the right', 'from left to right'), 'left': ('to the left', 'from right to left'), 'up': ('upwards', 'to the top'), 'down': ('downwards', 'to the bottom')}
GOERS = ('car', 'fish', 'bird', 'boat', 'ball', 'butterfly')


def made(bench: Bench, name: str, prompts: list[str], seed: int) -> list[torch.Tensor]:
    jobs = [{'prompt': text, 'to': ['video'], 'route': 'direct', 'seed': seed + i, 'options': {'video': {'format': 'webp'}}} for i, text in enumerate(prompts)]
    return [frames(entry.first('video')) for entry in bench.product.batch(name, jobs)]


def thing_found(bench: Bench, clip: torch.Tensor, noun: int) -> bool:
    """Among the first five by the mean of frames 0, 4, 8 and 12 in which there is something."""
    shown = torch.stack([cut_out(2 * clip[f] - 1) for f in (0, 4, 8, 12)])
    shown = shown[(shown < 0.99).flatten(1).any(1)]
    return len(shown) > 0 and noun in bench.judge.scores(shown).mean(0).argsort(descending=True)[:5].tolist()


def headed(clip: torch.Tensor, direction: str) -> bool:
    way, want = heading(curves(clip)), np.array(DIRECTIONS[direction], float)
    length = np.linalg.norm(way)
    return bool(length > 0.15 and way @ want / (length * np.linalg.norm(want) + 1e-6) > 0.8)


def as_file(clip: torch.Tensor) -> torch.Tensor:
    """A real clip through the file format that the product's clips come in."""
    pictures = [Image.fromarray((f * 255).round().byte().permute(1, 2, 0).numpy()) for f in clip.clamp(0, 1)]
    file = io.BytesIO()
    pictures[0].save(file, 'WEBP', save_all=True, append_images=pictures[1:], duration=125, quality=90)
    return frames(file)


def real(bench: Bench, kinds: list[str], plain: bool = False) -> list[tuple[torch.Tensor, torch.Tensor, dict, int]]:
    """Rendered clips whose numbers no training uses: frames, frames through autoencoder and file (the same where `plain`), row, noun (-1 for none)."""
    from training.video.clips import Sprites, clip
    from .nouns import JUDGED_CLASS

    sprites, out = Sprites(), []
    for i, kind in enumerate(kinds):
        whole, _, row = clip(300_000 + i, sprites, kind)
        again = whole if plain else as_file((bench.again(2 * whole - 1) + 1) / 2)
        out.append((whole, again, row, JUDGED_CLASS.get(row['slug'], -1)))
    return out


def rows(bench: Bench) -> list[Row]:
    judge = Judge()
    asked = [(kind, words, thing) for kind, words, things in MOTIONS for thing in things.split()]
    asked = asked[::max(1, round(1 / bench.fraction))]
    clips = made(bench, 'animations', [f'{article(thing)} {words}' for _, words, thing in asked], 5000)
    kind_right = np.array([judge(curves(clip)) == GROUP[kind] for clip, (kind, _, _) in zip(clips, asked)])
    thing_right = np.array([thing_found(bench, clip, NOUN_LIST.index(thing)) for clip, (_, _, thing) in zip(clips, asked)])
    both = kind_right & thing_right
    true = real(bench, [kind for kind, _, _ in asked])
    ceiling_kind = [judge(curves(again)) == GROUP[row['kind']] for _, again, row, _ in true]
    known = [(again, noun) for _, again, _, noun in true if noun >= 0]
    ceiling_thing = [thing_found(bench, again, noun) for again, noun in known]
    ceiling_both = [kind and thing_found(bench, again, noun) for kind, (_, again, _, noun) in zip(ceiling_kind, true) if noun >= 0]
    ways = [(way, thing, WAYS[way][i % 2]) for way in WAYS for i, thing in enumerate(GOERS)][::max(1, round(1 / bench.fraction))]
    going = made(bench, 'directions', [f'{article(thing)} moving {words}' for _, thing, words in ways], 5500)
    right = [headed(clip, way) for clip, (way, _, _) in zip(going, ways)]
    moved = [(again, row['direction']) for _, again, row, _ in real(bench, ['move'] * bench.count(12)) if row['direction'] in WAYS]
    own, others = np.nanmean([flicker(clip) for clip in clips + going]), np.nanmean([flicker(again) for _, again, _, _ in true])
    wrong = ', '.join(f'{thing} {words}' for hit, (_, words, thing) in zip(kind_right, asked) if not hit)
    per_way = {way: [hit for hit, (w, _, _) in zip(right, ways) if w == way] for way in WAYS}
    return [
        Row('animations recognised: kind of motion and thing (top-5)', both.mean(), 0.65, len(asked), beside={
            'motion': share(kind_right.mean()), 'thing': share(thing_right.mean()), 'real clips autoencoded: both': share(np.mean(ceiling_both)), 'their motion': share(np.mean(ceiling_kind)), 'their thing': share(np.mean(ceiling_thing)), 'wrong motions': wrong}),
        Row('direction of motion right', float(np.mean(right)), 0.85, len(ways), beside={
            **{way: f'{sum(hits)}/{len(hits)}' for way, hits in per_way.items()}, 'real clips autoencoded': f'{sum(headed(clip, way) for clip, way in moved)}/{len(moved)}'}),
        Row('flicker of the ground against real clips autoencoded', float(own / others), 1.5, len(clips) + len(going), 'x', True, {'grey levels': ('', float(own)), 'of real clips': ('', float(others))}),
    ]
