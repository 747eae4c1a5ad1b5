"""Batches of clips for the video transformer out of latents and tokens computed before. Knows nothing about the model."""
import json

import numpy as np
import torch

from training.data.motions import FRAMES
from training.paths import work

#: How much oftener an animation is drawn than a clip of its number.
ANIMATION_WEIGHT = 1.3


class Clips:
    """Draws (differences, first, tokens, flow, known): scaled differences [B,16,4,16,16], noisy first frame [B,4,16,16], tokens [B,16,384], true flow
    [B,16,16,16,2] in -1..1 and where it is known [B,16,16,16].

    A third is seen in a mirror (latents and words). Tokens: 10 % are zeros, 10 % keep only the sentence, half carry noise of deviation 0.1 to 0.2.
    First frames: half carry noise up to 0.15, as drawn ones differ from encoded ones.
    """

    def __init__(self, seed: int, scale: float, split: str = "train"):
        self.random, self.scale = np.random.default_rng(seed), scale
        self.latents = np.load(work("data", "clips", "latents.npy"), mmap_mode="r")
        self.matrices = np.load(work("data", "clips", "matrices.npy"), mmap_mode="r")
        self.tokens = np.load(work("data", "clips", "tokens.npy"), mmap_mode="r")
        self.rows = json.loads(work("data", "clips", "rows.json").read_text())
        self.members = [i for i, row in enumerate(self.rows) if row["split"] == split]
        weight = np.array([ANIMATION_WEIGHT if self.rows[i]["kind"] == "animation" else 1.0 for i in self.members])
        self.chance = weight / weight.sum()
        middle = (np.arange(16) + 0.5) / 8 - 1
        self.places = np.stack([np.broadcast_to(middle, (16, 16)), np.broadcast_to(middle[:, None], (16, 16)), np.ones((16, 16))], -1).astype(np.float32)

    def batch(self, size: int, plain: bool = False, chosen=None):
        """`plain`: no noise, no mirror and the first caption, for measuring."""
        random = self.random
        chosen = random.choice(self.members, size, p=self.chance) if chosen is None else np.asarray(chosen)
        latents = torch.from_numpy(np.stack([self.latents[i] for i in chosen]).astype(np.float32))
        matrices = np.stack([self.matrices[i] for i in chosen]).astype(np.float32)
        mirror = np.zeros(size, bool) if plain else random.random(size) < 1 / 3
        texts = []
        for i, turned in zip(chosen, mirror):
            names = self.rows[i]["mirrored" if turned else "texts"]
            texts.append(names[0 if plain or random.random() < 0.3 else random.integers(len(names))])
        latents[mirror] = latents[mirror].flip(-1)
        matrices[mirror] *= np.array([[1, -1, -1], [-1, 1, 1]], np.float32)
        flow = torch.from_numpy(np.einsum("bfij,yxj->bfyxi", matrices, self.places))
        known = (flow.abs() < 0.95).all(-1)
        flow = flow.nan_to_num(0)
        first = latents[:, 0]
        difference = (latents - first[:, None]) * self.scale
        tokens = torch.from_numpy(np.stack([self.tokens[t] for t in texts]).astype(np.float32))
        if plain:
            return difference, first, tokens, flow, known
        draw = lambda: torch.from_numpy(random.random(size).astype(np.float32))
        amount = (0.1 + 0.1 * draw()) * (draw() < 0.5)
        present = (tokens.abs().sum(-1, keepdim=True) > 0).float()
        tokens += amount[:, None, None] * present * torch.randn_like(tokens)
        fate = draw()
        tokens[fate < 0.1] = 0
        tokens[(fate >= 0.1) & (fate < 0.2), 1:] = 0
        first = first + (0.15 * draw() * (draw() < 0.5))[:, None, None, None] * torch.randn_like(first)
        return difference, first, tokens, flow, known
