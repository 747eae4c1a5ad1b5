"""Sentence embeddings of everything the encoder may be asked to say about a picture, computed once. Knows no pixels."""
import hashlib
import json
import random

import numpy as np

from training.conditioning import sentence_embeddings
from training.data import nouns
from training.data.colours import COLOURS
from training.paths import work

COLOUR = list(COLOURS)
COUNT = ['one', 'two', 'three']
SIDE = ['in the middle', 'on the left', 'on the right', 'at the top', 'at the bottom']
STYLE = ['cartoon', 'flat', 'glossy', '3D']
PAIRS = 6000


def plural(word: str) -> str:
    if word.endswith('s') and not word.endswith('ss') and word not in ('bus', 'cactus', 'octopus'):
        return word
    if word in ('sheep', 'deer', 'fish'):
        return word
    if word.endswith(('s', 'x', 'sh', 'ch')):
        return word + 'es'
    if word.endswith('y') and word[-2] not in 'aeou':
        return word[:-1] + 'ies'
    return {'mouse': 'mice', 'goose': 'geese', 'tooth': 'teeth', 'leaf': 'leaves', 'knife': 'knives', 'wolf': 'wolves'}.get(word, word + 's')


def bare(words: list[str]) -> str:
    """The first of the words that names no colour, else the first."""
    return next((w for w in words if not any(c in w.split() for c in COLOUR)), words[0])


def embed(texts: list[str], name: str) -> np.ndarray:
    """float32 [n, 384] of unit length, cached in the work folder under `name` and the texts."""
    key = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]
    path = work('encoder', f'{name}-{key}.npy')
    if not path.exists():
        order = sorted(set(texts), key=len)
        place = {t: i for i, t in enumerate(order)}
        np.save(path, sentence_embeddings(order)[[place[t] for t in texts]].astype(np.float16))
    return np.load(path).astype(np.float32)


class Phrases:
    """Tables of embeddings by concept. `names` are (slug, words); row i of every table belongs to names[i].

    plain [N, 384] mean over the words with article, unit; single [N, 384] of the first; coloured [N, 11, 384]; ground [N, 11, 384]
    (on a ... background); counted [N, 3, 384]; placed [N, 5, 384]; styled [N, 4, 384]; word [N, 384] without article;
    pairs [P, 384] with pair_names [P, 2]; attributes: colour, count, side, style as words alone.
    """

    def __init__(self, names: list[tuple[str, list[str]]]):
        self.names = [name for name, _ in names]
        self.words = [words for _, words in names]
        first, core = [w[0] for w in self.words], [bare(w) for w in self.words]
        article = nouns.article
        flat = [(i, article(w)) for i, words in enumerate(self.words) for w in words]
        vectors = embed([t for _, t in flat], 'plain')
        self.plain = np.zeros((len(names), 384), np.float32)
        np.add.at(self.plain, [i for i, _ in flat], vectors)
        self.plain /= np.linalg.norm(self.plain, axis=-1, keepdims=True)
        self.single = embed([article(w) for w in first], 'single')
        self.word = embed(core, 'word')

        def table(name: str, texts: list[list[str]]) -> np.ndarray:
            return embed([t for row in texts for t in row], name).reshape(len(texts), -1, 384)

        self.coloured = table('coloured', [[article(f'{c} {w}') for c in COLOUR] for w in core])
        self.ground = table('ground', [[f'{article(w)} on a {c} background' for c in COLOUR] for w in first])
        self.counted = table('counted', [[article(w), f'two {plural(w)}', f'three {plural(w)}'] for w in first])
        self.placed = table('placed', [[article(w), *(f'{article(w)} {s}' for s in SIDE[1:])] for w in first])
        self.styled = table('styled', [[f'{article(w)} in {s} style' for s in STYLE] for w in first])
        dice = random.Random(1)
        everyday = [i for i, name in enumerate(self.names) if name in nouns.EVERYDAY]
        self.pair_names = np.array([dice.sample(everyday, 2) for _ in range(PAIRS)])
        np.save(work('encoder', 'pairs-names.npy'), self.pair_names)
        self.pairs = embed([f'{article(first[a])} and {article(first[b])}' for a, b in self.pair_names], 'pairs')
        self.colour = embed(COLOUR, 'colour')
        self.count, self.side, self.style = embed(COUNT, 'count'), embed(SIDE, 'side'), embed([f'{s} style' for s in STYLE], 'style')
        self.same = np.array([[bool(set(a) & set(b)) for b in self.words] for a in self.words])
