"""Other words for a thing, from WordNet's nouns: synonyms and kinds of it ("spaniel" for a dog), for captions. Knows no pictures.

Needs Debian's `wordnet-base`. A word is kept where the sentence encoder finds it near the everyday one: that is what pictures are conditioned on.
The words that the evaluation asks for unseen are left out, whole and as parts.
"""
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from training.conditioning import sentence_embeddings
from training.data.nouns import EVERYDAY, article
from training.evaluate.nouns import SYNONYMS

FOLDER = Path("/usr/share/wordnet")
#: Least cosine of "a spaniel" to "a dog".
NEAR = 0.4
#: Most words of one thing.
MOST = 6
#: Words that also mean something rude.
RUDE = {"pussy", "cock", "ass", "tit"}
#: What the evaluation asks for and no caption may hold.
UNSEEN = {word.rstrip("s") for word in SYNONYMS}


@lru_cache(maxsize=1)
def synsets() -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, list[str]]]:
    """Offset to words, offset to offsets of its kinds, and word to offsets, most frequent sense first."""
    words, kinds, senses = {}, defaultdict(list), {}
    for line in (FOLDER / "data.noun").read_text().splitlines():
        if line.startswith(" "):
            continue
        field = line.split(" | ")[0].split()
        count = int(field[3], 16)
        words[field[0]] = [field[4 + 2 * i].replace("_", " ") for i in range(count)]
        at = 4 + 2 * count
        for i in range(int(field[at])):
            kind, offset, part = field[at + 1 + 4 * i : at + 4 + 4 * i]
            if kind in ("~", "~i") and part == "n":
                kinds[field[0]].append(offset)
    for line in (FOLDER / "index.noun").read_text().splitlines():
        if not line.startswith(" "):
            field = line.split()
            senses[field[0].replace("_", " ")] = field[-int(field[2]):]
    return words, kinds, senses


@lru_cache(maxsize=1)
def drawn() -> set[str]:
    """What pictures are called already."""
    return {word.lower() for words in EVERYDAY.values() for word in words}


def candidates(noun: str) -> list[str]:
    """Lower-case words of one or two parts for the first sense of `noun` and two generations of its kinds, without those that say `noun` itself or have a picture of their own."""
    words, kinds, senses = synsets()
    found = senses.get(noun.lower())
    if not found:
        return []
    generations = [found[:1]]
    for _ in range(2):
        generations.append([kind for offset in generations[-1] for kind in kinds[offset]])
    named = [word for generation in generations for offset in generation for word in words[offset]]
    plain = [w for w in dict.fromkeys(named) if re.fullmatch(r"[a-z]+( [a-z]+)?", w) and w != noun.lower()]
    parts = {part.rstrip("s") for part in noun.lower().split()}
    return [w for w in plain if w not in drawn() | RUDE and not {part.rstrip("s") for part in w.split()} & (UNSEEN | parts)]


@lru_cache(maxsize=None)
def others(noun: str) -> tuple[str, ...]:
    """Other words for `noun`, nearest first."""
    found = candidates(noun)
    if not found:
        return ()
    near = sentence_embeddings([article(word) for word in [noun, *found]])
    cosine = near[1:] @ near[0]
    return tuple(found[i] for i in np.argsort(-cosine)[:MOST] if cosine[i] >= NEAR)
