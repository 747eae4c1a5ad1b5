"""Captioned media: the JSONL that names them, their tokens by the program's own encoder, and the words of their captions.

Knows no language model but for the pieces that its tokenizer makes of a word.
"""
import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .frozen import component_of

ROOT = Path(__file__).resolve().parents[2]
PREPOSITIONS = set('on in at of with near over under from to by for and while is are was that which who being behind between beside above below against into across through next without around'.split())
#: Words that tell nothing of a medium.
EMPTY = PREPOSITIONS | set("a an the this that these those some it its there has have as or not no very his her their he she they picture photo photograph image drawing sound video clip recording showing shown".split())


@dataclass
class Captioned:
    media: Path
    caption: str
    noun: str


def read_captioned(path: Path) -> list[Captioned]:
    """Objects with "media" (a path beside the file), "caption" and, where it is known, "noun"."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            each = Captioned(path.parent / given['media'], str(given['caption']).strip(), str(given.get('noun') or noun_of(str(given['caption']))).lower())
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(f'{path.name}: line {number} is no JSON object with "media" and "caption".') from error
        if not each.media.is_file():
            raise SystemExit(f'{path.name}: line {number}: there is no file {each.media}.')
        found.append(each)
    if len({each.caption for each in found}) < 20:
        raise SystemExit(f'{path.name}: {len({each.caption for each in found})} different captions; some hundreds are the least that a projector can learn of.')
    return found


def words_of(caption: str) -> list[str]:
    """Words that tell something, in their order."""
    return list(dict.fromkeys(word for word in re.findall(r"[^\W_]+(?:['-][^\W_]+)*", caption.lower()) if word not in EMPTY))


def noun_of(caption: str) -> str:
    """The last word of a caption's beginning, up to a preposition, a mark or a long word in -ing: "a red car on a road" is of a car."""
    found = ''
    for word in re.findall(r"[^\W_]+(?:['-][^\W_]+)*|[,.;:]", caption.lower()):
        if found and (word in PREPOSITIONS or not word[0].isalnum() or (word.endswith('ing') and len(word) > 6)):
            break
        if word not in EMPTY and word[0].isalnum():
            found = word
    return found


def tokens_of(folder: Path, modality: str, media: list[Path]) -> np.ndarray:
    """Tokens [media, n, d] float32: what the bundle's encoder makes of the files; .npy files of an image, a sound or a video are its tokens [n, d] themselves."""
    if modality in ('image', 'audio', 'video') and all(path.suffix == '.npy' for path in media):
        return np.stack([np.load(path, allow_pickle=False).astype(np.float32) for path in media])
    node = ROOT / 'node_modules' / '.bin' / 'node'
    paths = ''.join(f'{path.resolve()}\n' for path in media).encode()
    made = subprocess.run([str(node) if node.exists() else 'node', str(ROOT / 'training' / 'align' / 'encode.ts'), str(folder), modality], input=paths, stdout=subprocess.PIPE, env={**os.environ, 'NODE_NO_WARNINGS': '1'})
    if made.returncode:
        raise SystemExit(f'{folder}: its encoder did not read the media; the reason is above.')
    head, _, rows = made.stdout.partition(b'\n')
    return np.frombuffer(rows, np.float32).reshape(len(media), *json.loads(head))


def encoder_of(folder: Path, modality: str) -> tuple[str, dict]:
    """Name and component of the encoder that a bundle reads a modality with."""
    bundle = json.loads((folder / 'bundle.json').read_text()) if (folder / 'bundle.json').is_file() else {'inputs': {}}
    if modality not in bundle['inputs']:
        raise SystemExit(f'{folder}: a bundle that reads {modality} is expected; it reads {", ".join(bundle["inputs"]) or "nothing"}.')
    name = bundle['inputs'][modality]['encoder']
    return name, component_of(folder, name)[1]


class Vocabulary:
    """The words that a projector may say: `names`, their pieces [words, most] (-1 behind the last), where in a caption they stand on average, and how rare they are."""

    def __init__(self, captions: list[str], pieces_of, most: int, least: int, longest: int):
        counts, places = Counter(), Counter()
        for caption in captions:
            words = words_of(caption)
            for index, word in enumerate(words):
                counts[word] += 1
                places[word] += (index + 0.5) / len(words)
        self.names, pieces, self.skipped = [], [], 0
        for word, count in counts.most_common():
            ids = pieces_of(word)
            if count < least or len(self.names) == most or len(ids) > longest:
                self.skipped += 1
                continue
            self.names.append(word)
            pieces.append(ids + [-1] * (longest - len(ids)))
        if len(self.names) < 2:
            raise SystemExit(f'only {len(self.names)} words stand in {least} captions or more and have at most {longest} pieces; give more captions, or a larger --pieces.')
        self.pieces, self.spot = np.array(pieces), {word: index for index, word in enumerate(self.names)}
        self.place = np.array([places[word] / counts[word] for word in self.names], np.float32)
        self.rarity = np.log(len(captions) / np.array([counts[word] for word in self.names])).astype(np.float32) + 0.1

    def present(self, captions: list[str]) -> np.ndarray:
        """[captions, words]: 1 where a word stands in a caption."""
        found = np.zeros((len(captions), len(self.names)), np.float32)
        for row, caption in enumerate(captions):
            found[row, [self.spot[word] for word in words_of(caption) if word in self.spot]] = 1
        return found

    def usual(self, captions: list[str], share: float = 0.95) -> tuple[int, int]:
        """How many words, and how many pieces of words, no more than a caption in twenty goes beyond."""
        present = self.present(captions)
        most = lambda counts: max(1, int(np.quantile(counts, share, method='lower')))
        return most(present.sum(1)), most(present @ (self.pieces >= 0).sum(1)) + 1
