"""Batches for the audio transformer: latents with their tokens, known positions and what is seen. Knows no models."""
import json

import numpy as np
import torch

from training.paths import work

POSITIONS = 64


class Sounds:
    """The prepared clips of training, drawn by share: hits in step with moving pictures, and the rest with the forty classes first."""

    def __init__(self, seed: int):
        rows = json.loads(work("data", "audio", "rows.json").read_text())
        self.latents = torch.from_numpy(np.load(work("data", "audio", "latents.npy")))
        self.tokens = torch.from_numpy(np.load(work("data", "audio", "tokens.npy")))
        self.captions = np.load(work("data", "audio", "captions.npy"))
        self.motion = torch.from_numpy(np.load(work("data", "audio", "motion.npy")))
        self.steps = np.array([i for i, row in enumerate(rows) if row["split"] == "step"])
        self.motion_row = {int(i): k for k, i in enumerate(i for i, row in enumerate(rows) if row["split"] in ("step", "test-step"))}
        self.plain = np.array([i for i, row in enumerate(rows) if row["split"] == "train"])
        self.random = np.random.RandomState(seed)
        self.queues = {"steps": np.empty(0, int), "plain": np.empty(0, int)}

    def take(self, name: str, count: int) -> np.ndarray:
        if len(self.queues[name]) < count:
            self.queues[name] = self.random.permutation(getattr(self, name))
        taken, self.queues[name] = self.queues[name][:count], self.queues[name][count:]
        return taken

    def batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """latents, prefix, mask, motion, tokens. A quarter in step; a fifth of those without motion, so that the words alone give the sound."""
        stepped = self.take("steps", size // 4)
        chosen = np.concatenate([stepped, self.take("plain", size - len(stepped))])
        latents = self.latents[chosen].float()
        motion = torch.zeros(size, POSITIONS, 64)
        for row, index in enumerate(stepped):
            if self.random.rand() < 0.85:
                motion[row] = self.motion[self.motion_row[int(index)], self.random.randint(3)]
        said = self.captions[chosen, self.random.randint(0, 4, size)]
        tokens = self.tokens[said].float()
        # The output projector's tokens are not the sentence encoder's to the last digit.
        tokens = tokens + (torch.rand(size, 1, 1) * 0.35) * torch.randn_like(tokens) * (tokens.abs().sum(-1, keepdim=True) > 0)
        tokens[torch.from_numpy(self.random.rand(size) < 0.1)] = 0
        mask = torch.zeros(size, POSITIONS, 1)
        for row in np.flatnonzero(self.random.rand(size) < 0.3):
            known = self.random.choice([16, 16, 16, self.random.randint(4, 48)])
            if self.random.rand() < 0.85:
                mask[row, :known] = 1
            else:  # a hole to be filled
                start = self.random.randint(0, POSITIONS - 12)
                mask[row] = 1
                mask[row, start : start + self.random.randint(12, 40)] = 0
        return latents, latents * mask, mask, motion, tokens
