"""The loss that keeps projected media near the rows of the language model's own table that have their words: a model that finds a word at a
medium's place only has to copy it. Knows no dialogue and no encoder."""
import numpy as np
import torch
from torch.nn import functional as F

from .base import tokenizer
from .dialogues import COLOURS, NOUNS
from .happenings import MOTIONS, SOUNDING, rows
from .media import Picture, Sound

#: Weight of a text's first piece: it is what the model must say first.
FIRST_PIECE = 0.6
#: Inverse temperature of the choice among all texts.
SHARPNESS = 20.0


def word_targets(texts: list[str], table: np.ndarray) -> np.ndarray:
    """Weighted mean of the table's rows of each text's pieces, [n, width]; articles say nothing and are left out."""
    found = np.zeros((len(texts), table.shape[1]), np.float32)
    for row, text in enumerate(texts):
        words = text.split()
        ids = tokenizer()(" " + " ".join(words[1:] if words[0] in ("a", "an", "the") and len(words) > 1 else words), add_special_tokens=False).input_ids
        found[row] = table[ids[0]] if len(ids) == 1 else FIRST_PIECE * table[ids[0]] + (1 - FIRST_PIECE) * table[ids[1:]].mean(0)
    return found


def words_of(medium: object) -> list[tuple[int, str]]:
    """Places of a medium's vectors, and the words that they should be near (`training/encoder/model.py` for pictures: 1 colour, 6 word)"""
    if isinstance(medium, Picture):
        return [(6, medium.noun), *([(1, medium.colour)] if medium.colour else [])]
    if isinstance(medium, Sound):
        return [(place, medium.name) for place in PLACES["audio"].get("name", ())]
    said = {"noun": medium.noun, "colour": medium.colour, "motion": medium.motion}
    return [(place, said[field]) for field, places in PLACES["video"].items() for place in places if said[field]]


#: Which vector of a sound or video says what; found in the encoders' tokens by `align`.
PLACES = {"audio": {"name": (6,)}, "video": {"noun": (4,), "colour": (1,), "motion": (2,)}}


#: What every vector of a modality bears beside its own word, so that the model can tell one kind from another: a share of this word's row.
MARKS, MARK = {"audio": "sound", "video": "video"}, 0.5


class Naming:
    """Cross-entropy of the right word among all words, by cosine to their rows"""

    def __init__(self, table: np.ndarray):
        self.marks = {modality: MARK * torch.from_numpy(word_targets([MARKS[modality]], table))[0] if modality in MARKS else torch.zeros(table.shape[1]) for modality in ("image", "audio", "video")}
        self.table, self.place = table, {}
        self.texts: list[str] = []
        self.units = torch.zeros(0, table.shape[1])
        self.add([*NOUNS, *COLOURS, *(row[0] for row in rows(MOTIONS)), *(row[0] for row in rows(SOUNDING))])

    def add(self, texts: list[str]) -> None:
        fresh = sorted({text for text in texts if text not in self.place})
        self.place.update({text: len(self.place) + index for index, text in enumerate(fresh)})
        if fresh:
            self.units = torch.cat([self.units, F.normalize(torch.from_numpy(word_targets(fresh, self.table)), dim=-1)])

    def __call__(self, media: list, projected: torch.Tensor) -> torch.Tensor:
        """Of media and their projected vectors [n, 9, width]; media that exist in words only count as well"""
        found = [(index, place, text) for index, medium in enumerate(media) for place, text in words_of(medium)]
        if not found:
            return torch.zeros(())
        self.add([text for _, _, text in found])
        index, place, texts = zip(*found)
        return F.cross_entropy(SHARPNESS * self.said(media, projected, index, place) @ self.units.T, torch.tensor([self.place[text] for text in texts]))

    def said(self, media: list, projected: torch.Tensor, index: tuple, place: tuple) -> torch.Tensor:
        """Unit vectors at the places of the media, without what marks their kind"""
        marks = torch.stack([self.marks[media[row].modality] for row in index])
        return F.normalize(projected[list(index), list(place)] - marks, dim=-1)

    @torch.no_grad()
    def right(self, media: list, projected: torch.Tensor) -> dict[int, float]:
        """By place: how often the nearest word is the right one"""
        found = [(index, place, text) for index, medium in enumerate(media) for place, text in words_of(medium)]
        self.add([text for *_, text in found])
        index, place, texts = zip(*found)
        nearest = (self.said(media, projected, index, place) @ self.units.T).argmax(-1)
        hits = nearest == torch.tensor([self.place[text] for text in texts])
        return {spot: float(hits[torch.tensor(place) == spot].float().mean()) for spot in sorted(set(place))}
