"""Scenes of two things and edits of them, composed anew every time: latents of things at half size, left of one beside right of another.

The halves of a picture meet in white, where latents of both are those of an empty picture, so that they can be put together without the autoencoder.
"""
import json
from pathlib import Path

import numpy as np

from training.data import captions
from training.data.nouns import article
from training.evaluate.nouns import JUDGED
from training.paths import work

LEFT, RIGHT = "left", "right"
#: Pairs of nouns that the evaluation asks for: no scene shows them.
HELD = {frozenset(pair) for pair in json.loads((Path(captions.__file__).parents[1] / "evaluate" / "held-pairs.json").read_text())["pairs"]}


class Scenes:
    """Draws (source, target, text, move is always stay) of the kinds sides, add, remove, replace; latents float32 [4,16,16], source None for a scene from nothing."""

    def __init__(self, bank: np.ndarray, random: np.random.Generator):
        self.bank, self.random = bank, random
        self.things = json.loads(work("data", "things.json").read_text())
        self.nouns = list(JUDGED)
        total = np.cumsum([thing["weight"] for thing in self.things])
        self.cumulative = total / total[-1]
        self.by_family: dict[str, list[int]] = {}
        for i, thing in enumerate(self.things):
            self.by_family.setdefault(thing["family"], []).append(i)

    def one(self) -> dict:
        return self.things[int(np.searchsorted(self.cumulative, self.random.random()))]

    def other(self, *but: dict) -> dict:
        """Another thing, mostly of the same family, that may stand beside the given ones."""
        for _ in range(50):
            family = self.by_family[but[0]["family"]]
            found = self.things[family[int(self.random.integers(len(family)))]] if self.random.random() < 0.8 else self.one()
            if all(found["noun"] != b["noun"] and frozenset((self.nouns[found["noun"]], self.nouns[b["noun"]])) not in HELD for b in but):
                return found
        raise LookupError("no thing fits")

    def word(self, thing: dict) -> str:
        return thing["words"][0] if self.random.random() < 0.6 else thing["words"][int(self.random.integers(len(thing["words"])))]

    def say(self, templates: list[str], **words: str) -> str:
        return templates[int(self.random.integers(len(templates)))].format(**words)

    def latents(self, left: dict | None, right: dict | None) -> np.ndarray:
        """The picture of what stands on either side."""
        if right is None:
            return self.bank[left["left"]].astype(np.float32)
        if left is None:
            return self.bank[right["right"]].astype(np.float32)
        return np.concatenate([self.bank[left["left"]][:, :, :8], self.bank[right["right"]][:, :, 8:]], 2).astype(np.float32)

    def draw(self, kind: str) -> tuple[np.ndarray | None, np.ndarray, str]:
        one = self.one()
        two = self.other(one)
        a, b = self.word(one), self.word(two)
        if kind == "replace" and self.random.random() < 0.6:
            templates = captions.REPLACE if self.random.random() < 0.6 else captions.REPLACE_WHOLE
            return self.bank[one["whole"]].astype(np.float32), self.bank[two["whole"]].astype(np.float32), self.say(templates, w=a, b=article(b))
        swapped = bool(self.random.integers(2))
        both = self.latents(two, one) if swapped else self.latents(one, two)
        alone = self.latents(None, one) if swapped else self.latents(one, None)
        side = LEFT if swapped else RIGHT
        if kind == "sides":
            first, second = (b, a) if swapped else (a, b)
            templates = captions.SIDES if self.random.random() < 0.75 else captions.SCENE
            return None, both, self.say(templates, a=article(first), b=article(second))
        if kind == "add":
            return alone, both, self.say(captions.ADD if self.random.random() < 0.85 else captions.ADD_ANYWHERE, b=article(b), s=side, w=a)
        if kind == "remove":
            return both, alone, self.say(captions.REMOVE, v=b, w=a)
        three = self.other(one, two)
        changed = self.latents(three, one) if swapped else self.latents(one, three)
        return both, changed, self.say(captions.REPLACE, w=b, b=article(self.word(three)))
