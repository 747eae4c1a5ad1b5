"""Words about motions and the book of motions: python -m training.video.fresh prepare [--captions 100000].

Writes data/clips/fresh-tokens.npy with fresh.json (captions, their kinds and directions), of all nouns, kinds and ways. Leaves out what the evaluation asks for. Knows no pixels and
no model but the sentence encoder.
"""
import argparse
import json

import numpy as np
import torch

from training.data import nouns
from training.data.colours import COLOURS
from training.data.motion_captions import ANIMATED, describe
from training.data.motions import DIRECTIONS, Motion, draw_motion, move
from training.image.latents import encode_texts
from training.paths import work
from training.video.mover import WRAP

#: Kinds as people ask for them; "any" is a caption that names no motion.
ASKED = {"move": 30, "bounce": 8, "knock": 4, "beat": 5, "flash": 6, "spin": 9, "grow": 5, "shrink": 5, "shake": 6, "swing": 8, "fade": 5, "fall": 5, "jump": 6, "roll": 6, "wobble": 8, "blink": 2, "float": 6, "dance": 4, "still": 2, "any": 4}
#: What a caption that names no motion may turn out to be.
LIVELY = ["bounce", "jump", "wobble", "move", "dance", "spin", "swing"]
#: More ways to say where to: the four that are asked for most are named apart from their order of words too.
WAYS = {
    "right": ["to the right", "from left to right", "from the left to the right", "right", "rightwards", "towards the right", "across the picture to the right", "to the right side"],
    "left": ["to the left", "from right to left", "from the right to the left", "left", "leftwards", "towards the left", "across the picture to the left", "to the left side"],
    "up": ["up", "upwards", "upward", "to the top", "from bottom to top", "towards the top"], "down": ["down", "downwards", "downward", "to the bottom", "from top to bottom", "towards the bottom"],
}
GOING = [("move", "moves", "moving")] * 5 + [("go", "goes", "going"), ("slide", "slides", "sliding"), ("travel", "travels", "travelling"), ("drift", "drifts", "drifting"), ("fly", "flies", "flying"), ("walk", "walks", "walking"),
         ("run", "runs", "running"), ("drive", "drives", "driving"), ("swim", "swims", "swimming"), ("float", "floats", "floating")]
FRAME = ["{a} {g} {w}"] * 6 + ["{a} {p} {w}"] * 2 + ["{a} that {p} {w}", "{a} is {g} {w}", "a video of {a} {g} {w}", "an animation of {a} {g} {w}", "make a video of {a} {g} {w}", "show me {a} {g} {w}", "let {a} {b} {w}", "the {n} {p} {w}"]


def reserved() -> tuple[set[tuple[str, str]], set[str]]:
    """Pairs of a thing and a kind, and captions, that the evaluation asks for."""
    from training.evaluate.moving import GOERS, MOTIONS
    from training.evaluate.moving import WAYS as asked

    return {(thing, kind) for kind, _, things in MOTIONS for thing in things.split()}, {f"{nouns.article(thing)} moving {way}" for thing in GOERS for ways in asked.values() for way in ways}


def caption(dice, kind: str, slug: str, word: str, colour: str | None) -> tuple[str, str, str]:
    """One caption with the kind and the direction that it asks for."""
    thing = f"{colour} {word}" if colour else word
    if kind == "any":
        return ANIMATED[dice.integers(len(ANIMATED))].format(a=nouns.article(thing), w=thing), LIVELY[dice.integers(len(LIVELY))], ""
    direction = ""
    if kind == "move":
        direction = str(dice.choice(list(DIRECTIONS), p=[0.3, 0.3, 0.15, 0.15, 0.025, 0.025, 0.025, 0.025]))
    elif kind in ("roll", "knock"):
        direction = str(dice.choice(["left", "right"]))
    elif kind == "spin":
        direction = str(dice.choice(["clockwise", "counterclockwise"]))
    elif kind == "fade":
        direction = "in" if dice.random() < 0.25 else "out"
    if kind == "move" and direction in WAYS and dice.random() < 0.6:
        base, third, gerund = GOING[dice.integers(len(GOING))]
        way = WAYS[direction][dice.integers(2) if dice.random() < 0.5 else dice.integers(len(WAYS[direction]))]
        return FRAME[dice.integers(len(FRAME))].format(a=nouns.article(thing), n=thing, b=base, p=third, g=gerund, w=way), kind, direction
    texts = describe(dice, kind, direction, slug, word, colour)
    return texts[0 if dice.random() < 0.25 else 1 + dice.integers(len(texts) - 1)], kind, direction


def motions() -> list[tuple[str, str]]:
    """The motions of the book: kinds, and where it is told in words the direction."""
    two = {"move": list(DIRECTIONS), "roll": ["left", "right"], "spin": ["clockwise", "counterclockwise"], "fade": ["in", "out"]}
    return [(kind, direction) for kind in ASKED if kind != "any" for direction in two.get(kind, [""])]


