"""What a medium's encoder tokens say, in words of the language model: heads that choose a thing, a colour, a motion, a sound; the nine places of a
medium's block hold the table's own rows of those words, so that to name a medium is to copy. Knows no dialogue and no training loop.

    python -m training.language.concepts [--steps 600]          # WORK/language/concepts.pt
"""
import argparse
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional as F

from ..conditioning import sentence_embeddings
from ..data.sounds import INSTRUMENTS, PATTERNS, SOUNDS
from ..paths import work
from .base import tokenizer
from .media import Clip, Picture, Sound
from .projectors import InputProjector
from .vocabulary import MEDIUM_VECTORS

TOKENS, DRAWN = work("export", "image-encoder", "tokens.npz"), work("export", "image-encoder", "tokens-drawn.npz")
AUDIO, VIDEO = work("language", "audio-tokens.npz"), work("language", "video-tokens.npz")
#: Stands where a word has ended, or where there is none.
FILLER = ","
#: By modality: the word of its kind, the places of every field, the encoder tokens that a field is read from, and the places that are free
#: with the encoder token that fills each through an mlp.
LAYOUT = {
    "image": ("picture", {"colour": ((1,), (1,)), "noun": ((2, 3, 4, 5), (0, 6, 7)), "background": ((6,), (2,))}, {7: 3, 8: 0}),
    "audio": ("sound", {"event": ((1, 2, 3, 4, 5), (0, 6)), "pattern": ((6, 7), (1,))}, {8: 0}),
    "video": ("video", {"colour": ((1,), (1,)), "noun": ((2, 3, 4), (4,)), "motion": ((5, 6, 7, 8), (2, 3))}, {}),
}
STILL = "standing still"
#: Patterns that an answer names, of instruments.
PLAYED = {pattern for pattern in PATTERNS if pattern.split(" ", 1)[-1] in ("rising scale", "falling scale", "chord", "arpeggio", "tune", "single note")}
COLOURS = "red orange yellow green blue purple pink brown black white grey".split()


def bare(text: str) -> str:
    """Without the article"""
    words = text.split()
    return " ".join(words[1:]) if len(words) > 1 and words[0] in ("a", "an", "the") else text


def uncoloured(noun: str) -> str:
    """Without a colour that is a part of its name ("black circle"): the colour has a place of its own"""
    colour, _, rest = noun.partition(" ")
    return rest if rest and colour in COLOURS else noun


def moved(phrase: str) -> str:
    """How a caption's end says a motion, in the words that stand in the block"""
    return phrase.replace("diagonally ", "").replace("from left to right", "right").replace("from right to left", "left").replace("to the ", "")


def motion_of(caption: str, noun: str) -> str:
    """The motion's phrase at the end of a clip's caption"""
    at = caption.find(noun)
    phrase = caption[at + len(noun) :].strip(" ,") if at >= 0 else ""
    if phrase in ("", "not moving", "that does not move"):
        return STILL
    return phrase.replace("running", "moving").replace("fading away", "fading out").replace("k pin ", "")


def told(name: str, pattern: str) -> str:
    """How an answer names a sound of a class"""
    event = SOUNDS[name].events[0]
    return f"{event} {pattern}" if SOUNDS[name].family in INSTRUMENTS and event.endswith(" playing") and pattern in PLAYED else event


@lru_cache(maxsize=100_000)
def pieces(text: str, count: int) -> tuple[int, ...]:
    """The first `count` ids of a text, filled up"""
    found = tokenizer()(" " + text, add_special_tokens=False).input_ids if text else []
    return tuple((found + list(tokenizer()(FILLER, add_special_tokens=False).input_ids) * count)[:count])


def words_in(modality: str, field: str, value: str) -> str:
    """The words that stand in the block for the value of a field"""
    if field == "noun":
        return uncoloured(value)
    if field == "event":
        return bare(SOUNDS[value].events[0]) if value in SOUNDS else bare(value)
    return moved(value) if field == "motion" else bare(value)


def block_ids(modality: str, values: dict[str, str]) -> np.ndarray:
    """Ids whose rows fill the nine places, -1 where a place is free"""
    kind, fields, _ = LAYOUT[modality]
    ids = np.full(MEDIUM_VECTORS, -1)
    ids[0] = pieces(kind, 1)[0]
    for field, (places, _) in fields.items():
        ids[list(places)] = pieces(words_in(modality, field, values.get(field, "")), len(places))
    return ids


def values_of(medium: object) -> dict[str, str]:
    """The fields of a medium that is known in words"""
    if isinstance(medium, Picture):
        return {"noun": medium.noun, "colour": medium.colour or "", "background": medium.background or "white"}
    if isinstance(medium, Sound):
        return {"event": medium.caption}
    assert isinstance(medium, Clip)
    return {"noun": medium.noun, "colour": medium.colour or "", "motion": medium.motion}


def labelled(modality: str) -> tuple[np.ndarray, dict[str, list[str]], np.ndarray]:
    """Tokens of the encoder [n, 9, 384], what each shows by field (empty: not known), and which are kept aside"""
    if modality == "image":
        file, drawn = np.load(TOKENS), np.load(DRAWN)
        single = np.flatnonzero(~drawn["pair"])
        tokens = np.concatenate([file["tokens"], drawn["tokens"][single]])
        values = {"noun": [*file["word"].tolist(), *drawn["word"][single].tolist()], "colour": [*file["colour"].tolist(), *drawn["colour"][single].tolist()],
                  "background": ["white"] * len(file["word"]) + drawn["background"][single].tolist()}
        return tokens, values, np.concatenate([file["held_out"], np.zeros(len(single), bool)])
    file = np.load(AUDIO if modality == "audio" else VIDEO)
    aside = file["split"] != "train"
    if modality == "audio":
        return file["tokens"], {"event": file["class"].tolist(), "pattern": file["pattern"].tolist()}, aside
    nouns, motions = file["noun"].tolist(), [motion_of(caption, noun) for caption, noun in zip(file["captions"].tolist(), file["noun"].tolist())]
    # A thing that no clip shows is known from its pictures: their word is where a clip has its own.
    pictures, names, hidden = labelled("image")
    seen = np.flatnonzero(~hidden[: len(np.load(TOKENS)["word"])])
    stills = np.repeat(pictures[seen, 6][:, None], MEDIUM_VECTORS, 1)
    values = {"noun": [*nouns, *(names["noun"][index] for index in seen)], "colour": [*file["colour"].tolist(), *[""] * len(seen)], "motion": [*motions, *[""] * len(seen)]}
    return np.concatenate([file["tokens"], stills]), values, np.concatenate([aside, np.zeros(len(seen), bool)])


