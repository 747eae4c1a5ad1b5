"""What stands for a medium while the language model is trained: its nine vectors [9, 384], the global one first. Knows no dialogue.

For media that exist in words only, the vectors are sentence embeddings with noise: of the caption, and of what the encoder's detail tokens
say (`training/encoder/model.py`: colour, background, count, side, style, word, word, layout)."""
import numpy as np

from ..conditioning import sentence_embeddings
from ..data.sounds import DENSITIES, FAMILIES, HEIGHTS, LEVELS, PATTERNS
from ..paths import work
from .dialogues import COLOURS, NOUNS
from .media import Picture, Sound
from .phrases import OPEN, options
from .vocabulary import MEDIUM_VECTORS

#: Length of the noise beside a unit embedding, drawn evenly: the image encoder's estimates lie at a cosine of 0.6 to 0.9.
NOISE = (0.2, 1.1)


def captions() -> list[str]:
    """Every caption that `dialogues` can give to a picture that exists in words only"""
    plain = [Picture(noun, colour).caption for noun in NOUNS for colour in [None, *COLOURS]]
    return sorted({*plain, *(Picture(phrase.split(" ", 1)[1], None).caption for phrase in options(OPEN))})


DETAILS = {"background": "white", "count": "one", "side": "in the middle"}
#: What the audio encoder's detail tokens say before the words (`training/audio/encoder.py`): what is played, pitch, speed, loudness, family.
HEARD = (PATTERNS, HEIGHTS, DENSITIES, LEVELS, FAMILIES)
STYLES = ["cartoon style", "flat style", "glossy style", "3D style"]


class CaptionVectors:
    """Stand-ins from captions; the embeddings are computed once and cached."""

    def __init__(self, seed: int):
        path = work("language", "captions.npz")
        if not path.exists():
            names = sorted({*captions(), *NOUNS, *COLOURS, *STYLES, *DETAILS.values()})
            np.savez(path, names=np.array(names), embeddings=sentence_embeddings(names).astype(np.float16))
        file = np.load(path)
        self.rows = dict(zip(file["names"].tolist(), file["embeddings"].astype(np.float32)))
        self.random = np.random.default_rng(seed)

    def embedding(self, text: str) -> np.ndarray:
        if text not in self.rows:
            self.rows[text] = sentence_embeddings([text])[0]
        return self.rows[text]

    def says(self, medium: object) -> list[str]:
        """What each vector says, the global one first; the rest is noise"""
        if isinstance(medium, Sound):
            return [medium.caption, *(self.random.choice(words) for words in HEARD), medium.name, medium.name]
        colour = medium.colour or self.random.choice(COLOURS)
        if isinstance(medium, Picture):
            return [medium.caption, colour, medium.background or DETAILS["background"], DETAILS["count"], DETAILS["side"], self.random.choice(STYLES), medium.noun, medium.noun]
        return [medium.caption, colour, medium.motion or "standing still", "in the middle", *[medium.noun] * 5]

    def vectors(self, medium: object) -> np.ndarray:
        says = self.says(medium)
        noise = self.random.standard_normal((MEDIUM_VECTORS, 384)).astype(np.float32)
        noise *= self.random.uniform(*NOISE) / np.linalg.norm(noise, axis=1, keepdims=True)
        noise[: len(says)] += np.stack([self.embedding(text) for text in says])
        return noise / np.linalg.norm(noise, axis=1, keepdims=True)