def book(each: int = 24, floor: float = 0.12) -> np.ndarray:
    """Curves float32 [motions, each, 16, 7] in their own units: `each` of every motion, as the data's clips move."""
    dice, out = np.random.default_rng(17), []
    for kind, direction in motions():
        some = []
        while len(some) < each:
            motion = move(dice, direction) if kind == "move" else draw_motion(dice, kind, floor)
            if direction in ("", motion.direction):
                some.append(curves_of(motion.settle()))
        out.append(some)
    return np.array(out, np.float32)


def curves_of(motion: Motion) -> np.ndarray:
    """What the planner draws of a motion: the drawing's centre, log width and height, turn, 1 - opacity, light."""
    cosine, sine = np.cos(motion.angle), np.sin(motion.angle)
    px, py = motion.pivot
    x = px + motion.x - (cosine * motion.wide * px - sine * motion.high * py)
    y = py + motion.y - (sine * motion.wide * px + cosine * motion.high * py)
    return np.stack([x, y, np.log(motion.wide), np.log(motion.high), motion.angle, 1 - motion.opacity, motion.light], 1).astype(np.float32)


def motion_of(curves: np.ndarray) -> Motion:
    """The other way, for rendering: curves [16,7] in their own units."""
    x, y, wide, high, turn, faded, light = curves.astype(np.float64).T
    return Motion("planned", x=x.copy(), y=y.copy(), wide=np.exp(wide), high=np.exp(high), angle=turn.copy(), opacity=(1 - faded).clip(0, 1), light=light.clip(0, 1), wrap=WRAP)


class Fresh:
    """Draws (tokens [B,16,384], which motions of the book are asked for [B,motions], summing to one)."""

    def __init__(self, seed: int):
        self.tokens = np.load(work("data", "clips", "fresh-tokens.npy"), mmap_mode="r")
        known, rows = motions(), json.loads(work("data", "clips", "fresh.json").read_text())
        self.right = torch.zeros(len(rows), len(known))
        self.lively = [n for n, (kind, direction) in enumerate(known) if kind in LIVELY and (kind != "move" or direction in ("left", "right"))]
        for at, (_, kind, direction, _) in enumerate(rows):
            fits = [n for n, motion in enumerate(known) if motion == (kind, direction if kind != "knock" else "")]
            # What names no motion was given a lively kind without a direction.
            self.right[at, fits or self.lively] = 1 / len(fits or self.lively)
        self.even = torch.zeros(len(known)).index_fill(0, torch.tensor(self.lively), 1 / len(self.lively))
        self.random = np.random.default_rng(seed)

    def batch(self, size: int):
        chosen = np.sort(self.random.integers(len(self.right), size=size))
        return torch.from_numpy(self.tokens[chosen].astype(np.float32)), self.right[torch.from_numpy(chosen)]


def prepare(count: int) -> None:
    from training.video.clips import HELD_OUT, Sprites

    source, dice = Sprites(), np.random.default_rng(31)
    members = [i for i in source.kept if source.table[i]["name"] not in HELD_OUT]
    named: dict[str, list[int]] = {}
    for at, i in enumerate(members):
        named.setdefault(source.table[i]["name"], []).append(at)
    slugs, pairs, texts = sorted(named), *reserved()
    kinds, shares = list(ASKED), np.array(list(ASKED.values()), float)
    often = np.array([2.0 if slug in nouns.EVERYDAY else 1.0 for slug in slugs])
    rows, seen = [], set()
    while len(rows) < count:
        slug, kind = slugs[dice.choice(len(slugs), p=often / often.sum())], str(dice.choice(kinds, p=shares / shares.sum()))
        at = int(dice.choice(named[slug]))
        words = nouns.words(slug, source.table[members[at]]["label"])
        word = words[dice.integers(len(words))]
        colour = str(dice.choice(list(COLOURS))) if dice.random() < 0.25 and not any(c in word.split() for c in COLOURS) else None
        if any((part, kind) in pairs for part in word.split()):
            continue
        text, kind, direction = caption(dice, kind, slug, word, colour)
        if text not in texts and text not in seen:
            seen.add(text)
            rows.append((text, kind, direction, at))
    print("\n".join(f"{t} | {k} {d}" for t, k, d, _ in rows[:40]), flush=True)
    work("data", "clips", "fresh.json").write_text(json.dumps(rows))
    np.save(work("data", "clips", "fresh-tokens.npy"), encode_texts([row[0] for row in rows]))


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("stage", choices=["prepare"])
    arguments.add_argument("--captions", type=int, default=100_000)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    prepare(options.captions)


if __name__ == "__main__":
    main()
