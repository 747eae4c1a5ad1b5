"""Batches for the audio transformer: latents with their tokens, known positions and what is seen. Knows no models."""
import json

import numpy as np
import torch

from training.data.tunes import TUNES
from training.paths import work

POSITIONS = 64


class Sounds:
    """The prepared clips of training, drawn by share: hits in step with moving pictures, `tunes` named ones (audio/named_tunes.py), and the rest with the forty classes first."""

    def __init__(self, seed: int, tunes: float = 0.0):
        rows = json.loads(work("data", "audio", "rows.json").read_text())
        self.latents = torch.from_numpy(np.load(work("data", "audio", "latents.npy")))
        self.tokens = torch.from_numpy(np.load(work("data", "audio", "tokens.npy")))
        self.captions = np.load(work("data", "audio", "captions.npy"))
        self.motion = torch.from_numpy(np.load(work("data", "audio", "motion.npy")))
        self.steps = np.array([i for i, row in enumerate(rows) if row["split"] == "step"])
        self.motion_row = {int(i): k for k, i in enumerate(i for i, row in enumerate(rows) if row["split"] in ("step", "test-step"))}
        self.plain = np.array([i for i, row in enumerate(rows) if row["split"] == "train"])
        self.random = np.random.RandomState(seed)
        # Named tunes are rows after all others, their captions after all others.
        self.tunes, path = np.empty(0, int), work("data", "audio", "tunes.npz")
        if tunes and path.exists():
            with np.load(path) as kept:
                self.notes = torch.from_numpy(kept["notes"]).float()
                self.tunes = len(self.latents) + np.arange(len(kept["latents"]))
                self.captions = np.concatenate([self.captions, kept["captions"] + len(self.tokens)])
                self.latents = torch.cat([self.latents, torch.from_numpy(kept["latents"])])
            self.tokens = torch.cat([self.tokens, torch.from_numpy(np.load(work("data", "audio", "tunes-tokens.npy")))])
        self.share = tunes if len(self.tunes) else 0.0
        self.queues = {"steps": np.empty(0, int), "plain": np.empty(0, int), "tunes": np.empty(0, int)}

    def take(self, name: str, count: int) -> np.ndarray:
        if len(self.queues[name]) < count:
            self.queues[name] = self.random.permutation(getattr(self, name))
        taken, self.queues[name] = self.queues[name][:count], self.queues[name][count:]
        return taken

    def batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """latents, prefix, mask, motion, tokens, notes [B,3] (place of a tune, the last for none; seconds of a beat; tonic). A quarter of what is no tune in step; a fifth of those without motion, so that the words alone give the sound."""
        stepped, named = self.take("steps", round(size * (1 - self.share) / 4)), self.take("tunes", round(size * self.share))
        chosen = np.concatenate([stepped, named, self.take("plain", size - len(stepped) - len(named))])
        latents = self.latents[chosen].float()
        motion = torch.zeros(size, POSITIONS, 64)
        for row, index in enumerate(stepped):
            if self.random.rand() < 0.85:
                motion[row] = self.motion[self.motion_row[int(index)], self.random.randint(3)]
        said = self.captions[chosen, self.random.randint(0, 4, size)]
        tokens = self.tokens[said].float()
        # The output projector's tokens are not the sentence encoder's to the last digit.
        tokens = tokens + (torch.rand(size, 1, 1) * 0.35) * torch.randn_like(tokens) * (tokens.abs().sum(-1, keepdim=True) > 0)
        unsaid = torch.from_numpy(self.random.rand(size) < 0.1)
        tokens[unsaid] = 0
        notes = torch.tensor([[len(TUNES), 0.27, 60.0]]).repeat(size, 1)
        if len(named):
            notes[len(stepped) : len(stepped) + len(named)] = self.notes[named - self.tunes[0]]
        notes[unsaid, 0] = len(TUNES)
        mask = torch.zeros(size, POSITIONS, 1)
        for row in np.flatnonzero(self.random.rand(size) < 0.3):
            known = self.random.choice([16, 16, 16, self.random.randint(4, 48)])
            if self.random.rand() < 0.85:
                mask[row, :known] = 1
            else:  # a hole to be filled
                start = self.random.randint(0, POSITIONS - 12)
                mask[row] = 1
                mask[row, start : start + self.random.randint(12, 40)] = 0
        return latents, latents * mask, mask, motion, tokens, notes