class Head(torch.nn.Module):
    """Chooses one of `values`: encoder tokens to a query in the sentence encoder's space, nearest of the values' keys."""

    def __init__(self, places: tuple[int, ...], values: list[str], keys: torch.Tensor):
        super().__init__()
        self.places, self.values = list(places), values
        self.query = torch.nn.Linear(384 * len(places), 384)
        self.keys = torch.nn.Parameter(keys)
        with torch.no_grad():
            self.query.weight.zero_()
            self.query.bias.zero_()
            self.query.weight.view(384, len(places), 384).copy_(torch.eye(384)[:, None] / len(places))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Cosines [b, values]"""
        return F.normalize(self.query(tokens[:, self.places].flatten(1)), dim=-1) @ F.normalize(self.keys, dim=-1).T

    def state(self) -> dict:
        return {"places": self.places, "values": self.values, "weight": self.query.weight.detach(), "bias": self.query.bias.detach(), "keys": F.normalize(self.keys.detach(), dim=-1)}


def fit(modality: str, field: str, steps: int, noise: float = 0.5, keep: float = 1e-4, rate: float = 2e-3, scale: float = 14.0) -> dict:
    """A head by cross-entropy on the training split; rare values are seen oftener, and tokens are blurred"""
    tokens, values, aside = labelled(modality)
    known = np.array([bool(value) for value in values[field]])
    names = sorted({value for value in values[field] if value})
    place = {name: index for index, name in enumerate(names)}
    right = torch.tensor([place.get(value, -1) for value in values[field]])
    tokens = torch.from_numpy(tokens.astype(np.float32))
    head = Head(LAYOUT[modality][1][field][1], names, torch.from_numpy(sentence_embeddings([words_in(modality, field, name) for name in names])))
    started = {name: value.detach().clone() for name, value in head.named_parameters()}
    learn, check = (torch.from_numpy(np.flatnonzero(known & (aside == side))) for side in (False, True))
    rarity = torch.bincount(right[learn], minlength=len(names)).clamp(min=1).float()[right[learn]].rsqrt()
    optimiser = torch.optim.AdamW(head.parameters(), rate, weight_decay=0.0)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * min(1, (step + 1) / 20) * (1 - step / steps)
        rows = learn[torch.multinomial(rarity, 256)]
        blurred = F.normalize(tokens[rows] + noise / 384**0.5 * torch.randn(256, *tokens.shape[1:]), dim=-1)
        loss = F.cross_entropy(scale * head(blurred), right[rows], label_smoothing=0.1)
        loss = loss + keep * sum((value - started[name]).square().sum() for name, value in head.named_parameters())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        shares = [(head(tokens[rows]).argmax(1) == right[rows]).float().mean().item() for rows in (learn, check) if len(rows)]
    print(f"{modality} {field}: {len(names)} values, right " + ", kept aside ".join(f"{share:.3f}" for share in shares), flush=True)
    return head.state()


def input_projector(modality: str, table: torch.Tensor) -> InputProjector:
    """The projector of a modality with the fitted heads inside, its mlp at random"""
    heads = torch.load(work("language", "concepts.pt"), weights_only=True)[modality]
    kind, fields, free = LAYOUT[modality]
    given = {}
    for field, (at, _) in fields.items():
        ids = torch.tensor([pieces(words_in(modality, field, value), len(at)) for value in heads[field]["values"]])
        given[field] = {**heads[field], "at": at, "ids": ids}
    module = InputProjector(given, free, pieces(kind, 1)[0], table)
    # As long as a row of the table.
    with torch.no_grad():
        module.second.weight *= float(table.float().norm(dim=1).mean()) / module.filled(F.normalize(torch.randn(64, 384), dim=-1)).norm(dim=1).mean()
    return module


class Concepts:
    """The fitted heads"""

    def __init__(self):
        self.heads = torch.load(work("language", "concepts.pt"), weights_only=True)

    @torch.no_grad()
    def read(self, modality: str, tokens: np.ndarray) -> list[dict[str, str]]:
        """The fields of media by their encoder tokens [n, 9, 384]"""
        tokens, found = torch.from_numpy(tokens.astype(np.float32)), []
        for field, head in self.heads[modality].items():
            query = F.linear(tokens[:, head["places"]].flatten(1), head["weight"], head["bias"])
            found.append([(field, head["values"][index]) for index in (query @ head["keys"].T).argmax(1).tolist()])
        return [dict(pairs) for pairs in zip(*found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", help="one field, such as video.noun; the others stay")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    path = work("language", "concepts.pt")
    found = torch.load(path, weights_only=True) if options.only else {}
    for modality, (_, fields, _) in LAYOUT.items():
        for field in fields:
            if options.only in (None, f"{modality}.{field}"):
                found.setdefault(modality, {})[field] = fit(modality, field, options.steps)
    torch.save(found, path)


if __name__ == "__main__":
    main()
