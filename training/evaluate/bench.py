"""What the rows share: the product, the judge, real drawings with their splits, the bundle's autoencoder, and training items found by caption."""
import json
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from training.conditioning import sentence_embeddings
from training.data import nouns as names
from training.data.nouns import article
from training.paths import work

from . import judge
from .nouns import JUDGED
from .product import ROOT, Product

NOUN_LIST = list(JUDGED)


class Bench:
    """`share` of the full number of samples is taken, one at least."""

    def __init__(self, bundle: Path, share: float = 1.0, program: Path = ROOT):
        self.product, self.fraction = Product(bundle, share, program), share

    def count(self, full: int) -> int:
        return max(1, round(full * self.fraction))

    def graph(self, *parts: str) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.product.bundle.joinpath(*parts)), options, providers=['CPUExecutionProvider'])

    @cached_property
    def judge(self) -> judge.Judge:
        return judge.load()

    @cached_property
    def split(self) -> tuple[list[int], list[int], list[int], list[int]]:
        return judge.split()

    @cached_property
    def sprites(self) -> np.ndarray:
        return np.load(work('data', 'sprites.npy'), mmap_mode='r')

    @cached_property
    def table(self) -> list[dict]:
        return json.loads(work('data', 'sprites.json').read_text())

    def drawing(self, rows) -> torch.Tensor:
        """Real drawings on white, float32 [n, 3, 128, 128] in [-1, 1]."""
        x = torch.from_numpy(np.array(self.sprites[rows])).permute(0, 3, 1, 2).float() / 255
        return judge.on_white(torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1))

    def words(self, sprite: int) -> list[str]:
        return names.words(self.table[sprite]['name'], self.table[sprite]['label'])

    @cached_property
    def synonyms(self) -> list[set[str]]:
        """Every name of each judged noun, in small letters."""
        labels = {entry['name']: entry['label'] for entry in self.table}
        return [{noun.lower()} | {word.lower() for slug in slugs if slug in labels for word in names.words(slug, labels[slug])} for noun, slugs in JUDGED.items()]

    @cached_property
    def _autoencoder(self):
        return self.graph('image', 'latent-encoder.onnx'), self.graph('image', 'latent-decoder.onnx')

    def decoded(self, latents: np.ndarray) -> torch.Tensor:
        return torch.cat([torch.from_numpy(self._autoencoder[1].run(['pixels'], {'latents': part})[0]) for part in np.split(latents.astype(np.float32), range(16, len(latents), 16))]).clamp(-1, 1)

    def again(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures through the bundle's autoencoder."""
        return self.decoded(np.concatenate([self._autoencoder[0].run(['latents'], {'pixels': part.numpy()})[0] for part in x.split(16)]))

    def judged(self, x: torch.Tensor, right: list[int], shape: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Whether the noun asked for is first, and among the first five; by shape alone where colours were changed."""
        order, right = self.judge.order(x, shape), np.array(right)[:, None]
        return (order[:, :1] == right).any(1), (order[:, :5] == right).any(1)

    @cached_property
    def aside(self) -> tuple[torch.Tensor, list[int], torch.Tensor]:
        """Drawings of training families that the judge has not seen, their nouns, and the same through the autoencoder."""
        _, aside, _, kind = self.split
        x = self.drawing(aside)
        return x, [kind[i] for i in aside], self.again(x)

    @cached_property
    def held(self) -> tuple[torch.Tensor, list[int], torch.Tensor]:
        """The same of the drawing family held out of all training."""
        _, _, held, kind = self.split
        x = self.drawing(held)
        return x, [kind[i] for i in held], self.again(x)

    @cached_property
    def _texts(self) -> tuple[list[str], np.ndarray]:
        texts, path = json.loads(work('data', 'texts.json').read_text()), work('evaluate', 'texts.npy')
        if not path.exists() or len(np.load(path, mmap_mode='r')) != len(texts):
            tokens = np.load(work('data', 'tokens.npy'), mmap_mode='r')
            np.save(path, np.concatenate([tokens[at:at + 4096, 0] for at in range(0, len(texts), 4096)]))
        vectors = np.load(path).astype(np.float32)
        return texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def known(self, text: str) -> bool:
        return text in self._known

    @cached_property
    def _known(self) -> set[str]:
        return set(self._texts[0])

    def nearest_by_caption(self, prompts: list[str]) -> torch.Tensor:
        """The training picture whose caption is nearest to each prompt, through the autoencoder: what a search would answer."""
        plan = np.load(work('data', 'plan.npz'))
        texts, vectors = self._texts
        sample = np.repeat(np.arange(len(plan['target'])), np.diff(plan['offsets']))
        fresh = plan['source'][sample] < 0
        flat, sample = plan['texts'][fresh], sample[fresh]
        first = np.full(len(texts), -1)
        first[flat[::-1]] = plan['target'][sample[::-1]]
        usable = np.flatnonzero(first >= 0)
        found = usable[(sentence_embeddings(prompts) @ vectors[usable].T).argmax(1)]
        return self.decoded(np.load(work('data', 'bank.npy'), mmap_mode='r')[first[found]])

    def distance(self, x: torch.Tensor) -> float:
        """Median root mean square distance (0..1, at 32 x 32) to the nearest real training drawing or its mirror image."""
        small = lambda p: F.adaptive_avg_pool2d((p + 1) / 2, 32).flatten(1)
        known = torch.cat([small(self.drawing(part)) for part in np.array_split(np.array(self.split[0]), 8)])
        nearest = torch.minimum(torch.cdist(small(x), known).amin(1), torch.cdist(small(x.flip(3)), known).amin(1))
        return float(nearest.median() / 3072 ** 0.5)


def psnr(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Decibels of each picture of [n, 3, H, W] in [-1, 1]; over a mask [n, H, W] where given."""
    error = (a - b).square().mean(1) / 4
    mean = error.mean((1, 2)) if mask is None else (error * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
    return -10 * torch.log10(mean.clamp(min=1e-10))


__all__ = ['NOUN_LIST', 'Bench', 'article', 'psnr']
