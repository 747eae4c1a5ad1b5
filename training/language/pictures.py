"""What stands for a picture while the language model is trained: its nine vectors [9, 384], the global one first. Knows no dialogue.

Until the image encoder exists, and for pictures that exist in words only, the global vector is the caption's sentence embedding with noise
and the detail vectors are noise or nothing."""
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


class CaptionVectors:
    """Stand-ins from captions; the embeddings are computed once and cached."""

    def __init__(self, seed: int):
        path = work("language", "captions.npz")
        if not path.exists():
            names = captions()
            np.savez(path, names=np.array(names), embeddings=sentence_embeddings(names).astype(np.float16))
        file = np.load(path)
        self.rows = {name: index for index, name in enumerate(file["names"].tolist())}
        self.embeddings, self.random = file["embeddings"].astype(np.float32), np.random.default_rng(seed)

    def vectors(self, picture: Picture) -> np.ndarray:
        if picture.caption not in self.rows:
            self.rows[picture.caption] = len(self.embeddings)
            self.embeddings = np.concatenate([self.embeddings, sentence_embeddings([picture.caption])])
        result = np.zeros((PICTURE_VECTORS, 384), np.float32)
        noise = self.random.standard_normal(384).astype(np.float32)
        result[0] = self.embeddings[self.rows[picture.caption]] + noise / np.linalg.norm(noise) * self.random.uniform(*NOISE)
        result[0] /= np.linalg.norm(result[0])
        if self.random.random() < 0.5:
            result[1:] = self.random.standard_normal((PICTURE_VECTORS - 1, 384)) * (384**-0.5)
        return result
