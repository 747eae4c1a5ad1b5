"""Pictures as the image encoder sees them: tokens of the training pictures, by word and colour. Knows no dialogue."""
import random

import numpy as np

from ..data.nouns import EVERYDAY
from ..paths import work
from .dialogues import Picture
from .pictures import CaptionVectors

TOKENS = work("export", "image-encoder", "tokens.npz")
#: Share of pictures drawn from the everyday words.
EVERYDAY_SHARE = 0.75


class EncodedVectors:
    """Vectors of real pictures, of the training families or of the held-out one; captions stand in where no picture fits. A picture of a
    generated drawing is any picture of its word and colour, half of the time, and its caption otherwise: decoders draw what was asked, roughly."""

    def __init__(self, seed: int, captions: CaptionVectors, held_out: bool = False):
        file = np.load(TOKENS)
        rows = np.flatnonzero(file["held_out"] == held_out)
        self.tokens, self.captions, self.random = file["tokens"][rows], captions, random.Random(seed)
        self.known = [(str(word), str(colour) or None) for word, colour in zip(file["word"][rows], file["colour"][rows])]
        self.places: dict[tuple, list[int]] = {}
        for index, key in enumerate(self.known):
            self.places.setdefault(key, []).append(index)
        self.by_word: dict[str, list[int]] = {}
        for index, (word, _) in enumerate(self.known):
            self.by_word.setdefault(word, []).append(index)
        common = {word for words in EVERYDAY.values() for word in words}
        self.everyday, self.every = [word for word in self.by_word if word in common], list(self.by_word)

    def attached(self, dice: random.Random) -> Picture:
        word = dice.choice(self.everyday if dice.random() < EVERYDAY_SHARE else self.every)
        index = dice.choice(self.by_word[word])
        return Picture(*self.known[index], key=index)

    def vectors(self, picture: Picture) -> np.ndarray:
        index = picture.key
        if index is None and self.random.random() < 0.5:
            index = self.random.choice(self.places.get((picture.noun, picture.colour)) or [None])
        return self.captions.vectors(picture) if index is None else self.tokens[index].astype(np.float32)
