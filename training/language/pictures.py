"""What stands for a picture while the language model is trained: its nine vectors [9, 384], the global one first. Knows no dialogue.

For pictures that exist in words only, and until the image encoder exists, the vectors are sentence embeddings with noise: of the caption,
and of what the encoder's detail tokens say (`training/encoder/model.py`: colour, background, count, side, style, word, word, layout)."""
import numpy as np

from ..conditioning import sentence_embeddings
from ..paths import work
from .dialogues import COLOURS, NOUNS, Picture
from .phrases import OPEN, options
from .vocabulary import PICTURE_VECTORS

#: Length of the noise beside a unit embedding, drawn evenly: the image encoder's estimates lie at a cosine of 0.6 to 0.9.
NOISE = (0.2, 1.1)


def captions() -> list[str]:
    """Every caption that `dialogues` can give to a picture that exists in words only"""
    plain = [Picture(noun, colour).caption for noun in NOUNS for colour in [None, *COLOURS]]
    return sorted({*plain, *(Picture(phrase.split(" ", 1)[1], None).caption for phrase in options(OPEN))})


DETAILS = {"background": "white", "count": "one", "side": "in the middle"}
STYLES = ["cartoon style", "flat style", "glossy style", "3D style"]


class CaptionVectors:
    """Stand-ins from captions; the embeddings are computed once and cached."""

    def __init__(self, seed: int):
        path = work("language", "captions.npz")
        if not path.exists():
            names = sorted({*captions(), *NOUNS, *COLOURS, *STYLES, *DETAILS.values()})
            np.savez(path, names=np.array(names), embeddings=sentence_embeddings(names).astype(np.float16))
        file = np.load(path)
        self.rows = {name: index for index, name in enumerate(file["names"].tolist())}
        self.embeddings, self.random = file["embeddings"].astype(np.float32), np.random.default_rng(seed)

    def embedding(self, text: str) -> np.ndarray:
        if text not in self.rows:
            self.rows[text] = len(self.embeddings)
            self.embeddings = np.concatenate([self.embeddings, sentence_embeddings([text])])
        return self.embeddings[self.rows[text]]

    def vectors(self, picture: Picture) -> np.ndarray:
        colour = picture.colour or self.random.choice(COLOURS)
        says = [picture.caption, colour, *DETAILS.values(), self.random.choice(STYLES), picture.noun, picture.noun]
        noise = self.random.standard_normal((PICTURE_VECTORS, 384)).astype(np.float32)
        noise *= self.random.uniform(*NOISE) / np.linalg.norm(noise, axis=1, keepdims=True)
        noise[: len(says)] += np.stack([self.embedding(text) for text in says])
        return noise / np.linalg.norm(noise, axis=1, keepdims=True)
